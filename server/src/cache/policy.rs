//! Policies at the door: where a request goes that is not answered from memory, and what is ordered about the answer.

use super::origin::Address;
use super::problem::Problem;
use super::target::Target;
use super::visit::{Special, Visit};
use crate::config::table;
use crate::server::Shared;
use http::{HeaderMap, StatusCode, Uri};
use spinel_cache::Headers;
use spinel_cache::policy::{Applied, Subject, Unfit};

/// What the policies come to for a request with these fields; nothing if there is none for its key. Where no policy says so, an answer that
/// something is not to be had is kept for as long as a setting says.
pub(super) fn policy_for(
    shared: &Shared,
    subject: Subject<'_>,
    fields: &HeaderMap,
) -> Option<Result<Applied, Unfit>> {
    let policies = shared.engine.keyspace().policies();
    let applied = policies.apply(subject, Headers::Map(fields))?;
    Some(applied.map_err(|(_, unfit)| unfit).map(|mut applied| {
        applied.orders.negative_ttl = Some(shared.config.number(table::CACHE_NEGATIVE_TTL) as u32);
        applied
    }))
}

impl Visit {
    /// Lets a request of the door go where its policy says, if there is one. What is stored for it is stored under the key that it has.
    pub(super) fn route(&mut self) -> Result<(), Problem> {
        let key = self.target.key();
        let Some(applied) = policy_for(&self.worker().shared, Subject::target(key), &self.head.headers)
        else {
            return Ok(());
        };
        let Applied { policy, url, orders } = applied.map_err(|unfit| {
            self.counts().refused.add(1);
            Problem::new(StatusCode::BAD_REQUEST, unfit.why())
        })?;
        let place = Uri::try_from(&*url).ok().and_then(|uri| Some((Address::of(&uri)?, uri)));
        // The template was one of a URL; what was filled in may be no host.
        let (address, uri) = place.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, Unfit::Host.why()))?;
        let target = Target::of_url(&uri, &address);
        let (db, key) = self.place();
        let special = Special {
            db,
            key: key.into(),
            address,
            url: url.into_bytes().into(),
            orders,
            keeping: policy.keeping,
        };
        (self.target, self.special) = (target, Some(Box::new(special)));
        Ok(())
    }
}

//! What commands read that is no longer fresh: it is fetched again by whichever worker has the time.

use super::client::{Question, added};
use super::fetch::refresh_anyway;
use super::visit::Wanted;
use crate::config::table;
use crate::worker::Worker;
use http::{HeaderMap, HeaderName, HeaderValue};
use spinel_cache::Headers;
use spinel_cache::lookup::Fetch;
use spinel_cache::policy::{Applied, Orders, Policies, Subject};
use spinel_cache::selector::ABSENT;
use spinel_storage::DbIndex;
use spinel_storage::keyspace::Due;
use spinel_types::http_cache::Variant;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// So many wait at most. Who reads one that was left out has it noted again.
const DUE_MAX: usize = 1024;

/// Those that wait to be fetched again.
#[derive(Default)]
pub(super) struct Dues {
    queue: Mutex<VecDeque<Item>>,
    bell: Notify,
}

struct Item {
    db: DbIndex,
    key: Box<[u8]>,
    variant: Variant,
    url: Box<[u8]>,
    is_forced: bool,
}

impl Dues {
    /// Notes one.
    pub(super) fn note(&self, due: Due<'_>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // Many read the same one after the other.
        let is_there = queue.back().is_some_and(|last| last.variant.is_same(due.variant));
        if is_there && !due.is_forced || queue.len() >= DUE_MAX {
            return;
        }
        let ((db, key), variant) = (due.place, due.variant.clone());
        queue.push_back(Item { db, key: key.into(), variant, url: due.url.into(), is_forced: due.is_forced });
        drop(queue);
        self.bell.notify_one();
    }

    fn next(&self) -> Option<Item> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Fetches again what is due, for ever.
pub(crate) async fn refresh_due(worker: &Rc<Worker>) {
    let dues = Arc::clone(&worker.shared.cache.dues);
    loop {
        dues.bell.notified().await;
        while let Some(item) = dues.next() {
            item.refresh(worker);
        }
    }
}

impl Item {
    /// Begins to fetch it again, unless nothing could be stored.
    fn refresh(self, worker: &Rc<Worker>) {
        if worker.shared.upstream.refuses_writes() {
            return;
        }
        let negative_ttl = worker.shared.config.number(table::CACHE_NEGATIVE_TTL) as u32;
        let fields = fields(&self.variant);
        let vary = fields.keys().cloned().collect();
        let mut orders = Orders { negative_ttl: Some(negative_ttl), vary, ..Orders::default() };
        let policies = worker.shared.engine.keyspace().policies();
        let applied = self.applied(&policies, Headers::Map(&fields));
        if let Some(applied) = &applied {
            orders = added(&applied.orders, &orders);
        }
        let keeping = applied.map(|applied| applied.policy.keeping).unwrap_or_default();
        let Some(question) = Question::new((self.db, &self.key), &self.url, fields, orders) else { return };
        let forced = self.is_forced.then(|| Wanted::of(&Fetch::again(&self.variant)));
        refresh_anyway(&question.kept(keeping).visit(worker), forced);
    }

    /// What the policies come to for it. A key doesn't say whether it is that of a request at the door, with a query; the URL from which
    /// it came does, if a policy made it.
    fn applied(&self, policies: &Policies, headers: Headers<'_>) -> Option<Applied> {
        let apply = |subject| policies.apply(subject, headers).and_then(Result::ok);
        let is_its = |applied: &Applied| *applied.url.as_bytes() == *self.url;
        let plain = apply(Subject::plain(&self.key));
        if plain.as_ref().is_some_and(is_its) {
            return plain;
        }
        apply(Subject::target(&self.key)).filter(is_its).or(plain)
    }
}

/// A request's fields that choose a variant.
fn fields(variant: &Variant) -> HeaderMap {
    let chosen = variant.selector().iter().filter(|(_, value)| *value != ABSENT);
    let pairs = chosen.filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    pairs.collect()
}

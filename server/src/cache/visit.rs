//! A request that may be answered with what is stored.

use super::Cache;
use super::body::Response;
use super::counts::Counts;
use super::disk;
use super::door::Guest;
use super::exchange::Failure;
use super::flight::Name;
use super::hints::{self, Hints};
use super::origin::{Address, Origin};
use super::recent::Subject;
use super::store::{self, Place};
use super::tallies::Event;
use super::target::Target;
use crate::config::table;
use crate::server::now;
use crate::worker::Worker;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Version};
use spinel_cache::cache_status::{CacheStatus, Forwarded};
use spinel_cache::lookup::{Decision, Fallback, Fetch, Reason, lookup};
use spinel_cache::policy::{self, Keeping, Orders};
use spinel_cache::rules;
use spinel_cache::storing::Options;
use spinel_cache::{Headers, Request, selector, timeline};
use spinel_storage::DbIndex;
use spinel_storage::keyspace::Epoch;
use spinel_types::http_cache::{Content, Filed, Variant};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// Fields by which a client asks for less than the whole.
const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];

/// How often something is chosen whose file turns out to be lost, before the origin is asked.
const LOOKS_MAX: usize = 8;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A request, and who asks.
pub(super) struct Visit {
    pub(super) asker: Asker,
    /// Method and fields, as the rules see them.
    pub(super) head: Parts,
    /// What the origin is asked for.
    pub(super) target: Target,
    /// What is asked for in another way than the door asks by itself.
    pub(super) special: Option<Box<Special>>,
    /// Who takes what the origin says before it answers, if anybody does.
    pub(super) hints: Option<Hints>,
}

/// Who asks.
pub(super) enum Asker {
    /// A client of the door.
    Guest(Rc<Guest>),
    /// A client of RESP, or this server for one.
    Client(Rc<Worker>),
}

/// Where something is stored and fetched, and what is ordered about it.
pub(super) struct Special {
    pub(super) db: DbIndex,
    pub(super) key: Box<[u8]>,
    pub(super) address: Address,
    /// What a variant is said to come from.
    pub(super) url: Box<[u8]>,
    pub(super) orders: Orders,
    /// How a policy wants it to be kept.
    pub(super) keeping: Keeping,
}

/// What is done about it.
pub(super) enum Choice {
    Serve(Variant),
    /// The same, and what is wanted meanwhile.
    Refresh(Variant, Wanted),
    Fetch(Wanted),
    /// The client wants nothing but what is stored.
    Unavailable,
}

/// Why the origin is asked; see [`Fetch`].
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) reason: Reason,
    pub(super) stored: Option<Variant>,
    pub(super) fallback: Fallback,
}

impl Wanted {
    /// What is not looked up.
    pub(super) fn without_lookup(reason: Reason) -> Wanted {
        Wanted::of(&Fetch::without_lookup(reason))
    }

    pub(super) fn of(fetch: &Fetch<'_>) -> Wanted {
        Wanted { reason: fetch.reason, stored: fetch.stored.cloned(), fallback: fetch.fallback }
    }

    /// What is said of an answer that came because of it.
    pub(super) fn forwarded(&self, status: u16) -> Forwarded {
        Forwarded { status: Some(status), ..Forwarded::new(self.reason) }
    }

    /// What it is to who asked that there is no answer: if what is stored must not be used without one, that is the reason, and not how
    /// it came to that (RFC 9111, section 5.2.2.2).
    pub(super) fn seen(&self, failure: Failure) -> Failure {
        let must_ask = self.stored.as_ref().is_some_and(|variant| variant.rules & rules::NEVER_STALE != 0);
        match failure {
            Failure::Unreachable | Failure::Broken | Failure::Resting | Failure::Crowded if must_ask => {
                Failure::Unproven
            }
            _ => failure,
        }
    }

    /// The same as the rules want it.
    pub(super) fn fetch(&self) -> Fetch<'_> {
        Fetch { reason: self.reason, stored: self.stored.as_ref(), fallback: self.fallback }
    }
}

impl Choice {
    /// The body that is to be served, if it is in a file.
    pub(super) fn filed(&self) -> Option<&Arc<Filed>> {
        let (Choice::Serve(variant) | Choice::Refresh(variant, _)) = self else { return None };
        variant.body().filed()
    }

    fn of(decision: &Decision<'_>) -> Choice {
        match decision {
            Decision::Serve(variant) => Choice::Serve((*variant).clone()),
            Decision::ServeAndRefresh(variant) => {
                Choice::Refresh((*variant).clone(), Wanted::of(&Fetch::again(variant)))
            }
            Decision::Fetch(fetch) => Choice::Fetch(Wanted::of(fetch)),
            Decision::Unavailable => Choice::Unavailable,
        }
    }
}

impl Visit {
    /// The worker of who asks.
    pub(super) fn worker(&self) -> &Rc<Worker> {
        match &self.asker {
            Asker::Guest(guest) => &guest.worker,
            Asker::Client(worker) => worker,
        }
    }

    /// Has what the origin says before it answers handed over to the client. Those of HTTP/1.0 would take it for the answer.
    pub(super) fn listen(&mut self) -> UnboundedReceiver<Vec<u8>> {
        let (hints, heard) = hints::pair();
        self.hints = (self.head.version != Version::HTTP_10).then_some(hints);
        heard
    }

    /// What workers share.
    pub(super) fn cache(&self) -> &Cache {
        &self.worker().shared.cache
    }

    /// Under which key of which database answers are stored.
    pub(super) fn place(&self) -> Place<'_> {
        match &self.special {
            Some(special) => (special.db, &special.key),
            None => (DbIndex(0), self.target.key()),
        }
    }

    /// The same, and from which URL they come.
    pub(super) fn subject(&self) -> Subject {
        let (db, key) = self.place();
        let mut url = self.address().map(Address::to_string).unwrap_or_default().into_bytes();
        url.extend_from_slice(self.target.path());
        Subject { db, key: key.into(), url: url.into() }
    }

    /// At which address answers are asked for, if anywhere.
    fn address(&self) -> Option<&Address> {
        let address = self.special.as_ref().map(|special| &special.address);
        address.or(self.cache().origin.as_ref())
    }

    /// Where answers come from.
    pub(super) fn origin(&self) -> Result<Arc<Origin>, Failure> {
        let address = self.address().ok_or(Failure::Unreachable)?;
        self.cache().origin_at(address, &self.worker().shared.config).ok_or(Failure::Crowded)
    }

    /// How answers are judged.
    pub(super) fn options(&self) -> Options {
        let config = &self.worker().shared.config;
        Options {
            cookies: self.keeping().cookies,
            guess_percent: config.number(table::CACHE_HEURISTIC_PERCENT) as u32,
            guess_max_s: config.number(table::CACHE_HEURISTIC_MAX) as u32,
            orders: self.special.as_ref().map_or_else(Orders::default, |special| special.orders.clone()),
            ..Options::default()
        }
    }

    /// How answers are kept.
    pub(super) fn keeping(&self) -> Keeping {
        self.special.as_ref().map_or_else(Keeping::default, |special| special.keeping)
    }

    /// The epoch of what is stored.
    pub(super) fn epoch(&self) -> Epoch {
        self.worker().shared.engine.keyspace().epoch(self.place().0)
    }

    /// What this worker counts.
    pub(super) fn counts(&self) -> &Counts {
        &self.worker().statistics.cache
    }

    /// Counts what happens to it, for the policy that had the variant fetched which answers it, or that it goes by.
    pub(super) fn note(&self, event: Event, variant: Option<&Variant>) {
        let ordered = self.special.as_ref().map_or(&[][..], |special| &special.orders.tags);
        let own = || ordered.iter().find_map(|tag| policy::of_tag(tag));
        let policy = variant.and_then(|variant| policy::name_of(variant.tags())).or_else(own);
        self.counts().note(policy, event);
        if matches!(event, Event::Miss | Event::Collapsed) {
            self.counts().missed.note(self.place(), now());
        }
    }

    /// Says in an answer what was done about the request: what was asked of the origin, if anything, and how long what is
    /// stored stays fresh from now on.
    pub(super) fn told(
        &self,
        mut response: Response,
        forwarded: Option<Forwarded>,
        (variant, now): (&Variant, i64),
    ) -> Response {
        let ttl = timeline::ttl_s(variant, now);
        let status = CacheStatus { forwarded, ttl, key: self.key(), ..CacheStatus::new(&self.cache().name) };
        append(&mut response, &status);
        response
    }

    /// The same of an answer of which nothing is stored, and why not.
    pub(super) fn told_apart(
        &self,
        mut response: Response,
        forwarded: Forwarded,
        detail: Option<&'static str>,
    ) -> Response {
        let forwarded = Some(forwarded);
        let status =
            CacheStatus { forwarded, key: self.key(), detail, ..CacheStatus::new(&self.cache().name) };
        append(&mut response, &status);
        response
    }

    fn key(&self) -> Option<&str> {
        std::str::from_utf8(self.place().1).ok()
    }

    /// The request as the rules want it.
    pub(super) fn request(&self) -> Request<'_> {
        Request { method: &self.head.method, headers: &self.head.headers }
    }

    /// Whether the origin is asked if what is stored is still valid. Of what came from somewhere else it can't say that.
    pub(super) fn validates(&self, wanted: &Wanted) -> bool {
        let is_other = |special: &Special, url: &[u8]| !url.is_empty() && *url != *special.url;
        let is_from_elsewhere = match (&self.special, &wanted.stored) {
            (Some(special), Some(stored)) => is_other(special, stored.url()),
            _ => false,
        };
        !is_from_elsewhere && wanted.fetch().is_validation()
    }

    /// Decides by what is stored now.
    pub(super) fn choose(&self) -> (Choice, i64) {
        let request = self.request();
        let found = store::look(self.worker(), self.place(), |entry, now| {
            (Choice::of(&lookup(request, entry.variants(), now)), now)
        });
        found.unwrap_or_else(|| {
            let now = now().0;
            (Choice::of(&lookup(request, &[], now)), now)
        })
    }

    /// What is stored now.
    pub(super) fn variants(&self) -> Vec<Variant> {
        let variants = store::look(self.worker(), self.place(), |entry, _| entry.variants().to_vec());
        variants.unwrap_or_default()
    }

    /// The same. A body in a file is open then, as long as what is returned with the choice, whatever happens to the
    /// entry. What turns out to be lost is not chosen.
    pub(super) async fn choose_held(&self) -> (Choice, i64, Option<Content>) {
        for _ in 0..LOOKS_MAX {
            let (choice, now) = self.choose();
            let Some(filed) = choice.filed() else { return (choice, now, None) };
            let held = disk::hold(filed).await;
            if held.is_some() {
                return (choice, now, held);
            }
        }
        (Choice::Fetch(Wanted::without_lookup(Reason::UriMiss)), now().0, None)
    }

    /// The name under which others may share what is fetched; nothing if it is for this client only.
    pub(super) fn name(&self, wanted: &Wanted) -> Option<Name> {
        let is_usual = matches!(wanted.reason, Reason::UriMiss | Reason::VaryMiss | Reason::Stale);
        let is_conditional =
            || wanted.stored.is_none() && CONDITIONS.iter().any(|name| self.head.headers.contains_key(name));
        let is_shared = self.head.method == Method::GET && is_usual && !is_conditional();
        is_shared.then(|| {
            let vary = wanted.stored.as_ref().map(|variant| Headers::Stored(variant.fields()));
            self.named(vary)
        })
    }

    /// The name if the answer depends on what these fields of an answer say.
    pub(super) fn named(&self, answer: Option<Headers<'_>>) -> Name {
        let vary = self.special.as_ref().map_or(&[][..], |special| &special.orders.vary);
        let answer = answer.unwrap_or(Headers::Pairs(&[]));
        let selector = selector::of_answer_and(answer, Headers::Map(&self.head.headers), vary);
        let selector = selector.map_or_else(Box::default, |selector| selector.encoded().into());
        Name { subject: self.subject(), selector }
    }
}

fn append(response: &mut Response, status: &CacheStatus<'_>) {
    // It has no characters that no field has.
    if let Ok(value) = HeaderValue::try_from(status.to_string()) {
        response.headers_mut().append(CACHE_STATUS, value);
    }
}

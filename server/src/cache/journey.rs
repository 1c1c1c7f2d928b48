//! Carrying out a flight: a task of its own, which does not end with the client that wanted it.

use super::carrying::Carrying;
use super::download::Download;
use super::exchange::{Failure, Repeats, exchange};
use super::fields;
use super::flight::{Head, Pilot, Reader, Stage};
use super::stock::Stock;
use super::store;
use super::tallies::Event;
use super::upload::Upload;
use super::visit::{Asker, Visit, Wanted};
use crate::config::table;
use crate::server::now;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::response::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Body;
use spinel_cache::freshen::{Keep, by_head, not_modified};
use spinel_cache::lookup::Failure as RuleFailure;
use spinel_cache::policy::{Spans, Terms};
use spinel_cache::storing::{Options, Refusal, judge};
use spinel_cache::{Times, forward};
use spinel_types::HttpCache;
use spinel_types::http_cache::Variant;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::task::spawn_local;

/// How long it is remembered that an answer was for one client only, so that others don't wait for it, and that an origin
/// failed, so that it is not asked at once again.
const MEMORY_MS: i64 = 10_000;

/// What somebody gets who had the origin asked.
pub(super) enum Landing {
    /// The answer, what is stored of its head, and who brings its body, which others may read, too.
    Begun(Box<Parts>, Arc<Head>, Reader),
    /// The answer, for this client only, and why in a word.
    Own(Box<Response<Download>>, &'static str),
    /// What is stored is still valid.
    Renewed(Variant),
    Failed(Failure),
}

/// A flight, and who waits for it to land.
struct Journey {
    visit: Rc<Visit>,
    wanted: Wanted,
    pilot: Pilot,
    /// What was stored when it began.
    stock: Stock,
    /// Who began it may be gone.
    client: Sender<Landing>,
}

/// Asks the origin. Whoever drops what is returned ends nothing.
pub(super) fn depart(visit: &Rc<Visit>, wanted: &Wanted, pilot: Pilot) -> Receiver<Landing> {
    let (client, landing) = oneshot::channel();
    let stock = store::stock(visit.worker(), visit.place());
    let journey = Journey { visit: Rc::clone(visit), wanted: wanted.clone(), pilot, stock, client };
    spawn_local(journey.fly());
    landing
}

/// Sends the origin a request for what is wanted. Its answer has the fields that are for clients.
pub(super) async fn ask(visit: &Visit, wanted: &Wanted, body: Upload) -> Result<Response<Download>, Failure> {
    let origin = visit.origin()?;
    let name = &visit.cache().name;
    let mut request = Request::new(body);
    *request.method_mut() = visit.head.method.clone();
    // It was made of a target, with no other characters.
    let path = PathAndQuery::try_from(visit.target.path()).map_err(|_| Failure::Broken)?;
    *request.uri_mut() = Uri::from(path);
    *request.headers_mut() = forward::fields(visit.request(), &wanted.fetch());
    if wanted.stored.is_some() && !visit.validates(wanted) {
        request.headers_mut().remove(IF_NONE_MATCH);
        request.headers_mut().remove(IF_MODIFIED_SINCE);
    }
    let repeats = match &visit.asker {
        Asker::Guest(guest) => {
            let door = (guest.peer, visit.cache().scheme);
            fields::send(request.headers_mut(), (&visit.head, &visit.target), door, name);
            Repeats::Unsent
        }
        Asker::Client(_) => {
            fields::send_own(request.headers_mut(), &visit.target);
            Repeats::Any
        }
    };
    if let Some(hints) = &visit.hints {
        hints.listen(&mut request, name);
    }
    let asked = now().0;
    let outcome = exchange(visit.worker(), &origin, request, repeats).await;
    let took_ms = now().0.saturating_sub(asked).max(0).unsigned_abs();
    visit.note(if outcome.is_ok() { Event::Answered(took_ms) } else { Event::Failed(took_ms) }, None);
    let mut answer = outcome?;
    let form = (answer.version(), answer.status());
    fields::receive(answer.headers_mut(), form, name);
    *answer.version_mut() = Version::HTTP_11;
    Ok(answer)
}

impl Journey {
    async fn fly(mut self) {
        loop {
            let asked = now().0;
            let answer = match ask(&self.visit, &self.wanted, Upload::NOTHING).await {
                Ok(answer) => answer,
                Err(failure) => return self.fail(failure),
            };
            let times = Times { asked, came: now().0 };
            let status = answer.status();
            if self.wanted.fallback.allows(RuleFailure::Status(status.as_u16()), times.came) {
                return self.fail(Failure::Status(status));
            }
            self.visit.cache().failing.forget(&self.visit.subject());
            if status != StatusCode::NOT_MODIFIED || !self.visit.validates(&self.wanted) {
                return self.bring(answer, times).await;
            }
            if let Some(variant) = self.renew(answer.headers(), times) {
                self.pilot.end(Stage::Renewed(variant.clone()));
                // It may be gone, here and below.
                let _ = self.client.send(Landing::Renewed(variant));
                return;
            }
            // The origin means something that is not stored.
            self.wanted.stored = None;
        }
    }

    /// Stores anew what the origin has found valid, and returns what it was asked about.
    fn renew(&self, headers: &HeaderMap, times: Times) -> Option<Variant> {
        let asked = self.wanted.stored.as_ref()?;
        let visit = &self.visit;
        let head = spinel_cache::Head { status: StatusCode::NOT_MODIFIED, headers };
        let options = visit.options();
        let judge = |variants: &[Variant]| {
            let all = not_modified(visit.request(), asked, variants, head, times, &options);
            all.into_iter().map(|one| (one.former.clone(), one.variant, one.keep)).collect::<Vec<_>>()
        };
        let renewed = judge(&visit.variants());
        for (former, variant, keep) in &renewed {
            self.update(former, variant, *keep);
        }
        // What is not stored any more still answers who asked before it went.
        let renewed = if renewed.is_empty() { judge(std::slice::from_ref(asked)) } else { renewed };
        let asked_at = renewed.iter().position(|(former, ..)| former.is_same(asked)).unwrap_or(0);
        renewed.into_iter().nth(asked_at).map(|(_, variant, _)| variant)
    }

    fn fail(self, failure: Failure) {
        if self.wanted.stored.is_some() {
            let now = now().0;
            self.visit.cache().failing.note(self.visit.subject(), now + MEMORY_MS, now);
        }
        self.pilot.end(Stage::Failed(failure));
        let _ = self.client.send(Landing::Failed(failure));
    }

    /// Brings an answer to all who want it, and stores it; or to one client, if it is for no other.
    async fn bring(self, answer: Response<Download>, times: Times) {
        let visit = &self.visit;
        let head = spinel_cache::Head { status: answer.status(), headers: answer.headers() };
        let length = answer.body().size_hint().exact();
        let usual_max = visit.worker().shared.config.number(table::CACHE_BODY_MAX) as u64;
        let keeping = visit.keeping();
        let bytes_max = keeping.body_max.map_or(usual_max, |own_max| own_max.min(usual_max));
        let is_too_large = length.is_some_and(|length| length > bytes_max);
        let variant = match judge(visit.request(), head, times, &self.options(answer.status())) {
            Ok(mut parts) if !is_too_large => {
                parts.url = visit.special.as_ref().map_or_else(Box::default, |special| special.url.clone());
                parts.numbers.is_for_disk = keeping.is_for_disk;
                Variant::from(parts)
            }
            judged => return self.hand_over(answer, judged.err(), times),
        };
        visit.cache().apart.forget(&visit.subject());
        let (parts, body) = for_client(answer).into_parts();
        let head = Arc::new(Head { variant, length });
        self.pilot.begin(Arc::clone(&head));
        let carrying = Carrying::new((self.visit, self.stock), (self.pilot, head), bytes_max);
        if let Some(reader) = carrying.pilot().flight().read() {
            let _ = self.client.send(Landing::Begun(Box::new(parts), Arc::clone(carrying.head()), reader));
        }
        carrying.carry(body).await;
    }

    /// How an answer with this status is judged.
    fn options(&self, status: StatusCode) -> Options {
        let mut options = self.visit.options();
        let Some(stored) = &self.wanted.stored else { return options };
        let orders = &mut options.orders;
        if status.is_server_error() {
            // What is stored may still be of use, when the origin fails altogether.
            orders.negative_ttl = None;
        }
        if orders.given == Spans::default() && orders.terms == Terms::default() {
            // What was given when it was written holds again.
            orders.given = Spans { ttl: stored.ttl, swr: stored.swr, grace: stored.grace };
        }
        options
    }

    /// Gives an answer that is not stored, for this reason or for its size, to the one client it is for.
    fn hand_over(self, answer: Response<Download>, refusal: Option<Refusal>, times: Times) {
        let visit = &self.visit;
        // That this client wants nothing stored says nothing of others.
        let is_wish = refusal == Some(Refusal::Wish);
        if self.pilot.is_shared() && !is_wish {
            visit.cache().apart.note(visit.subject(), times.came + MEMORY_MS, times.came);
        }
        if visit.head.method == Method::HEAD {
            self.learn(answer.status(), answer.headers(), times);
        }
        self.pilot.end(if is_wish { Stage::Abandoned } else { Stage::Apart });
        let why = refusal.map_or("size", Refusal::name);
        let _ = self.client.send(Landing::Own(Box::new(for_client(answer)), why));
    }

    /// Lets what is stored profit from the answer to a `HEAD`.
    fn learn(&self, status: StatusCode, headers: &HeaderMap, times: Times) {
        let (visit, head) = (&self.visit, spinel_cache::Head { status, headers });
        for renewed in by_head(visit.request(), &visit.variants(), head, times, &visit.options()) {
            self.update(renewed.former, &renewed.variant, renewed.keep);
        }
    }

    /// Does with what is stored what has become of it.
    fn update(&self, former: &Variant, variant: &Variant, keep: Keep) {
        let (worker, place) = (self.visit.worker(), self.visit.place());
        // First, because it has the body of the former.
        if keep == Keep::New {
            put(&self.visit, (&self.pilot, &self.stock), variant.clone());
        }
        if keep == Keep::Neither || keep == Keep::New && former.selector() != variant.selector() {
            store::remove_variant(worker, place, former);
        }
    }
}

/// The answer without fields that are for one connection.
pub(super) fn for_client(mut answer: Response<Download>) -> Response<Download> {
    *answer.headers_mut() = fields::forwarded(answer.headers());
    answer
}

/// Stores a variant, unless something has changed since it was asked for: then it is not known whether the answer knows of that.
pub(super) fn put(visit: &Visit, (pilot, stock): (&Pilot, &Stock), variant: Variant) {
    let may = |variant: &Variant, entry: Option<&HttpCache>, now| {
        !pilot.is_outdated() && stock.gives_way(variant, entry, now)
    };
    if store::put(visit.worker(), visit.place(), (variant, pilot.epoch()), may) {
        visit.counts().stored.add(1);
    }
}

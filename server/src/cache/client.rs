//! Fetching for clients of RESP: what they ask for, and what it comes to in their words.

use super::body::Body;
use super::counts::Counts;
use super::exchange::Failure;
use super::fetch::{failed, fetch, found, found_stale, refresh};
use super::finding::{Coming, Finding, Found, Merit};
use super::flight::Head;
use super::journey::{ask, for_client};
use super::origin::Address;
use super::stored;
use super::tallies::Event;
use super::target::Target;
use super::upload::Upload;
use super::visit::{Asker, Choice, Special, Visit, Wanted};
use crate::config::table;
use crate::server::now;
use crate::worker::Worker;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};
use hyper::body::Body as _;
use spinel_cache::lookup::{Decision, Reason, lookup};
use spinel_cache::policy::{self, Keeping, NEGATIVE_MIN, Orders};
use spinel_cache::timeline::{self, State};
use spinel_resp::ReplyWriter;
use spinel_storage::commands::CacheReply;
use spinel_storage::engine::Turn;
use spinel_storage::engine::wait::Waiter;
use spinel_storage::{DbIndex, Error, UnixMillis};
use spinel_types::http_cache::{Fields, FieldsRef, Variant};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

const TOO_LONG: Error = Error::Text("ERR the body is longer than cache-body-max");
const REFUSED: Error =
    Error::Text("ERR the origin may not be asked: see cache-origin-allow and cache-allow-private");

/// What a client of RESP asks for.
pub(crate) struct Question {
    special: Box<Special>,
    target: Target,
    head: Parts,
    /// Whether nothing is looked up or stored.
    is_apart: bool,
}

impl Question {
    /// Asks for what is stored under a key, or else at a URL with these fields; nothing if that is no URL of HTTP.
    pub(crate) fn new(
        (db, key): (DbIndex, &[u8]),
        url: &[u8],
        fields: HeaderMap,
        orders: Orders,
    ) -> Option<Question> {
        let uri = Uri::try_from(url).ok()?;
        let address = Address::of(&uri)?;
        let target = Target::of_url(&uri, &address);
        let (mut head, ()) = Request::new(()).into_parts();
        head.headers = fields;
        let keeping = Keeping::default();
        let special = Special { db, key: key.into(), address, url: url.into(), orders, keeping };
        Some(Question { special: Box::new(special), target, head, is_apart: false })
    }

    /// The same for an answer that is kept in this way.
    pub(crate) fn kept(mut self, keeping: Keeping) -> Question {
        self.special.keeping = keeping;
        self
    }

    /// The same without looking at what is stored, and without storing what comes.
    pub(crate) fn apart(self) -> Question {
        Question { is_apart: true, ..self }
    }

    /// The same on the way to an answer.
    pub(super) fn visit(self, worker: &Rc<Worker>) -> Rc<Visit> {
        let Question { special, target, head, .. } = self;
        let asker = Asker::Client(Rc::clone(worker));
        Rc::new(Visit { asker, head, target, special: Some(special), hints: None })
    }

    /// Replies at once if what is stored is fresh; whether it is.
    pub(crate) fn answer_at_once(
        &self,
        turn: &mut Turn<'_>,
        reply: &mut ReplyWriter,
        counts: &Counts,
    ) -> Result<bool, Error> {
        if self.is_apart {
            return Ok(false);
        }
        let (now, Special { db, key, .. }) = (turn.now().0, &*self.special);
        let request = spinel_cache::Request { method: &Method::GET, headers: &self.head.headers };
        let found = turn.http_cache(*db, key, |entry| match lookup(request, entry.variants(), now) {
            Decision::Serve(variant) => Some(variant.clone()),
            _ => None,
        })?;
        // What is not in memory as it is told has to be waited for.
        let Some(variant) = found.flatten() else { return Ok(false) };
        let Some(body) = variant.body().plain() else { return Ok(false) };
        counts.requests.add(1);
        counts.note(policy::name_of(variant.tags()), Event::Hit(variant.body().len() as u64));
        tell_stored((&variant, body), Merit::Fresh, now, reply);
        Ok(true)
    }
}

/// What a policy orders, and what a caller does, who counts more.
pub(crate) fn added(policy: &Orders, own: &Orders) -> Orders {
    let mut vary = [&policy.vary[..], &own.vary].concat();
    vary.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    vary.dedup();
    let tags = [&policy.tags[..], &own.tags].concat();
    Orders { given: own.given, terms: policy.terms.clone(), negative_ttl: own.negative_ttl, vary, tags }
}

/// Brings a client what it asks for. It ends when the client has its reply, or does not wait any more.
pub(crate) async fn answer(question: Question, waiter: &Waiter, worker: &Rc<Worker>) {
    let is_apart = question.is_apart;
    let visit = question.visit(worker);
    visit.counts().requests.add(1);
    let finding = if is_apart { pass(&visit).await } else { find(&visit).await };
    let state = if is_apart { "bypass" } else { "miss" };
    let bytes_max = worker.shared.config.number(table::CACHE_BODY_MAX) as usize;
    match gather(finding, bytes_max).await {
        Ok(gathered) => waiter.answer(|reply| gathered.tell(state, reply)),
        Err(error) => waiter.fail(error),
    };
}

async fn find(visit: &Rc<Visit>) -> Finding {
    let (choice, now, held) = visit.choose_held().await;
    match (choice, now) {
        (Choice::Serve(variant), now) => found(visit, variant, now).holding(held),
        (Choice::Refresh(variant, wanted), now) => {
            refresh(visit, &wanted);
            found_stale(visit, variant, now).holding(held)
        }
        (Choice::Fetch(wanted), _) => fetch(visit, wanted).await,
        (Choice::Unavailable, _) => Finding::Unavailable,
    }
}

/// Asks the origin, and neither reads nor stores anything.
async fn pass(visit: &Visit) -> Finding {
    visit.counts().passes.add(1);
    let wanted = Wanted::without_lookup(Reason::Bypass);
    match ask(visit, &wanted, Upload::NOTHING).await {
        Ok(answer) => {
            let forwarded = wanted.forwarded(answer.status().as_u16());
            Finding::Own(Box::new(for_client(answer)), forwarded, None)
        }
        Err(failure) => failed(&wanted, failure),
    }
}

/// What it comes to, with all of the body.
enum Gathered {
    /// What is stored, with its body, if that is not in memory as it is told.
    Stored(Variant, Option<Vec<u8>>, Merit, i64),
    /// What came, with the head of what is stored of it.
    Came(Arc<Head>, Vec<u8>),
    /// What came for this client only.
    Own(u16, HeaderMap, Vec<u8>),
    Failed(Failure),
    Nothing,
}

/// Waits for the body.
async fn gather(finding: Finding, bytes_max: usize) -> Result<Gathered, Error> {
    let gathered = match finding {
        Finding::Stored(Found { variant, merit, now, held }) => {
            if variant.body().plain().is_some() {
                return Ok(Gathered::Stored(variant, None, merit, now));
            }
            // It was stored, so it is not too long.
            let body = read(stored::whole(&variant, held.as_ref()), usize::MAX).await?;
            body.map(|body| Gathered::Stored(variant, Some(body), merit, now))
        }
        Finding::Failed(Failure::Refused, _) => return Err(REFUSED),
        Finding::Failed(failure, _) => return Ok(Gathered::Failed(failure)),
        Finding::Unavailable => return Ok(Gathered::Nothing),
        Finding::Coming(coming) => {
            let Coming { head, reader, .. } = *coming;
            read(Body::Flight(reader), bytes_max).await?.map(|body| Gathered::Came(head, body))
        }
        Finding::Own(answer, ..) => {
            let (parts, body) = answer.into_parts();
            let body = read(Body::Origin(Box::new(body)), bytes_max).await?;
            body.map(|body| Gathered::Own(parts.status.as_u16(), parts.headers, body))
        }
    };
    Ok(gathered.unwrap_or(Gathered::Failed(Failure::Broken)))
}

/// All of a body; nothing if its end does not come.
async fn read(mut body: Body, bytes_max: usize) -> Result<Option<Vec<u8>>, Error> {
    let expected = body.size_hint().exact().unwrap_or(0);
    if expected > bytes_max as u64 {
        return Err(TOO_LONG);
    }
    // What is announced is believed as far as it has come.
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else { return Ok(None) };
        let piece = frame.into_data().unwrap_or_default();
        if bytes.len() + piece.len() > bytes_max {
            return Err(TOO_LONG);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

impl Gathered {
    /// Tells it; `state` is what is said of what came from the origin.
    fn tell(self, state: &str, reply: &mut ReplyWriter) {
        match self {
            Gathered::Stored(variant, read, merit, now) => {
                let body = read.as_deref().or(variant.body().plain()).unwrap_or_default();
                tell_stored((&variant, body), merit, now, reply);
            }
            Gathered::Came(head, body) => {
                CacheReply::of(&head.variant, state, Some(&body), now()).write(reply);
            }
            Gathered::Own(status, headers, body) => {
                let fields = headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
                let fields = Fields::new(fields);
                let told =
                    CacheReply { status: Some(status), body: Some(&body), ..CacheReply::nothing(state) };
                let told = CacheReply { age: Some(0), ttl: Some(0), ..told };
                let (fields, selector) = (Some(fields.as_ref()), Some(FieldsRef::default()));
                CacheReply { fields, selector, ..told }.write(reply);
            }
            Gathered::Failed(failure) => {
                let status = Some(failure.status().as_u16());
                CacheReply { status, ..CacheReply::nothing(state) }.write(reply);
            }
            Gathered::Nothing => CacheReply::nothing(state).write(reply),
        }
    }
}

/// Tells what is stored, and why it answers.
fn tell_stored((variant, body): (&Variant, &[u8]), merit: Merit, now: i64, reply: &mut ReplyWriter) {
    variant.note_use(now);
    let state = match merit {
        Merit::Renewed(_) => "revalidated",
        Merit::Fresh | Merit::Stale | Merit::Left(_) => match timeline::state(variant, now) {
            State::Fresh if variant.status >= NEGATIVE_MIN => "negative",
            State::Fresh => "hit",
            State::Stale => "stale",
            State::Grace | State::Gone => "grace",
        },
    };
    CacheReply::of(variant, state, Some(body), UnixMillis(now)).write(reply);
}

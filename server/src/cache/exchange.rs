//! One request to an origin, and its answer.

use super::download::Download;
use super::fields;
use super::health::Limits;
use super::origin::{Origin, Refusal, Unreachable};
use super::pool::Lease;
use super::upload::Upload;
use crate::config::table;
use crate::log;
use crate::server::now;
use crate::worker::Worker;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use spinel_cache::lookup;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

/// Why an origin gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// It may not be asked.
    Refused,
    /// As many requests as are allowed are with it.
    Crowded,
    /// It could not be reached again and again, and is left alone.
    Resting,
    /// It can't be reached.
    Unreachable,
    /// It was reached, and what came back is no answer.
    Broken,
    /// What the client sends is no body of a request, or broke off.
    Upload,
    /// The client stopped sending.
    Stalled,
    /// It took too long.
    Late,
    /// It gave no answer, and without one what is stored must not be used.
    Unproven,
    /// It says that it can't answer.
    Status(StatusCode),
}

impl Failure {
    /// What the client is told.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Failure::Refused | Failure::Unreachable | Failure::Broken => StatusCode::BAD_GATEWAY,
            Failure::Upload => StatusCode::BAD_REQUEST,
            Failure::Stalled => StatusCode::REQUEST_TIMEOUT,
            Failure::Crowded | Failure::Resting => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Late | Failure::Unproven => StatusCode::GATEWAY_TIMEOUT,
            Failure::Status(status) => status,
        }
    }

    /// The same in one.
    pub(super) fn name(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::Crowded => "crowded",
            Failure::Resting => "resting",
            Failure::Unreachable => "unreachable",
            Failure::Broken => "broken",
            Failure::Upload => "upload",
            Failure::Stalled => "stalled",
            Failure::Late => "late",
            Failure::Unproven => "unproven",
            Failure::Status(_) => "status",
        }
    }

    /// What it is to the rules.
    pub(super) fn by_rule(self) -> lookup::Failure {
        match self {
            Failure::Status(status) => lookup::Failure::Status(status.as_u16()),
            _ => lookup::Failure::Unreachable,
        }
    }

    /// The same in words.
    pub(super) fn why(self) -> &'static str {
        match self {
            Failure::Refused => "The origin is not one that may be asked.",
            Failure::Crowded => "Too many requests are with the origin.",
            Failure::Resting => "The origin could not be reached again and again.",
            Failure::Unreachable => "The origin can't be reached.",
            Failure::Broken => "The origin's answer is none.",
            Failure::Upload => "The body of the request is none.",
            Failure::Stalled => "The body of the request does not come.",
            Failure::Late => "The origin does not answer.",
            Failure::Unproven => "The origin can't say whether what is stored is still valid.",
            Failure::Status(_) => "The origin can't answer.",
        }
    }
}

/// Whether a request may be sent again on another connection if the first ended without an answer. Where it may have arrived, only
/// what surely does no harm twice is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeats {
    /// Only what surely has not arrived.
    Unsent,
    /// Also what may have arrived.
    Any,
}

/// Sends a request and waits for the head of its answer.
pub(super) async fn exchange(
    worker: &Rc<Worker>,
    origin: &Arc<Origin>,
    request: Request<Upload>,
    repeats: Repeats,
) -> Result<Response<Download>, Failure> {
    let outcome = ask(worker, origin, request, repeats).await;
    let outcome =
        outcome.and_then(|answer| if is_sound(&answer) { Ok(answer) } else { Err(Failure::Broken) });
    let counts = &worker.statistics.cache;
    counts.origin_requests.add(1);
    let is_ours = |failure: &Failure| !matches!(failure, Failure::Upload | Failure::Stalled);
    counts.origin_failures.add(u64::from(outcome.as_ref().is_err_and(is_ours)));
    match outcome {
        Ok(_) | Err(Failure::Broken) => note(worker, origin, true),
        Err(Failure::Unreachable | Failure::Late) => note(worker, origin, false),
        Err(_) => {}
    }
    outcome
}

/// Notes whether an origin was reached.
fn note(worker: &Worker, origin: &Origin, is_reached: bool) {
    if origin.health.note(is_reached, now().0, Limits::of(&worker.shared.config)) {
        log::warning!(
            "The origin {} can't be reached again and again, and is left alone for a while",
            origin.address
        );
    }
}

async fn ask(
    worker: &Rc<Worker>,
    origin: &Arc<Origin>,
    mut request: Request<Upload>,
    repeats: Repeats,
) -> Result<Response<Download>, Failure> {
    let config = &worker.shared.config;
    if !origin.address.is_on_list(config) {
        origin.tell_refusal(&Refusal::NotOnList);
        return Err(Failure::Refused);
    }
    if !origin.health.admits(now().0, Limits::of(config)) {
        return Err(Failure::Resting);
    }
    let time = Duration::from_millis(config.number(table::CACHE_ORIGIN_FIRST_BYTE_TIMEOUT).unsigned_abs());
    let place = timeout(time, Arc::clone(&origin.places).acquire_owned()).await;
    // Nobody closes the semaphore.
    let place = place.map_err(|_| Failure::Crowded)?.map_err(|_| Failure::Crowded)?;
    let copy = copy_of(&request);
    if let Some(mut lease) = Lease::again(origin, worker) {
        match send(&mut lease, request, time).await {
            Ok(answer) => return Ok(received(answer, lease, place)),
            // An origin may close a connection that waits while a request is on its way.
            Err(Unanswered { is_closed: true, unsent, failure }) => {
                request = unsent.or_else(|| copy.as_ref().and_then(copy_of)).ok_or(failure)?;
            }
            Err(Unanswered { failure, .. }) => return Err(failure),
        }
    }
    let failed = match ask_anew(worker, origin, request, time).await {
        Ok((answer, lease)) => return Ok(received(answer, lease, place)),
        Err(failed) => failed,
    };
    let may_repeat = failed.is_closed && (repeats == Repeats::Any || failed.failure == Failure::Unreachable);
    let copy = copy.filter(|_| may_repeat && origin.health.allows_repeat()).ok_or(failed.failure)?;
    worker.statistics.cache.origin_repeats.add(1);
    match ask_anew(worker, origin, copy, time).await {
        Ok((answer, lease)) => Ok(received(answer, lease, place)),
        Err(Unanswered { failure, .. }) => Err(failure),
    }
}

/// Sends a request on a connection of its own.
async fn ask_anew(
    worker: &Rc<Worker>,
    origin: &Arc<Origin>,
    request: Request<Upload>,
    time: Duration,
) -> Result<(Response<Incoming>, Lease), Unanswered> {
    let mut lease = Lease::new(origin, worker).await.map_err(|reason| {
        let failure = judge(origin, &reason);
        Unanswered { failure, is_closed: failure == Failure::Unreachable, unsent: None }
    })?;
    let answer = send(&mut lease, request, time).await?;
    Ok((answer, lease))
}

/// What became of a request that was not answered.
struct Unanswered {
    failure: Failure,
    /// Whether the connection ended without anything of an answer.
    is_closed: bool,
    /// The request, if surely nothing of it was sent.
    unsent: Option<Request<Upload>>,
}

/// Sends a request; its answer may begin that long after the last of its body was sent.
async fn send(
    lease: &mut Lease,
    request: Request<Upload>,
    time: Duration,
) -> Result<Response<Incoming>, Unanswered> {
    let (progress, start) = (request.body().progress(), Instant::now());
    let mut sent = pin!(lease.sender.try_send_request(request));
    loop {
        let limit = progress.since(start) + time;
        match timeout_at(limit, sent.as_mut()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(mut error)) => {
                log::verbose!("No answer of an origin: {}", error.error());
                let failure = fault_of(error.error());
                let is_closed = failure == Failure::Broken && !error.error().is_parse();
                return Err(Unanswered { failure, is_closed, unsent: error.take_message() });
            }
            Err(_) if progress.since(start) + time > limit => {}
            Err(_) => return Err(Unanswered { failure: Failure::Late, is_closed: false, unsent: None }),
        }
    }
}

/// Who is at fault that there is no answer.
fn fault_of(error: &hyper::Error) -> Failure {
    if !error.is_user() {
        return Failure::Broken;
    }
    let reason = std::error::Error::source(error).and_then(|reason| reason.downcast_ref::<io::Error>());
    match reason.map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => Failure::Stalled,
        _ => Failure::Upload,
    }
}

/// Whether an answer can be passed on: it is final, since nobody asked to speak another protocol, and its body is coded in no
/// other way than in pieces, since clients are not told of another.
fn is_sound(answer: &Response<Download>) -> bool {
    let mut codings = fields::codings(answer.headers());
    let is_plain = codings.next().is_none_or(fields::is_pieces) && codings.next().is_none();
    !answer.status().is_informational() && is_plain
}

fn received(answer: Response<Incoming>, lease: Lease, place: OwnedSemaphorePermit) -> Response<Download> {
    answer.map(|body| Download::new(body, lease, place))
}

/// The same request again, if it may be sent twice.
fn copy_of(request: &Request<Upload>) -> Option<Request<Upload>> {
    if !request.body().is_nothing() || !request.method().is_idempotent() {
        return None;
    }
    let mut copy = Request::new(Upload::NOTHING);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// What it means that there is no connection; operators are told.
fn judge(origin: &Origin, reason: &Unreachable) -> Failure {
    match reason {
        Unreachable::Refused(refusal) => {
            origin.tell_refusal(refusal);
            Failure::Refused
        }
        Unreachable::Failed(error) => {
            log::verbose!("No connection to the origin {}: {error}", origin.address);
            if error.kind() == io::ErrorKind::TimedOut { Failure::Late } else { Failure::Unreachable }
        }
    }
}

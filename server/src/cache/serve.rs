//! What becomes of a request.

use super::body::Response;
use super::door::Guest;
use super::fetch::{failed, fetch, found, found_stale, refresh};
use super::fields;
use super::finding::Finding;
use super::hints::{Line, relay};
use super::journey::{ask, for_client};
use super::problem::Problem;
use super::purge;
use super::store;
use super::target::Target;
use super::upload::Upload;
use super::visit::{Asker, Choice, Visit, Wanted};
use http::header::{ALLOW, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use spinel_cache::lookup::Reason;
use spinel_cache::{Head, invalidate};
use std::rc::Rc;

/// Answers a request that came on a line.
pub(super) async fn answer(guest: Rc<Guest>, line: &Line, request: Request<Incoming>) -> Response {
    let (head, body) = request.into_parts();
    let counts = &guest.worker.statistics.cache;
    counts.requests.add(1);
    let target = match welcome(&guest, &head) {
        Ok(target) => target,
        Err(problem) => {
            counts.refused.add(1);
            return problem.into_response();
        }
    };
    if head.method.as_str() == purge::METHOD {
        return purge::purge(&guest, &head, &target);
    }
    if fields::steps_left(&head) == Some(0) {
        return own_options();
    }
    let mut visit = Visit { asker: Asker::Guest(guest), head, target, special: None, hints: None };
    let is_read = visit.head.method == Method::GET || visit.head.method == Method::HEAD;
    if !is_read || !body.is_end_stream() {
        // Nobody keys by what a body says.
        let reason = if is_read { Reason::Bypass } else { Reason::Method };
        if let Err(problem) = visit.route() {
            return problem.into_response();
        }
        // On the heap, here and below, so that connections that are served from memory take less of it.
        let heard = visit.listen();
        return Box::pin(relay(line, heard, pass(visit, reason, Upload::of(body)))).await;
    }
    let (choice, now, held) = visit.choose_held().await;
    match (choice, now) {
        (Choice::Serve(variant), now) => found(&visit, variant, now).holding(held).into_response(&visit),
        (Choice::Refresh(variant, wanted), now) => {
            let response = found_stale(&visit, variant, now).holding(held).into_response(&visit);
            if visit.route().is_ok() {
                refresh(&Rc::new(visit), &wanted);
            }
            response
        }
        (Choice::Fetch(wanted), _) => match visit.route() {
            Ok(()) => {
                let heard = visit.listen();
                Box::pin(relay(line, heard, ask_for(Rc::new(visit), wanted))).await
            }
            Err(problem) => problem.into_response(),
        },
        (Choice::Unavailable, _) => Finding::Unavailable.into_response(&visit),
    }
}

/// Says for this server what it serves, to who wants to know it of no other.
fn own_options() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    response.headers_mut().insert(ALLOW, methods);
    response
}

/// Answers with what the origin has.
async fn ask_for(visit: Rc<Visit>, wanted: Wanted) -> Response {
    fetch(&visit, wanted).await.into_response(&visit)
}

/// The target of a request that is served.
fn welcome(guest: &Guest, head: &Parts) -> Result<Target, Problem> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "This method is not served."));
    }
    let expects_else = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if head.headers.get_all(EXPECT).iter().any(expects_else) {
        return Err(Problem::new(StatusCode::EXPECTATION_FAILED, "Only 100-continue can be expected."));
    }
    if fields::is_loop(&head.headers, guest.name()) {
        return Err(Problem::new(StatusCode::LOOP_DETECTED, "The request has come through here before."));
    }
    check_coding(&head.headers)?;
    let cache = &guest.worker.shared.cache;
    Target::of(head, cache.scheme, cache.origin.as_ref())
}

/// A body may come in pieces, and coded in no other way: whoever gets it is not told of that.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = fields::codings(headers);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if fields::is_pieces(coding) => Ok(()),
        (Some(first), Some(_)) if fields::is_pieces(first) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "The body is coded in a way that is none."))
        }
        _ => Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "The body is coded in a way that is not known here.",
        )),
    }
}

/// Passes a request on, and its answer. What it may have changed is not stored any more.
async fn pass(visit: Visit, reason: Reason, body: Upload) -> Response {
    visit.counts().passes.add(1);
    let wanted = Wanted::without_lookup(reason);
    let finding = match ask(&visit, &wanted, body).await {
        Ok(answer) => {
            forget(&visit, answer.status(), answer.headers());
            let forwarded = wanted.forwarded(answer.status().as_u16());
            Finding::Own(Box::new(for_client(answer)), forwarded, None)
        }
        Err(failure) => failed(&wanted, failure),
    };
    finding.into_response(&visit)
}

/// Removes what an answer says to have been changed.
fn forget(visit: &Visit, status: StatusCode, headers: &HeaderMap) {
    // A key is made of ASCII.
    let Ok(key) = std::str::from_utf8(visit.place().1) else { return };
    let scheme = visit.cache().scheme;
    for key in invalidate::keys(&visit.head.method, scheme, key, Head { status, headers }) {
        // What an answer names may be written in another way than what is stored is.
        let target = Target::of_key(scheme, &key);
        let key = target.as_ref().map_or(key.as_bytes(), Target::key);
        // First, so that nothing that is under way is stored behind it.
        let place = (visit.place().0, key);
        visit.cache().flights.outdate(place);
        store::remove(visit.worker(), place);
    }
}

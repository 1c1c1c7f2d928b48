//! `PURGE`: those who may remove what is stored through the door, by what is asked for or by tags, as CDNs let their customers do.

use super::body::{Body, Response};
use super::door::Guest;
use super::problem::Problem;
use super::store::{self, Place};
use super::target::Target;
use crate::config::table;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use ring::digest::{SHA256, digest};
use spinel_cache::{Headers, tags};
use spinel_storage::DbIndex;

/// The fields by which clients of CDNs say that what is purged is to be stale rather than gone.
const SOFT: [HeaderName; 2] =
    [HeaderName::from_static("fastly-soft-purge"), HeaderName::from_static("x-purge-soft")];

/// The method's name, which is none of the standard's.
pub(super) const METHOD: &str = "PURGE";

/// Purges what a request names, if it may, and says how many keys or tags that are.
pub(super) fn purge(guest: &Guest, head: &Parts, target: &Target) -> Response {
    match check(guest, head) {
        Ok(()) => {
            guest.worker.statistics.cache.purges.add(1);
            let is_soft = SOFT.iter().any(|name| head.headers.get(name).is_some_and(|value| value == "1"));
            tell(run(guest, head, target, is_soft))
        }
        Err(problem) => {
            guest.worker.statistics.cache.refused.add(1);
            problem.into_response()
        }
    }
}

/// Whether a request has the token.
fn check(guest: &Guest, head: &Parts) -> Result<(), Problem> {
    let token = guest.worker.shared.config.text(table::CACHE_PURGE_TOKEN);
    if token.is_empty() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "Nothing can be purged here: there is no token."));
    }
    let mut given = head.headers.get_all(AUTHORIZATION).iter();
    let is_right =
        given.next().and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")).is_some_and(|given| {
            // Of digests, how long it takes to compare them says nothing of how much of a token is right.
            digest(&SHA256, given.trim_ascii()).as_ref() == digest(&SHA256, &token).as_ref()
        });
    if is_right && given.next().is_none() {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "The token is missing, or another one."))
}

/// Purges; how many words that were, or nothing if nobody may write now.
fn run(guest: &Guest, head: &Parts, target: &Target, is_soft: bool) -> Option<usize> {
    let (worker, db) = (&guest.worker, DbIndex(0));
    let tags = tags::of_answer(Headers::Map(&head.headers));
    let tags: Vec<&[u8]> = tags.as_ref().iter().map(|(tag, _)| tag).collect();
    if !tags.is_empty() {
        let name: &[u8] = if is_soft { b"CACHE.SOFTPURGETAG" } else { b"CACHE.PURGETAG" };
        return store::purge(worker, db, name, &tags).then_some(tags.len());
    }
    let place: Place<'_> = (db, target.key());
    if is_soft {
        return store::purge(worker, db, b"CACHE.SOFTPURGE", &[&literal(place.1)]).then_some(1);
    }
    // What is under way is not stored behind it.
    worker.shared.cache.flights.outdate(place);
    Some(usize::from(store::remove(worker, place)))
}

/// The pattern that matches a key and nothing else.
fn literal(key: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(key.len() + 8);
    for byte in key {
        if b"*?[]\\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}

fn tell(count: Option<usize>) -> Response {
    let Some(count) = count else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Nothing can be written now.").into_response();
    };
    let mut response = Response::new(Body::whole(format!("{{\"purged\":{count}}}\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_storage::pattern::{Case, matches};

    #[test]
    fn a_pattern_of_a_key_matches_only_that() {
        for key in ["h/a?b=c", "h/[x]*\\", "h/"] {
            let pattern = literal(key.as_bytes());
            assert!(matches(&pattern, key.as_bytes(), Case::Sensitive), "{key}");
            let other = format!("{key}x").replace('?', "y");
            assert!(!matches(&pattern, other.as_bytes(), Case::Sensitive), "{key}");
        }
    }
}

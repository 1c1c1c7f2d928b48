//! Replaying a decision for a request that is only told.

use crate::headers::Headers;
use crate::lookup::{Decision, Reason, lookup, select};
use crate::message::Request;
use crate::rules;
use crate::timeline::{self, State};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use spinel_types::http_cache::Variant;
/// What is decided about a request.
#[derive(Debug)]
pub struct Explained<'e> {
    /// What is done: `serve`, `serve-and-refresh`, `fetch` or `unavailable`.
    pub decision: &'static str,
    /// Why its origin is asked, if it is.
    pub reason: Option<Reason>,
    /// The variant that is for it, if there is one, whatever it is good for.
    pub variant: Option<&'e Variant>,
    /// Why, in words.
    pub because: &'static str,
}

/// Says what is decided about a `GET` with these fields; `None` if they are no fields of HTTP. O(variants).
pub fn explain<'e>(fields: &[(&[u8], &[u8])], variants: &'e [Variant], now: i64) -> Option<Explained<'e>> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    let request = Request { method: &Method::GET, headers: &headers };
    let variant = select(Headers::Map(&headers), variants, now);
    let because = |reason| variant.map_or(of_nothing(reason), |variant| of_variant(reason, variant, now));
    Some(match lookup(request, variants, now) {
        Decision::Serve(_) => {
            let because = match variant.map(|variant| timeline::state(variant, now)) {
                Some(State::Fresh) => "it is fresh",
                _ => "the client takes what is stale",
            };
            Explained { decision: "serve", reason: None, variant, because }
        }
        Decision::ServeAndRefresh(_) => {
            let because = "it is stale and may be served so while it is refreshed";
            Explained { decision: "serve-and-refresh", reason: None, variant, because }
        }
        Decision::Fetch(fetch) => {
            let reason = fetch.reason;
            Explained { decision: "fetch", reason: Some(reason), variant, because: because(reason) }
        }
        Decision::Unavailable => Explained {
            decision: "unavailable",
            reason: None,
            variant,
            because: "the client wants only what is stored",
        },
    })
}

fn of_nothing(reason: Reason) -> &'static str {
    match reason {
        Reason::VaryMiss => "what is stored is for requests with other fields",
        _ => "nothing is stored",
    }
}

fn of_variant(reason: Reason, variant: &Variant, now: i64) -> &'static str {
    match timeline::state(variant, now) {
        _ if reason == Reason::Request => "the client does not want what is stored",
        _ if variant.rules & rules::ALWAYS_ASK != 0 => "its origin wants to be asked each time",
        State::Fresh => "the client does not want what is stored",
        State::Stale | State::Grace => "it is what is left if its origin fails",
        State::Gone => "it is no longer fresh and must not be served stale",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Deadlines;
    use spinel_types::http_cache::{Fields, Parts};

    #[test]
    fn each_decision_has_its_reason() {
        let mut parts = Parts::default();
        Deadlines::given(0, Some(10), Some(10), Some(10)).set(&mut parts.numbers);
        let selector = Fields::new([(&b"accept-language"[..], &b"de"[..])]);
        let german = [Variant::from(Parts { selector, ..parts.clone() })];
        let variants = [Variant::from(parts)];
        for (fields, variants, now, decision, because) in [
            (&[][..], &[][..], 0, "fetch", "nothing is stored"),
            (&[], &german, 0, "fetch", "what is stored is for requests with other fields"),
            (&[], &variants, 9_999, "serve", "it is fresh"),
            (
                &[],
                &variants,
                10_000,
                "serve-and-refresh",
                "it is stale and may be served so while it is refreshed",
            ),
            (&[], &variants, 20_000, "fetch", "it is what is left if its origin fails"),
            (&[], &variants, 30_000, "fetch", "nothing is stored"),
            (
                &[(&b"Cache-Control"[..], &b"no-cache"[..])],
                &variants,
                0,
                "fetch",
                "the client does not want what is stored",
            ),
            (
                &[(b"cache-control", b"max-stale")],
                &variants,
                20_000,
                "serve",
                "the client takes what is stale",
            ),
            (
                &[(b"cache-control", b"only-if-cached")],
                &[],
                0,
                "unavailable",
                "the client wants only what is stored",
            ),
        ] {
            let explained = explain(fields, variants, now).expect("they are fields");
            assert_eq!((explained.decision, explained.because), (decision, because), "{now}");
        }
        assert!(explain(&[(b"a b", b"")], &[], 0).is_none());
        assert!(explain(&[(b"a", b"\n")], &[], 0).is_none());
    }
}

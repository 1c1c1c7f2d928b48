//! What operators and callers order about answers, beside what these say themselves.
//!
//! | who says for how long | counts |
//! |---|---|
//! | the caller (`TTL 60` with a fetch) | first; not for answers that something is not to be had |
//! | the origin, if the policy respects it and it says something | then |
//! | the policy, for the status (`STATUS-TTL`, `NEGATIVE-TTL`) or in general | then |
//! | the origin, or what was given when the variant was written | if nobody else does |
//!
//! The three spans are looked at one by one. Answers with statuses from 400 on have a span of their own, and no time after it in
//! which they would be served stale: what was missing a moment ago may be there now.
//!
//! Orders let nothing be stored that must not be: [`storing`](crate::storing) refuses that whatever is ordered.

use crate::directives::Directives;
use crate::freshness::Lifetime;
use crate::storing::Assessment;
use crate::timeline::Deadlines;
use http::HeaderName;
use spinel_types::http_cache::Numbers;

/// From this status on an answer is one that something is not to be had.
pub const NEGATIVE_MIN: u16 = 400;

/// How long an answer is fresh, then served stale, then what is left on failure, in seconds, as far as somebody says so.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Spans {
    /// Fresh.
    pub ttl: Option<u32>,
    /// Served stale while it is refreshed.
    pub swr: Option<u32>,
    /// What is left if its origin fails.
    pub grace: Option<u32>,
}

/// What a policy says about how long answers are used.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Terms {
    /// In general.
    pub spans: Spans,
    /// How long answers are fresh that something is not to be had.
    pub negative_ttl: Option<u32>,
    /// How long answers with these statuses are fresh.
    pub status_ttl: Vec<(u16, u32)>,
    /// Whether what an origin says counts more.
    pub respects_origin: bool,
}

/// All that is ordered about the answer to one request.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Orders {
    /// What the caller says.
    pub given: Spans,
    /// What the policy says, if there is one.
    pub terms: Terms,
    /// How long an answer is fresh that something is not to be had, and of which nobody says it.
    pub negative_ttl: Option<u32>,
    /// Fields of the request that the answer depends on, whatever it says.
    pub vary: Vec<HeaderName>,
    /// Tags that it has beside its own.
    pub tags: Vec<Box<[u8]>>,
}

impl Orders {
    /// Makes what is ordered about spans that of a variant that came at a moment. Whether anything is.
    pub(crate) fn settle(
        &self,
        variant: &mut Numbers,
        (assessment, directives): (&Assessment, &Directives),
        came: i64,
    ) -> bool {
        let ttl = self.ttl(variant.status, assessment.lifetime);
        let windows = match variant.status {
            NEGATIVE_MIN.. if ttl.is_some() => (Some(0), Some(0)),
            NEGATIVE_MIN.. => (None, None),
            _ => self.windows(directives, assessment.is_never_stale()),
        };
        if ttl.is_none() && windows == (None, None) {
            return false;
        }
        let said = if assessment.is_never_stale() {
            (None, None)
        } else {
            (directives.stale_while_revalidate, directives.stale_if_error)
        };
        let left_ms = assessment.fresh_until().saturating_sub(came).max(0);
        let own_ttl = u32::try_from(left_ms / 1000).unwrap_or(u32::MAX);
        variant.ttl = Some(ttl.unwrap_or(own_ttl));
        (variant.swr, variant.grace) = (windows.0.or(said.0), windows.1.or(said.1));
        variant.rules = 0;
        Deadlines::given(came, variant.ttl, variant.swr, variant.grace).set(variant);
        true
    }

    /// How long an answer is fresh; `None` if nothing is ordered.
    fn ttl(&self, status: u16, said: Lifetime) -> Option<u32> {
        let terms = &self.terms;
        let of_status = terms.status_ttl.iter().find(|(own, _)| *own == status).map(|(_, ttl)| *ttl);
        let is_said = matches!(said, Lifetime::Given(_));
        let is_origins = terms.respects_origin && is_said;
        match status {
            NEGATIVE_MIN.. if is_origins => None,
            NEGATIVE_MIN.. => of_status.or(terms.negative_ttl).or(self.negative_ttl.filter(|_| !is_said)),
            _ if self.given.ttl.is_some() || is_origins => self.given.ttl,
            _ => of_status.or(terms.spans.ttl),
        }
    }

    /// How long it is served stale, and what is left for how long; `None` for what is not ordered.
    fn windows(&self, directives: &Directives, is_never_stale: bool) -> (Option<u32>, Option<u32>) {
        let (given, terms) = (&self.given, &self.terms);
        let ordered = |given: Option<u32>, said: Option<u32>, own: Option<u32>| {
            let is_origins = terms.respects_origin && (said.is_some() || is_never_stale);
            given.or(if is_origins { None } else { own })
        };
        (
            ordered(given.swr, directives.stale_while_revalidate, terms.spans.swr),
            ordered(given.grace, directives.stale_if_error, terms.spans.grace),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storing::{Options, Refusal, judge};
    use crate::testing::{AT_ONCE, NOW, map};
    use crate::{Head, Request};
    use http::{Method, StatusCode};
    use spinel_types::http_cache::{FieldsRef, Variant};

    fn judged(orders: &Orders, status: u16, answer: &[(&str, &str)]) -> Result<Variant, Refusal> {
        let (request, answer) = (map(&[("x-team", "red")]), map(answer));
        let request = Request { method: &Method::GET, headers: &request };
        let head = Head { status: StatusCode::from_u16(status).unwrap(), headers: &answer };
        judge(request, head, AT_ONCE, &Options { orders: orders.clone(), ..Options::default() })
            .map(Variant::from)
    }

    /// For how many seconds an answer is fresh, then stale, then left; 0 for what is not stored.
    fn spans(orders: &Orders, status: u16, control: &str) -> (i64, i64, i64) {
        let control = [("cache-control", control)];
        let answer = if control[0].1.is_empty() { &[][..] } else { &control };
        let Ok(variant) = judged(orders, status, answer) else { return (0, 0, 0) };
        let seconds = |from: i64, to: i64| (to - from) / 1000;
        (
            seconds(NOW, variant.fresh_until),
            seconds(variant.fresh_until, variant.stale_until),
            seconds(variant.stale_until, variant.grace_until),
        )
    }

    fn all(ttl: u32, swr: u32, grace: u32) -> Spans {
        Spans { ttl: Some(ttl), swr: Some(swr), grace: Some(grace) }
    }

    fn of_policy(respects_origin: bool) -> Orders {
        let status_ttl = vec![(302, 5), (410, 100)];
        let terms = Terms { spans: all(60, 30, 10), negative_ttl: Some(7), status_ttl, respects_origin };
        Orders { terms, ..Orders::default() }
    }

    #[test]
    fn a_policy_counts_more_than_its_origin() {
        let orders = of_policy(false);
        for control in
            ["", "max-age=5", "max-age=0, must-revalidate", "no-cache", "max-age=5, stale-while-revalidate=3"]
        {
            assert_eq!(spans(&orders, 200, control), (60, 30, 10), "{control}");
        }
        assert_eq!(spans(&orders, 302, "max-age=9"), (5, 30, 10));
    }

    #[test]
    fn an_origin_that_is_respected_counts_more_where_it_says_something() {
        let orders = of_policy(true);
        assert_eq!(spans(&orders, 200, ""), (60, 30, 10));
        assert_eq!(spans(&orders, 200, "max-age=5"), (5, 30, 10));
        assert_eq!(spans(&orders, 200, "stale-while-revalidate=3"), (60, 3, 10));
        assert_eq!(
            spans(&orders, 200, "max-age=5, stale-while-revalidate=3, stale-if-error=4"),
            (5, 3, 86_400 - 3)
        );
        assert_eq!(spans(&orders, 200, "max-age=5, must-revalidate").0, 5);
        assert_eq!(spans(&orders, 200, "max-age=5, must-revalidate").1, 0);
        assert_eq!(spans(&orders, 302, ""), (5, 30, 10));
    }

    #[test]
    fn who_asks_counts_most() {
        for respects_origin in [false, true] {
            let orders = Orders { given: all(1, 2, 3), ..of_policy(respects_origin) };
            assert_eq!(spans(&orders, 200, "max-age=5, stale-while-revalidate=3"), (1, 2, 3));
            let given = Spans { swr: Some(2), ..Spans::default() };
            let orders = Orders { given, ..of_policy(respects_origin) };
            assert_eq!(spans(&orders, 200, ""), (60, 2, 10));
        }
        let orders = Orders { given: all(1, 2, 3), ..Orders::default() };
        assert_eq!(spans(&orders, 200, "max-age=5, must-revalidate"), (1, 2, 3));
    }

    #[test]
    fn what_is_not_to_be_had_has_a_time_of_its_own() {
        let given = all(1, 2, 3);
        for (respects_origin, status, control, expected) in [
            (false, 404, "", (7, 0, 0)),
            (false, 404, "max-age=5", (7, 0, 0)),
            (false, 410, "", (100, 0, 0)),
            (false, 500, "", (7, 0, 0)),
            (true, 404, "max-age=5", (5, 0, 86_400)),
            (true, 404, "", (7, 0, 0)),
        ] {
            let orders = Orders { given, ..of_policy(respects_origin) };
            assert_eq!(spans(&orders, status, control), expected, "{status} {control}");
        }
        let orders = Orders { given, negative_ttl: Some(9), ..Orders::default() };
        assert_eq!(spans(&orders, 404, ""), (9, 0, 0));
        assert_eq!(spans(&orders, 404, "max-age=5").0, 5);
        assert_eq!(spans(&orders, 429, ""), (0, 0, 0), "it means one client only");
    }

    #[test]
    fn nothing_is_stored_that_must_not_be() {
        let orders = of_policy(false);
        for control in ["no-store", "private"] {
            assert!(judged(&orders, 200, &[("cache-control", control)]).is_err());
        }
        assert_eq!(judged(&orders, 200, &[("set-cookie", "a=b")]).err(), Some(Refusal::Cookie));
        let none = Orders { given: all(0, 0, 0), ..Orders::default() };
        assert_eq!(judged(&none, 200, &[("cache-control", "max-age=5")]).err(), Some(Refusal::Useless));
    }

    #[test]
    fn windows_are_ordered_of_what_is_fresh_by_its_origin() {
        let given = Spans { swr: Some(2), grace: Some(3), ttl: None };
        let orders = Orders { given, ..Orders::default() };
        let variant = judged(&orders, 200, &[("cache-control", "max-age=5"), ("age", "1")]).unwrap();
        assert_eq!((variant.ttl, variant.swr, variant.grace, variant.rules), (Some(4), Some(2), Some(3), 0));
        assert_eq!(Deadlines::of(&variant), Deadlines::given(NOW, Some(4), Some(2), Some(3)));
        assert_eq!(variant.grace_until, NOW + 9_000);
    }

    #[test]
    fn fields_and_tags_are_added() {
        let orders = Orders {
            vary: vec![HeaderName::from_static("x-team")],
            tags: vec![b"b"[..].into(), b"a"[..].into()],
            ..of_policy(false)
        };
        let variant = judged(&orders, 200, &[("vary", "accept"), ("cache-tag", "b, c")]).unwrap();
        let names = |fields: FieldsRef<'_>| {
            fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(variant.selector()), names(variant.tags())),
            (vec!["accept".to_owned(), "x-team".to_owned()], ["a", "b", "c"].map(str::to_owned).to_vec(),)
        );
        assert_eq!(variant.selector().first(b"x-team"), Some(&b"red"[..]));
    }
}

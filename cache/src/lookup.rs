//! What is done about a request, by what is stored under its key (RFC 9111, section 4).

use http::Method;
use http::header::{DATE, ETAG, LAST_MODIFIED};
use spinel_types::http_cache::Variant;

use crate::directives::{Directives, Wishes};
use crate::headers::Headers;
use crate::message::Request;
use crate::timeline::{self, after};
use crate::{condition, date, rules, selector};

/// What is done about a request.
#[derive(Clone, Debug)]
pub enum Decision<'e> {
    /// A variant [answers](crate::answer::answer).
    Serve(&'e Variant),
    /// A variant answers, and is fetched again meanwhile: [`Fetch::again`].
    ServeAndRefresh(&'e Variant),
    /// The origin is asked.
    Fetch(Fetch<'e>),
    /// 504: the client wants what is stored, and that can't be had.
    Unavailable,
}

/// Why and how an origin is asked.
#[derive(Clone, Debug)]
pub struct Fetch<'e> {
    /// Why.
    pub reason: Reason,
    /// What is stored for such a request. If it has validators, its origin is [asked](crate::forward::fields) whether it is still
    /// valid; and it is what remains if that fails.
    pub stored: Option<&'e Variant>,
    /// In which cases it remains.
    pub fallback: Fallback,
}

/// Why an origin is asked, in the words of RFC 9211.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The cache is told to stay out of it.
    Bypass,
    /// The method is one that is passed on.
    Method,
    /// Nothing is stored for this URI.
    UriMiss,
    /// What is stored for this URI is for other requests.
    VaryMiss,
    /// The client doesn't want what is stored.
    Request,
    /// What is stored is no longer fresh.
    Stale,
}

/// How an origin fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// It can't be reached, or breaks off.
    Unreachable,
    /// It answers with this status.
    Status(u16),
}

/// Until when what is stored may be served if its origin fails, in Unix milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fallback {
    error_until: i64,
    failure_until: i64,
}

impl Fallback {
    /// Never.
    pub const NONE: Fallback = Fallback { error_until: i64::MIN, failure_until: i64::MIN };

    /// Whether it may be served now. Statuses that are no failure in the sense of RFC 5861 are answers.
    pub fn allows(self, failure: Failure, now: i64) -> bool {
        match failure {
            Failure::Unreachable => now < self.failure_until,
            Failure::Status(500 | 502 | 503 | 504) => now < self.error_until,
            Failure::Status(_) => false,
        }
    }

    /// What a variant's origin and a client allow, once it is no longer fresh. Without a word of theirs, it is served only if there
    /// is no answer at all.
    fn of(variant: &Variant, wishes: &Wishes) -> Fallback {
        if variant.rules & rules::NEVER_STALE != 0 {
            return Fallback::NONE;
        }
        let window = |seconds: Option<u32>| seconds.map(|seconds| after(variant.fresh_until, seconds));
        let wished = window(wishes.stale_if_error).unwrap_or(i64::MIN);
        let said = match variant.rules & rules::BY_FIELDS {
            0 => Some(variant.grace_until),
            _ => window(Directives::of_answer(Headers::Stored(variant.fields())).stale_if_error),
        };
        Fallback {
            error_until: said.unwrap_or(i64::MIN).max(wished),
            failure_until: said.unwrap_or(variant.grace_until).max(wished),
        }
    }
}

impl<'e> Fetch<'e> {
    /// The fetch of something that is not looked up.
    pub fn without_lookup(reason: Reason) -> Fetch<'e> {
        Fetch { reason, stored: None, fallback: Fallback::NONE }
    }

    /// The fetch of what was served stale.
    pub fn again(variant: &'e Variant) -> Fetch<'e> {
        Fetch { stored: Some(variant), ..Fetch::without_lookup(Reason::Stale) }
    }

    /// Whether the origin is asked if what is stored is still valid, so that its 304 is for us and not for the client.
    pub fn is_validation(&self) -> bool {
        self.stored.is_some_and(|variant| {
            let stored = Headers::Stored(variant.fields());
            stored.has(&ETAG) || stored.has(&LAST_MODIFIED)
        })
    }
}

/// Says what is done about a request. `variants` are those of its key, in the order in which they were stored. Allocates nothing,
/// but for requests whose selecting fields are not in normal form. O(variants).
///
/// ```
/// use http::{HeaderMap, Method};
/// use spinel_cache::Request;
/// use spinel_cache::lookup::{Decision, Reason, lookup};
/// use spinel_cache::timeline::Deadlines;
/// use spinel_types::http_cache::{Parts, Variant};
///
/// let mut parts = Parts::default();
/// Deadlines::given(0, Some(60), None, None).set(&mut parts.numbers);
/// let variants = [Variant::from(parts)];
///
/// let request = Request { method: &Method::GET, headers: &HeaderMap::new() };
/// assert!(matches!(lookup(request, &variants, 59_999), Decision::Serve(_)));
/// let Decision::Fetch(fetch) = lookup(request, &[], 0) else { panic!("nothing is stored") };
/// assert_eq!(fetch.reason, Reason::UriMiss);
/// ```
pub fn lookup<'e>(request: Request<'_>, variants: &'e [Variant], now: i64) -> Decision<'e> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return Decision::Fetch(Fetch::without_lookup(Reason::Method));
    }
    let wishes = Wishes::of_request(request.fields());
    let fetch = match select(request.fields(), variants, now) {
        None => {
            let is_stored = variants.iter().any(|variant| !timeline::is_over(variant, now));
            Fetch::without_lookup(if is_stored { Reason::VaryMiss } else { Reason::UriMiss })
        }
        // Of what the client has to have, the origin knows more.
        Some(variant) if !condition::holds(request.fields(), variant, now) => {
            Fetch::without_lookup(Reason::Request)
        }
        Some(variant) => match usable(variant, &wishes, now) {
            Ok(false) => return Decision::Serve(variant),
            Ok(true) => return Decision::ServeAndRefresh(variant),
            Err(reason) => {
                let fallback =
                    if reason == Reason::Stale { Fallback::of(variant, &wishes) } else { Fallback::NONE };
                Fetch { reason, stored: Some(variant), fallback }
            }
        },
    };
    if wishes.only_if_cached { Decision::Unavailable } else { Decision::Fetch(fetch) }
}

/// Chooses the variant that is for a request: one that depends on fields before one that doesn't, since some origins forget
/// `Vary` where nothing is preferred; then the one that was made last.
pub fn select<'e>(request: Headers<'_>, variants: &'e [Variant], now: i64) -> Option<&'e Variant> {
    let mut alike = matching(request, variants, now);
    let first = alike.next()?;
    let Some(second) = alike.next() else { return Some(first) };
    [first, second]
        .into_iter()
        .chain(alike)
        .max_by_key(|variant| (!variant.selector().is_empty(), made_at(variant)))
}

/// The variants that are for a request, the one stored last at the end.
pub(crate) fn matching<'e>(
    request: Headers<'_>,
    variants: &'e [Variant],
    now: i64,
) -> impl Iterator<Item = &'e Variant> {
    variants.iter().filter(move |variant| {
        !timeline::is_over(variant, now) && selector::matches(variant.selector(), request)
    })
}

/// When a variant was made by its origin; when it came if it doesn't say.
pub(crate) fn made_at(variant: &Variant) -> i64 {
    let date = Headers::Stored(variant.fields()).first(&DATE);
    date.and_then(|date| date::parse(date, variant.stored_at)).unwrap_or(variant.stored_at)
}

/// Whether a variant answers as it is, and if so whether it is to be refreshed; if not, why.
fn usable(variant: &Variant, wishes: &Wishes, now: i64) -> Result<bool, Reason> {
    let age = i64::from(variant.initial_age) * 1000 + now.saturating_sub(variant.stored_at).max(0);
    let is_too_old = |max: u32| max == 0 || age > i64::from(max) * 1000;
    let left = variant.fresh_until.saturating_sub(now);
    let ends_too_soon = |min: u32| left < i64::from(min) * 1000;
    if wishes.no_cache || wishes.max_age.is_some_and(is_too_old) {
        return Err(Reason::Request);
    }
    if left > 0 {
        return if wishes.min_fresh.is_some_and(ends_too_soon) { Err(Reason::Request) } else { Ok(false) };
    }
    let is_borne = wishes.max_stale.is_some_and(|max| max == u32::MAX || -left <= i64::from(max) * 1000);
    // Who names an age or a time to come doesn't want what is stale, unless he says so.
    let is_in_window = now < variant.stale_until;
    let may_be_stale = is_borne || is_in_window && wishes.max_age.is_none();
    let is_wanted = may_be_stale && wishes.min_fresh.is_none();
    match variant.rules & rules::NEVER_STALE {
        0 if is_wanted => Ok(is_in_window),
        _ => Err(Reason::Stale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storing::{self, Options};
    use crate::testing::{AT_ONCE, NOW, date, map};
    use crate::timeline::Deadlines;
    use crate::{Head, Times};
    use http::{HeaderMap, StatusCode};
    use spinel_types::http_cache::{NEVER, Numbers, Parts};

    fn stored_for(request: &[(&str, &str)], answer: &[(&str, &str)], times: Times) -> Variant {
        let (request, answer) = (map(request), map(answer));
        let request = Request { method: &Method::GET, headers: &request };
        let head = Head { status: StatusCode::OK, headers: &answer };
        storing::judge(request, head, times, &Options::default()).unwrap().into()
    }

    fn stored(control: &str) -> Vec<Variant> {
        vec![stored_for(&[], &[("cache-control", control), ("etag", "\"a\"")], AT_ONCE)]
    }

    fn decided<'e>(request: &[(&str, &str)], variants: &'e [Variant], seconds: i64) -> Decision<'e> {
        lookup(Request { method: &Method::GET, headers: &map(request) }, variants, NOW + seconds * 1000)
    }

    /// In one word what is decided about a request with this `Cache-Control` so many seconds later.
    fn word(control: &str, variants: &[Variant], seconds: i64) -> &'static str {
        let fields = [("cache-control", control)];
        match decided(if control.is_empty() { &[] } else { &fields }, variants, seconds) {
            Decision::Serve(_) => "serve",
            Decision::ServeAndRefresh(_) => "refresh",
            Decision::Unavailable => "unavailable",
            Decision::Fetch(fetch) => match fetch.reason {
                Reason::Stale if fetch.is_validation() => "stale",
                Reason::Request if fetch.is_validation() => "request",
                Reason::UriMiss => "miss",
                _ => "else",
            },
        }
    }

    #[test]
    fn what_is_fresh_is_served_and_what_is_stale_is_asked_for() {
        let variants = stored("max-age=10");
        assert_eq!(word("", &variants, 0), "serve");
        assert_eq!(word("", &variants, 9), "serve");
        assert_eq!(word("", &variants, 10), "stale");
        assert_eq!(word("", &variants, 10 + 86_400), "miss");
        assert_eq!(word("", &[], 0), "miss");
    }

    #[test]
    fn only_get_and_head_are_looked_up() {
        let variants = stored("max-age=10");
        for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS, Method::PUT, Method::DELETE]
        {
            let request = Request { method: &method, headers: &HeaderMap::new() };
            let decision = lookup(request, &variants, NOW);
            let is_read = method == Method::GET || method == Method::HEAD;
            assert_eq!(matches!(decision, Decision::Serve(_)), is_read, "{method}");
            assert_eq!(matches!(decision, Decision::Fetch(Fetch { reason: Reason::Method, .. })), !is_read);
        }
    }

    #[test]
    fn clients_say_what_they_want() {
        let variants = stored("max-age=10");
        let table = [
            ("no-cache", 0, "request"),
            ("NO-CACHE", 5, "request"),
            ("no-store", 5, "serve"),
            ("max-age=5", 5, "serve"),
            ("max-age=5", 6, "request"),
            ("max-age=0", 0, "request"),
            ("max-age=x", 0, "request"),
            ("max-age=100", 10, "stale"),
            ("min-fresh=5", 5, "serve"),
            ("min-fresh=6", 5, "request"),
            ("min-fresh=x", 5, "serve"),
            ("max-stale", 1000, "serve"),
            ("max-stale=5", 15, "serve"),
            ("max-stale=5", 16, "stale"),
            ("max-stale=x", 15, "stale"),
            ("max-stale, min-fresh=1", 15, "stale"),
            ("max-stale, max-age=20", 15, "serve"),
            ("max-stale, max-age=12", 15, "request"),
            ("only-if-cached", 5, "serve"),
            ("only-if-cached", 15, "unavailable"),
            ("only-if-cached, no-cache", 5, "unavailable"),
            ("only-if-cached, max-stale", 15, "serve"),
        ];
        for (control, seconds, expected) in table {
            assert_eq!(word(control, &variants, seconds), expected, "{control} after {seconds} s");
        }
        assert_eq!(word("only-if-cached", &[], 0), "unavailable");
        let pragma = decided(&[("pragma", "no-cache")], &variants, 0);
        assert!(matches!(pragma, Decision::Fetch(Fetch { reason: Reason::Request, .. })));
    }

    #[test]
    fn what_is_stale_is_served_in_its_window_only() {
        let variants = stored("max-age=10, stale-while-revalidate=20");
        let table = [
            ("", 9, "serve"),
            ("", 10, "refresh"),
            ("", 29, "refresh"),
            ("", 30, "stale"),
            ("no-cache", 10, "request"),
            ("max-age=100", 15, "stale"),
            ("min-fresh=1", 15, "stale"),
            ("max-stale", 15, "refresh"),
            ("max-stale", 35, "serve"),
            ("only-if-cached", 15, "refresh"),
        ];
        for (control, seconds, expected) in table {
            assert_eq!(word(control, &variants, seconds), expected, "{control} after {seconds} s");
        }
    }

    #[test]
    fn what_must_not_be_stale_is_never_served_stale() {
        for control in ["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"] {
            let control = format!("max-age=10, stale-while-revalidate=20, stale-if-error=50, {control}");
            let variants = stored(&control);
            for wish in ["", "max-stale", "stale-if-error=100"] {
                assert_eq!(word(wish, &variants, 10), "stale", "{control} {wish}");
                let fields = [("cache-control", wish)];
                let Decision::Fetch(fetch) = decided(&fields, &variants, 10) else { panic!("it is stale") };
                assert_eq!(fetch.fallback, Fallback::NONE);
            }
        }
        assert_eq!(word("", &stored("max-age=10, no-cache"), 0), "stale");
    }

    #[test]
    fn a_failing_origin_leaves_what_it_allowed() {
        let fallback = |control: &str, wish: &str, seconds: i64| {
            let variants = stored(control);
            let wish = [("cache-control", wish)];
            let Decision::Fetch(fetch) = decided(&wish, &variants, seconds) else { panic!("it is stale") };
            let failures = [Failure::Unreachable, Failure::Status(503), Failure::Status(404)];
            failures.map(|failure| fetch.fallback.allows(failure, NOW + seconds * 1000))
        };
        assert_eq!(fallback("max-age=10", "", 20), [true, false, false]);
        assert_eq!(fallback("max-age=10, stale-if-error=20", "", 29), [true, true, false]);
        assert_eq!(fallback("max-age=10, stale-if-error=20", "", 30), [false, false, false]);
        assert_eq!(fallback("max-age=10, stale-if-error=0", "", 10), [false, false, false]);
        assert_eq!(fallback("max-age=10", "stale-if-error=20", 29), [true, true, false]);
        assert_eq!(fallback("max-age=10", "stale-if-error=20", 30), [true, false, false]);
        assert_eq!(fallback("max-age=10, stale-if-error=20", "no-cache", 5), [false, false, false]);
    }

    #[test]
    fn errors_are_those_of_the_server() {
        let fallback = Fallback { error_until: NEVER, failure_until: NEVER };
        let errors: Vec<_> =
            (100..1000).filter(|status| fallback.allows(Failure::Status(*status), NOW)).collect();
        assert_eq!(errors, [500, 502, 503, 504]);
    }

    #[test]
    fn a_grace_that_was_given_covers_all_failures() {
        let mut numbers = Numbers { grace: Some(20), ..Numbers::default() };
        Deadlines::given(NOW, Some(10), None, numbers.grace).set(&mut numbers);
        let variants = [Variant::from(Parts { numbers, ..Parts::default() })];
        let Decision::Fetch(fetch) = decided(&[], &variants, 29) else { panic!("it is stale") };
        assert!(!fetch.is_validation());
        assert!(fetch.fallback.allows(Failure::Status(500), NOW + 29_999));
        assert!(!fetch.fallback.allows(Failure::Unreachable, NOW + 30_000));
    }

    #[test]
    fn other_requests_miss() {
        let variants =
            vec![stored_for(&[("foo", "1")], &[("cache-control", "max-age=10"), ("vary", "foo")], AT_ONCE)];
        assert!(matches!(decided(&[("foo", "1")], &variants, 0), Decision::Serve(_)));
        for request in [&[][..], &[("foo", "2")]] {
            let decision = decided(request, &variants, 0);
            assert!(matches!(
                decision,
                Decision::Fetch(Fetch { reason: Reason::VaryMiss, stored: None, .. })
            ));
        }
    }

    #[test]
    fn of_several_the_one_made_last_is_chosen() {
        let answer = |name: &'static str, vary: &'static str, seconds: i64| {
            let date = date(seconds);
            let fields = [("cache-control", "max-age=100"), ("vary", vary), ("date", &date), ("x", name)];
            stored_for(&[("a", "1"), ("b", "1")], &fields, AT_ONCE)
        };
        let chosen = |variants: &[Variant]| {
            let Decision::Serve(variant) = decided(&[("a", "1"), ("b", "1")], variants, 0) else {
                panic!("all are fresh")
            };
            String::from_utf8_lossy(variant.fields().first(b"x").unwrap()).into_owned()
        };
        assert_eq!(chosen(&[answer("new", "a", 0), answer("old", "b", -9)]), "new");
        assert_eq!(chosen(&[answer("old", "a", -9), answer("new", "b", 0)]), "new");
        assert_eq!(chosen(&[answer("first", "a", 0), answer("last", "b", 0)]), "last");
        assert_eq!(chosen(&[answer("varies", "a", -9), answer("doesn't", "", 0)]), "varies");
    }

    #[test]
    fn what_the_client_has_to_have_is_left_to_the_origin() {
        let variants = stored("max-age=10");
        assert!(matches!(decided(&[("if-match", "\"a\"")], &variants, 0), Decision::Serve(_)));
        let decision = decided(&[("if-match", "\"b\"")], &variants, 0);
        assert!(matches!(decision, Decision::Fetch(Fetch { reason: Reason::Request, stored: None, .. })));
    }

    #[test]
    fn what_is_fresh_for_ever_is_served() {
        let variants = [Variant::default()];
        assert_eq!(word("min-fresh=2147483648", &variants, 1_000_000), "serve");
        assert_eq!(word("no-cache", &variants, 0), "else");
    }
}

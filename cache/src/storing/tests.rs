use super::*;
use crate::testing::{AT_ONCE, NOW, date, map};
use http::StatusCode;
use spinel_types::http_cache::Variant;

fn judged_with(
    options: &Options,
    request: &[(&str, &str)],
    status: u16,
    answer: &[(&str, &str)],
) -> Result<Variant, Refusal> {
    let (request, answer) = (map(request), map(answer));
    let request = Request { method: &Method::GET, headers: &request };
    let head = Head { status: StatusCode::from_u16(status).unwrap(), headers: &answer };
    judge(request, head, AT_ONCE, options).map(Variant::from)
}

fn judged(request: &[(&str, &str)], status: u16, answer: &[(&str, &str)]) -> Result<Variant, Refusal> {
    judged_with(&Options::default(), request, status, answer)
}

fn with_control(control: &str) -> Result<Variant, Refusal> {
    judged(&[], 200, &[("cache-control", control)])
}

fn refused(judged: Result<Variant, Refusal>) -> Option<Refusal> {
    judged.err()
}

#[test]
fn answers_to_get_with_freshness_are_stored() {
    for status in
        [200, 201, 203, 204, 299, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 500, 503, 504, 599]
    {
        let variant = judged(&[], status, &[("cache-control", "max-age=5")]).unwrap();
        assert_eq!((variant.status, variant.fresh_until), (status, NOW + 5000));
    }
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS, Method::DELETE] {
        let (request, answer) = (map::<&str>(&[]), map(&[("cache-control", "max-age=5")]));
        let request = Request { method: &method, headers: &request };
        let head = Head { status: StatusCode::OK, headers: &answer };
        assert_eq!(judge(request, head, AT_ONCE, &Options::default()).err(), Some(Refusal::Method));
    }
}

#[test]
fn statuses_that_mean_one_request_only_are_not_stored() {
    for status in [100, 103, 304, 412, 416, 428, 429, 431, 511] {
        let judged = judged(&[], status, &[("cache-control", "max-age=5")]);
        assert_eq!(refused(judged), Some(Refusal::Status), "{status}");
    }
}

#[test]
fn no_store_and_private_are_obeyed() {
    assert_eq!(refused(with_control("max-age=5, No-Store")), Some(Refusal::NoStore));
    assert_eq!(refused(with_control("max-age=5, private")), Some(Refusal::Private));
    assert_eq!(refused(with_control("public, s-maxage=5, private")), Some(Refusal::Private));
    let wish = [("cache-control", "no-store")];
    assert_eq!(refused(judged(&wish, 200, &[("cache-control", "max-age=5")])), Some(Refusal::Wish));
}

#[test]
fn must_understand_takes_the_place_of_no_store_where_the_status_is_understood() {
    let control = [("cache-control", "max-age=5, no-store, must-understand")];
    assert!(judged(&[], 200, &control).is_ok());
    assert_eq!(refused(judged(&[], 299, &control)), Some(Refusal::Status));
    assert_eq!(
        refused(judged(&[], 299, &[("cache-control", "max-age=5, must-understand")])),
        Some(Refusal::Status)
    );
}

#[test]
fn what_is_for_one_who_said_who_he_is_needs_leave() {
    let request = [("authorization", "Basic x")];
    let control = |control| judged(&request, 200, &[("cache-control", control)]);
    assert_eq!(refused(control("max-age=5")), Some(Refusal::Authorization));
    assert_eq!(refused(control("max-age=5, proxy-revalidate")), Some(Refusal::Authorization));
    for leave in ["max-age=5, public", "max-age=5, must-revalidate", "s-maxage=5"] {
        assert!(control(leave).is_ok(), "{leave}");
    }
    let targeted = [("cdn-cache-control", "max-age=5"), ("cache-control", "public")];
    assert_eq!(refused(judged(&request, 200, &targeted)), Some(Refusal::Authorization));
}

#[test]
fn cookies_are_stored_only_if_that_is_chosen() {
    let answer = [("cache-control", "max-age=5"), ("set-cookie", "a=b")];
    assert_eq!(refused(judged(&[], 200, &answer)), Some(Refusal::Cookie));
    let options = Options { cookies: Cookies::Store, ..Options::default() };
    let variant = judged_with(&options, &[], 200, &answer).unwrap();
    assert_eq!(variant.fields().first(b"set-cookie"), Some(&b"a=b"[..]));
    let answer = [("cache-control", "max-age=5, private=\"Set-Cookie\""), ("set-cookie", "a=b")];
    for variant in [judged(&[], 200, &answer), judged_with(&options, &[], 200, &answer)] {
        assert_eq!(variant.unwrap().fields().first(b"set-cookie"), None);
    }
}

#[test]
fn fields_that_are_listed_or_for_one_connection_are_not_stored() {
    let answer = [
        ("Cache-Control", "max-age=5, no-cache=\"A\", private=\"B\""),
        ("a", "1"),
        ("b", "1"),
        ("C", "1"),
        ("c", "2"),
        ("d", "1"),
        ("connection", "D"),
        ("transfer-encoding", "chunked"),
        ("content-length", "5"),
        ("age", "2"),
        ("date", &date(-1)),
    ];
    let variant = judged(&[], 200, &answer).unwrap();
    let names: Vec<_> = variant.fields().iter().map(|(name, _)| name.to_vec()).collect();
    assert_eq!(names, [&b"cache-control"[..], b"c", b"c", b"date"]);
    assert_eq!(variant.initial_age, 2);
}

#[test]
fn a_date_is_added_where_there_is_none() {
    for dates in [&[][..], &[("date", "today")]] {
        let answer = [&[("cache-control", "max-age=5")][..], dates].concat();
        let variant = judged(&[], 200, &answer).unwrap();
        assert_eq!(variant.fields().all(b"date").collect::<Vec<_>>(), [date(0).as_bytes()]);
    }
}

#[test]
fn a_part_is_stored_only_if_it_is_the_whole() {
    let part = |range| judged(&[], 206, &[("cache-control", "max-age=5"), ("content-range", range)]);
    let variant = part("bytes 0-9/10").unwrap();
    assert_eq!((variant.status, variant.fields().first(b"content-range")), (200, None));
    for range in ["bytes 0-8/10", "bytes 1-9/10", "bytes 0-9/*", "bytes */10", "x", "items 0-9/10"] {
        assert_eq!(refused(part(range)), Some(Refusal::Part), "{range}");
    }
    assert_eq!(refused(judged(&[], 206, &[("cache-control", "max-age=5")])), Some(Refusal::Part));
}

#[test]
fn what_cannot_be_used_again_is_not_stored() {
    assert_eq!(refused(judged(&[], 200, &[])), Some(Refusal::Useless));
    assert_eq!(refused(with_control("max-age=0")), Some(Refusal::Useless));
    assert_eq!(refused(with_control("no-cache")), Some(Refusal::Useless));
    let aged = |control| judged(&[], 200, &[("cache-control", control), ("age", "5")]);
    assert_eq!(refused(aged("max-age=5, must-revalidate")), Some(Refusal::Useless));
    assert!(aged("max-age=5").is_ok(), "who takes what is stale may have it");
    assert_eq!(refused(judged(&[], 201, &[("etag", "\"a\"")])), Some(Refusal::Unmarked));
    assert_eq!(
        refused(judged(&[], 200, &[("vary", "*"), ("cache-control", "max-age=5")])),
        Some(Refusal::Vary)
    );
    for answer in [("etag", "\"a\""), ("last-modified", "once"), ("cache-control", "stale-if-error=5")] {
        assert!(judged(&[], 200, &[answer]).is_ok(), "{answer:?}");
    }
    assert!(judged(&[], 201, &[("etag", "\"a\""), ("cache-control", "public")]).is_ok());
}

#[test]
fn deadlines_follow_from_lifetime_age_and_windows() {
    let control = "max-age=60, stale-while-revalidate=30, stale-if-error=100000";
    let variant = judged(&[], 200, &[("cache-control", control), ("age", "20")]).unwrap();
    let expected = Deadlines {
        fresh_until: NOW + 40_000,
        stale_until: NOW + 70_000,
        grace_until: NOW + 40_000 + 100_000_000,
    };
    assert_eq!(Deadlines::of(&variant), expected);
    assert_eq!((variant.stored_at, variant.rules, variant.ttl), (NOW, rules::BY_FIELDS, None));
    let old = judged(&[], 200, &[("etag", "\"a\""), ("age", "1000000")]).unwrap();
    assert_eq!(old.grace_until, NOW + 86_400_000, "it is kept from when it came");
}

#[test]
fn what_must_not_be_stale_has_no_windows() {
    for control in ["must-revalidate", "proxy-revalidate", "s-maxage=60"] {
        let control = format!("max-age=60, stale-while-revalidate=30, stale-if-error=9, {control}");
        let variant = with_control(&control).unwrap();
        let until = NOW + 60_000;
        let expected = Deadlines { fresh_until: until, stale_until: until, grace_until: until };
        assert_eq!(Deadlines::of(&variant), expected, "{control}");
        assert_eq!(variant.rules, rules::BY_FIELDS | rules::NEVER_STALE);
    }
    let asked = judged(&[], 200, &[("cache-control", "max-age=60, no-cache"), ("etag", "\"a\"")]).unwrap();
    assert_eq!(asked.rules, rules::BY_FIELDS | rules::NEVER_STALE | rules::ALWAYS_ASK);
    assert_eq!((asked.fresh_until, asked.grace_until), (NOW, NOW + 86_400_000));
}

#[test]
fn guesses_are_marked() {
    let variant = judged(&[], 200, &[("last-modified", &date(-1000))]).unwrap();
    assert_eq!((variant.rules, variant.fresh_until), (rules::BY_FIELDS | rules::GUESSED, NOW + 100_000));
    let options = Options { guess_percent: 0, ..Options::default() };
    let variant = judged_with(&options, &[], 200, &[("last-modified", &date(-1000))]).unwrap();
    assert_eq!((variant.rules, variant.fresh_until), (rules::BY_FIELDS, NOW));
}

#[test]
fn tags_and_selector_are_gathered() {
    let answer = [("cache-control", "max-age=5"), ("vary", "Foo"), ("cache-tag", "t")];
    let variant = judged(&[("foo", "1")], 200, &answer).unwrap();
    assert_eq!(variant.selector(), Fields::new([(&b"foo"[..], &b"1"[..])]).as_ref());
    assert_eq!(variant.tags(), Fields::new([(&b"t"[..], &b""[..])]).as_ref());
}

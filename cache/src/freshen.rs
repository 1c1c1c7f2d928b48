//! What is stored anew when an origin says that it is still valid (RFC 9111, sections 3.2, 4.3.4 and 4.3.5).

use http::StatusCode;
use http::header::{CONTENT_LENGTH, DATE, ETAG, LAST_MODIFIED, VARY};
use spinel_types::http_cache::{Fields, FieldsRef, Numbers, Variant};

use crate::directives::Directives;
use crate::etag::EntityTag;
use crate::headers::Headers;
use crate::message::{Head, Request, Times};
use crate::storing::{self, Options, Refusal};
use crate::timeline::Deadlines;
use crate::{connection, date, freshness, lookup, rules, selector, tags};

/// A variant that takes the place of another with the same body.
#[derive(Debug)]
pub struct Freshened<'e> {
    /// The one that was stored.
    pub former: &'e Variant,
    /// The one that is to be stored: fields, deadlines and tags are new.
    pub variant: Variant,
    /// Which of them stays.
    pub keep: Keep,
}

/// Which variant stays in the cache. The new one answers the request that was waiting, whatever becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// The new one, in the place of the former.
    New,
    /// The former: the client doesn't want the new one to be stored, or it is meant for him only.
    Former,
    /// Neither: the origin doesn't want it to be stored any more.
    Neither,
}

/// Says which variants a 304 is about, and what becomes of them. `asked` is the one whose validators were sent.
///
/// If there is none, the origin means something that is not stored: then it has to be asked again without conditions.
pub fn not_modified<'e>(
    request: Request<'_>,
    asked: &'e Variant,
    variants: &'e [Variant],
    head: Head<'_>,
    times: Times,
    options: &Options,
) -> Vec<Freshened<'e>> {
    let update = head.fields();
    let mut meant = lookup::matching(request.fields(), variants, times.came);
    let tag = update.first(&ETAG).and_then(EntityTag::parse);
    let meant: Vec<_> = match tag {
        Some(tag) if !tag.weak => meant.filter(|variant| has_strongly(variant, tag)).collect(),
        None if !update.has(&LAST_MODIFIED) => {
            meant.find(|variant| variant.is_same(asked)).into_iter().collect()
        }
        _ => meant
            .filter(|variant| has_weakly(variant, update))
            .max_by_key(|variant| lookup::made_at(variant))
            .into_iter()
            .collect(),
    };
    meant.into_iter().map(|former| freshened(former, request, head, times, options)).collect()
}

/// Says what the answer to a `HEAD` makes of the variants that are for such a request: those with the same validators and
/// length are renewed, the others are taken to be stale from now on.
pub fn by_head<'e>(
    request: Request<'_>,
    variants: &'e [Variant],
    head: Head<'_>,
    times: Times,
    options: &Options,
) -> Vec<Freshened<'e>> {
    if head.status != StatusCode::OK {
        return Vec::new();
    }
    let meant = lookup::matching(request.fields(), variants, times.came);
    let meant = meant.filter(|variant| variant.status == 200);
    let renewed = meant.map(|former| {
        if describes(head.fields(), former) {
            return freshened(former, request, head, times, options);
        }
        let mut numbers: Numbers = **former;
        Deadlines::softened(former, times.came).set(&mut numbers);
        let mut variant = former.clone();
        variant.set_numbers(numbers);
        Freshened { former, variant, keep: Keep::New }
    });
    renewed.collect()
}

/// Whether the head that answered `HEAD` is that of a variant.
fn describes(head: Headers<'_>, variant: &Variant) -> bool {
    let stored = Headers::Stored(variant.fields());
    let is_same = |came: Option<&[u8]>, stored: Option<&[u8]>| came.is_none() || came == stored;
    let length = variant.body().len().to_string();
    is_same(head.first(&ETAG), stored.first(&ETAG))
        && is_same(head.first(&LAST_MODIFIED), stored.first(&LAST_MODIFIED))
        && is_same(head.first(&CONTENT_LENGTH), Some(length.as_bytes()))
}

fn has_strongly(variant: &Variant, tag: EntityTag<'_>) -> bool {
    let own = Headers::Stored(variant.fields()).first(&ETAG).and_then(EntityTag::parse);
    own.is_some_and(|own| own.matches_strongly(tag))
}

/// Whether a variant has the weak tag of an update, or if that has none its date of modification.
fn has_weakly(variant: &Variant, update: Headers<'_>) -> bool {
    let stored = Headers::Stored(variant.fields());
    match update.first(&ETAG).and_then(EntityTag::parse) {
        Some(tag) => {
            stored.first(&ETAG).and_then(EntityTag::parse).is_some_and(|own| own.matches_weakly(tag))
        }
        None => stored.first(&LAST_MODIFIED) == update.first(&LAST_MODIFIED),
    }
}

fn freshened<'e>(
    former: &'e Variant,
    request: Request<'_>,
    head: Head<'_>,
    times: Times,
    options: &Options,
) -> Freshened<'e> {
    let mut parts = former.to_parts();
    parts.fields = merged(former.fields(), head, times, options);
    let merged = Headers::Stored(parts.fields.as_ref());
    let directives = Directives::of_answer(merged);
    let mut keep = match storing::forbidden(former.status, request, &directives) {
        None => Keep::New,
        Some(Refusal::Wish | Refusal::Authorization) => Keep::Former,
        Some(_) => Keep::Neither,
    };
    let new_tags = tags::of_answer(head.fields());
    let new_selector = head
        .headers
        .contains_key(VARY)
        .then(|| selector::of_answer_and(merged, request.fields(), &options.orders.vary));

    // How old it was, if a cache before us says so, is said by the update only.
    let age =
        freshness::initial_age(head.fields(), storing::made_at(merged, times).unwrap_or(times.came), times);
    let assessment = storing::assess(merged, former.status, &directives, age, times, options);
    assessment.set(&mut parts.numbers);
    if former.rules & rules::BY_FIELDS == 0 {
        parts.numbers.rules = former.rules;
        Deadlines::given(times.came, former.ttl, former.swr, former.grace).set(&mut parts.numbers);
    }
    let orders = &options.orders;
    orders.settle(&mut parts.numbers, (&assessment, &directives), times.came);
    let new_tags = new_tags.as_ref();
    parts.tags = tags::with(if new_tags.is_empty() { former.tags() } else { new_tags }, &orders.tags);
    match new_selector {
        Some(Some(selector)) => parts.selector = selector,
        Some(None) => keep = Keep::Neither,
        None => {}
    }
    Freshened { former, variant: former.successor(parts), keep }
}

/// Stored fields, with those of an update in the place of those of their names.
fn merged(stored: FieldsRef<'_>, head: Head<'_>, times: Times, options: &Options) -> Fields {
    let own_date = date::format(times.came);
    let is_dated = storing::made_at(head.fields(), times).is_some();
    let came = connection::forwarded(head.headers);
    let came = came.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let came: Vec<_> = came.filter(|(name, _)| is_dated || *name != DATE.as_str().as_bytes()).collect();
    let dated = (!is_dated).then_some((DATE.as_str().as_bytes(), &own_date[..]));
    let update: Vec<_> = came.into_iter().chain(dated).collect();

    // What is not kept doesn't take the place of anything, so it goes before. Nor does a coding: the body is what it was.
    let nothing = Directives::default();
    let is_taken = |name: &[u8]| storing::is_kept(name, &nothing, options) && name != b"content-encoding";
    let update: Vec<_> = update.into_iter().filter(|(name, _)| is_taken(name)).collect();
    let is_updated = |name: &[u8]| update.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let stays = stored.iter().filter(|(name, _)| !is_updated(name));
    let fields = Fields::new(stays.chain(update.iter().copied()));
    let directives = Directives::of_answer(Headers::Stored(fields.as_ref()));
    if directives.left_out.is_empty() {
        return fields;
    }
    let is_kept = |name: &[u8]| storing::is_kept(&name.to_ascii_lowercase(), &directives, options);
    Fields::new(fields.as_ref().iter().filter(|(name, _)| is_kept(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AT_ONCE, NOW, date, map};
    use http::Method;
    use spinel_types::http_cache::{Body, Parts};

    const LATER: Times = Times { asked: NOW + 60_000, came: NOW + 60_000 };

    fn stored(request: &[(&str, &str)], answer: &[(&str, &str)]) -> Variant {
        let (request, answer) = (map(request), map(answer));
        let request = Request { method: &Method::GET, headers: &request };
        let head = Head { status: StatusCode::OK, headers: &answer };
        let mut parts = storing::judge(request, head, AT_ONCE, &Options::default()).unwrap();
        parts.body = Body::Plain((*b"0123456789").into());
        parts.into()
    }

    fn updated<'e>(variants: &'e [Variant], asked: usize, update: &[(&str, &str)]) -> Vec<Freshened<'e>> {
        let (headers, update) = (map(&[("foo", "1")]), map(update));
        let request = Request { method: &Method::GET, headers: &headers };
        let head = Head { status: StatusCode::NOT_MODIFIED, headers: &update };
        not_modified(request, &variants[asked], variants, head, LATER, &Options::default())
    }

    fn one(answer: &[(&str, &str)], update: &[(&str, &str)]) -> Variant {
        let variants = [stored(&[], answer)];
        let mut freshened = updated(&variants, 0, update);
        assert_eq!(freshened.len(), 1);
        assert_eq!(freshened[0].keep, Keep::New);
        freshened.remove(0).variant
    }

    fn value(variant: &Variant, name: &str) -> Vec<String> {
        let values = variant.fields().all(name.as_bytes());
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn fields_are_replaced_and_deadlines_renewed() {
        let answer = [("cache-control", "max-age=10"), ("etag", "\"a\""), ("x", "1"), ("x", "2"), ("y", "3")];
        let variant =
            one(&answer, &[("cache-control", "max-age=20"), ("etag", "\"a\""), ("x", "4"), ("z", "5")]);
        assert_eq!(value(&variant, "x"), ["4"]);
        assert_eq!(value(&variant, "y"), ["3"]);
        assert_eq!(value(&variant, "z"), ["5"]);
        assert_eq!(value(&variant, "cache-control"), ["max-age=20"]);
        assert_eq!(value(&variant, "date"), [date(60)]);
        assert_eq!((variant.stored_at, variant.fresh_until), (NOW + 60_000, NOW + 80_000));
        assert_eq!((variant.status, variant.body().len()), (200, 10));
    }

    #[test]
    fn without_new_fields_the_old_ones_hold_from_now_on() {
        let variant = one(&[("cache-control", "max-age=10"), ("etag", "\"a\"")], &[]);
        assert_eq!((variant.fresh_until, variant.initial_age), (NOW + 70_000, 0));
        let variant =
            one(&[("cache-control", "max-age=10"), ("etag", "\"a\"")], &[("age", "4"), ("date", &date(60))]);
        assert_eq!((variant.fresh_until, variant.initial_age), (NOW + 66_000, 4));
        let variant = one(&[("cache-control", "max-age=10"), ("etag", "\"a\"")], &[("date", "today")]);
        assert_eq!(value(&variant, "date"), [date(60)]);
    }

    #[test]
    fn lengths_and_fields_for_one_connection_are_not_merged() {
        let answer =
            [("cache-control", "max-age=10, private=\"P\""), ("etag", "\"a\""), ("content-type", "a")];
        let update = [
            ("content-length", "0"),
            ("content-range", "bytes 0-0/1"),
            ("content-encoding", "br"),
            ("connection", "mine"),
            ("mine", "1"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=b"),
            ("p", "1"),
            ("content-type", "b"),
        ];
        let variant = one(&answer, &update);
        let names: Vec<_> =
            variant.fields().iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["cache-control", "etag", "content-type", "date"]);
        assert_eq!(value(&variant, "content-type"), ["b"]);
    }

    #[test]
    fn a_strong_tag_means_all_that_have_it() {
        let answer = |vary: &'static str, tag: &'static str| {
            stored(&[("foo", "1")], &[("cache-control", "max-age=10"), ("vary", vary), ("etag", tag)])
        };
        let variants =
            [answer("foo", "\"a\""), answer("bar", "\"a\""), answer("baz", "W/\"a\""), answer("q", "\"b\"")];
        let meant = |update: &[(&str, &str)]| -> Vec<usize> {
            let freshened = updated(&variants, 0, update);
            let index = |former| variants.iter().position(|variant| variant.is_same(former)).unwrap();
            freshened.iter().map(|freshened| index(freshened.former)).collect()
        };
        assert_eq!(meant(&[("etag", "\"a\"")]), [0, 1]);
        assert_eq!(meant(&[("etag", "\"c\"")]), [0; 0]);
        assert_eq!(meant(&[("etag", "W/\"a\"")]), [2], "the one stored last, of those made at one time");
        assert_eq!(meant(&[("etag", "W/\"b\"")]), [3]);
        assert_eq!(meant(&[("etag", "W/\"c\"")]), [0; 0]);
        assert_eq!(meant(&[]), [0], "the one that was asked for");
    }

    #[test]
    fn a_date_of_modification_means_the_one_that_has_it() {
        let answer = |vary: &'static str, seconds: i64| {
            let fields = [("cache-control", "max-age=10"), ("vary", vary), ("last-modified", &date(seconds))];
            stored(&[("foo", "1")], &fields)
        };
        let variants = [answer("foo", -5), answer("bar", -9)];
        let freshened = updated(&variants, 0, &[("last-modified", &date(-9))]);
        assert_eq!(freshened.len(), 1);
        assert!(freshened[0].former.is_same(&variants[1]));
        assert!(updated(&variants, 0, &[("last-modified", &date(-7))]).is_empty());
    }

    #[test]
    fn variants_for_other_requests_are_left_alone() {
        let answer = [("cache-control", "max-age=10"), ("vary", "foo"), ("etag", "\"a\"")];
        let variants = [stored(&[("foo", "1")], &answer), stored(&[("foo", "2")], &answer)];
        let freshened = updated(&variants, 0, &[("etag", "\"a\"")]);
        assert_eq!(freshened.len(), 1);
        assert!(freshened[0].former.is_same(&variants[0]));
    }

    #[test]
    fn what_was_given_when_it_was_written_holds_again() {
        let mut numbers = Numbers { ttl: Some(10), swr: Some(20), grace: Some(30), ..Numbers::default() };
        Deadlines::given(NOW, Some(100), None, None).set(&mut numbers);
        let fields = Fields::new([(&b"ETag"[..], &b"\"a\""[..])]);
        let variants = [Variant::from(Parts { numbers, fields, ..Parts::default() })];
        let freshened = updated(&variants, 0, &[("etag", "\"a\""), ("cache-control", "max-age=500")]);
        let expected = Deadlines::given(LATER.came, Some(10), Some(20), Some(30));
        assert_eq!(Deadlines::of(&freshened[0].variant), expected);
    }

    #[test]
    fn an_update_may_forbid_to_keep_it() {
        let variants =
            [stored(&[], &[("cache-control", "max-age=10"), ("etag", "\"a\""), ("cache-tag", "t")])];
        for update in [("cache-control", "no-store"), ("cache-control", "private"), ("vary", "*")] {
            assert_eq!(updated(&variants, 0, &[update])[0].keep, Keep::Neither);
        }
        let freshened = updated(&variants, 0, &[("vary", "foo"), ("cache-tag", "u")]);
        let variant = &freshened[0].variant;
        assert_eq!(variant.selector(), Fields::new([(&b"foo"[..], &b"1"[..])]).as_ref());
        assert_eq!(variant.tags(), Fields::new([(&b"u"[..], &b""[..])]).as_ref());
        assert_eq!(updated(&variants, 0, &[])[0].variant.tags(), variants[0].tags());
    }

    #[test]
    fn what_one_client_found_valid_for_himself_leaves_the_former() {
        let variants = [stored(&[], &[("cache-control", "max-age=10"), ("etag", "\"a\"")])];
        let keep = |request: &[(&str, &str)]| {
            let (headers, update) = (map(request), map(&[("etag", "\"a\"")]));
            let request = Request { method: &Method::GET, headers: &headers };
            let head = Head { status: StatusCode::NOT_MODIFIED, headers: &update };
            not_modified(request, &variants[0], &variants, head, LATER, &Options::default())[0].keep
        };
        assert_eq!(keep(&[]), Keep::New);
        assert_eq!(keep(&[("cache-control", "no-store")]), Keep::Former);
        assert_eq!(keep(&[("authorization", "Basic x")]), Keep::Former);
    }

    #[test]
    fn a_head_renews_what_it_describes_and_ends_the_freshness_of_the_rest() {
        let answer = [("cache-control", "max-age=100"), ("etag", "\"a\""), ("last-modified", &date(-5))];
        let variants = [stored(&[], &answer)];
        let fresh_until = |status: StatusCode, head: &[(&str, &str)]| {
            let head = map(head);
            let request = Request { method: &Method::HEAD, headers: &http::HeaderMap::new() };
            let head = Head { status, headers: &head };
            let freshened = by_head(request, &variants, head, LATER, &Options::default());
            freshened.first().map(|freshened| freshened.variant.fresh_until)
        };
        let renewed = Some(LATER.came + 100_000);
        let ended = Some(LATER.came);
        let same_date = date(-5);
        assert_eq!(fresh_until(StatusCode::OK, &[]), renewed);
        assert_eq!(fresh_until(StatusCode::OK, &[("etag", "\"a\""), ("last-modified", &same_date)]), renewed);
        assert_eq!(fresh_until(StatusCode::OK, &[("content-length", "10")]), renewed);
        assert_eq!(fresh_until(StatusCode::OK, &[("content-length", "11")]), ended);
        assert_eq!(fresh_until(StatusCode::OK, &[("etag", "\"b\"")]), ended);
        assert_eq!(fresh_until(StatusCode::OK, &[("last-modified", "x")]), ended);
        assert_eq!(fresh_until(StatusCode::NOT_FOUND, &[("etag", "\"b\"")]), None);
    }
}

//! Whether who asks has already what is stored (RFC 9110, section 13; RFC 9111, section 4.3.2).

use http::header::{
    DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use spinel_types::http_cache::Variant;

use crate::date;
use crate::etag::{self, EntityTag};
use crate::headers::Headers;

/// Whether the request's `If-None-Match`, or without it its `If-Modified-Since`, say that a variant is what the client has, so
/// that 304 answers. Only answers with 2xx have conditions. Allocates nothing.
pub fn is_unchanged(request: Headers<'_>, variant: &Variant, now: i64) -> bool {
    if !(200..300).contains(&variant.status) {
        return false;
    }
    let stored = Headers::Stored(variant.fields());
    let (mut has_tags, mut matches) = (false, false);
    request.each(&IF_NONE_MATCH, |list| {
        has_tags = true;
        matches |= etag::list_matches(list, stored.first(&ETAG).and_then(EntityTag::parse));
    });
    if has_tags {
        return matches;
    }
    let since = request.first(&IF_MODIFIED_SINCE).and_then(|since| date::parse(since, now));
    since.is_some_and(|since| modified(variant, now).is_some_and(|modified| modified <= since))
}

/// Whether the request's `If-Range`, if it has one, means exactly this variant, so that a part of it is of use to the client.
/// Allocates nothing.
pub fn is_range_wanted(request: Headers<'_>, variant: &Variant, now: i64) -> bool {
    let Some(wanted) = request.first(&IF_RANGE) else {
        return true;
    };
    let stored = Headers::Stored(variant.fields());
    let Some(since) = date::parse(wanted, now) else {
        let pair = EntityTag::parse(wanted).zip(stored.first(&ETAG).and_then(EntityTag::parse));
        return pair.is_some_and(|(wanted, tag)| wanted.matches_strongly(tag));
    };
    // Within the second in which it was modified, it may have been modified again.
    let modified = stored.first(&LAST_MODIFIED).and_then(|modified| date::parse(modified, now));
    let sent = stored.first(&DATE).and_then(|sent| date::parse(sent, now));
    modified == Some(since) && sent.is_some_and(|sent| sent >= since + 1000)
}

/// Whether the request's `If-Match`, or without it its `If-Unmodified-Since`, hold for a variant. They are meant for origins, so where
/// they don't, nothing is known yet. Allocates nothing.
pub(crate) fn holds(request: Headers<'_>, variant: &Variant, now: i64) -> bool {
    let stored = Headers::Stored(variant.fields());
    let (mut has_tags, mut matches) = (false, false);
    request.each(&IF_MATCH, |list| {
        let tag = stored.first(&ETAG).and_then(EntityTag::parse).filter(|tag| !tag.weak);
        has_tags = true;
        matches |= etag::list_matches_strongly(list, tag);
    });
    if has_tags {
        return matches;
    }
    let Some(since) = request.first(&IF_UNMODIFIED_SINCE) else {
        return true;
    };
    let modified = stored.first(&LAST_MODIFIED).and_then(|modified| date::parse(modified, now));
    let since = date::parse(since, now);
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

/// When the variant was modified: as it says, and if it doesn't say, it was not modified after it was sent.
fn modified(variant: &Variant, now: i64) -> Option<i64> {
    let stored = Headers::Stored(variant.fields());
    match stored.first(&LAST_MODIFIED).or_else(|| stored.first(&DATE)) {
        Some(modified) => date::parse(modified, now),
        None => Some(variant.stored_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::changed;
    use spinel_types::http_cache::{Fields, Numbers, Parts};

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";
    const NOW: i64 = 784_200_000_000;

    fn variant(fields: &[(&str, &str)]) -> Variant {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let numbers = Numbers { stored_at: 784_111_777_500, ..Numbers::default() };
        Parts { numbers, fields: Fields::new(fields), ..Parts::default() }.into()
    }

    fn unchanged(request: &[(&str, &str)], variant: &Variant) -> bool {
        let pairs: Vec<_> = request.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        is_unchanged(Headers::Pairs(&pairs), variant, NOW)
    }

    fn range_wanted(wanted: &str, variant: &Variant) -> bool {
        is_range_wanted(Headers::Pairs(&[(b"If-Range", wanted.as_bytes())]), variant, NOW)
    }

    #[test]
    fn tags_decide_before_dates() {
        let variant = variant(&[("ETag", "\"a\""), ("Last-Modified", MODIFIED)]);
        assert!(unchanged(&[("if-none-match", "W/\"a\"")], &variant));
        assert!(unchanged(&[("if-none-match", "\"x\""), ("If-None-Match", "\"a\"")], &variant));
        assert!(unchanged(&[("if-none-match", "\"a\""), ("if-none-match", "\"x\"")], &variant));
        assert!(unchanged(&[("if-none-match", "*")], &variant));
        assert!(unchanged(&[("if-none-match", "\"a\""), ("if-modified-since", BEFORE)], &variant));
        assert!(!unchanged(&[("if-none-match", "\"b\""), ("if-modified-since", AFTER)], &variant));
        assert!(!unchanged(&[], &variant));
    }

    #[test]
    fn dates_decide_without_tags() {
        let dated = variant(&[("ETag", "\"a\""), ("Last-Modified", MODIFIED)]);
        assert!(unchanged(&[("if-modified-since", MODIFIED)], &dated));
        assert!(unchanged(&[("if-modified-since", AFTER)], &dated));
        assert!(!unchanged(&[("if-modified-since", BEFORE)], &dated));
        assert!(!unchanged(&[("if-modified-since", "yesterday")], &dated));
        assert!(!unchanged(&[("if-none-match", "\"a\"")], &variant(&[])));
    }

    #[test]
    fn what_does_not_say_when_it_was_modified_was_not_after_it_was_sent() {
        let sent = variant(&[("Date", MODIFIED)]);
        assert!(unchanged(&[("if-modified-since", MODIFIED)], &sent));
        assert!(!unchanged(&[("if-modified-since", BEFORE)], &sent));
        let undated = variant(&[]);
        assert!(unchanged(&[("if-modified-since", AFTER)], &undated));
        assert!(!unchanged(&[("if-modified-since", MODIFIED)], &undated));
        let odd = variant(&[("Last-Modified", "once"), ("Date", MODIFIED)]);
        assert!(!unchanged(&[("if-modified-since", AFTER)], &odd));
    }

    #[test]
    fn only_success_has_conditions() {
        let variant = changed(variant(&[("ETag", "\"a\"")]), |numbers| numbers.status = 404);
        assert!(!unchanged(&[("if-none-match", "\"a\"")], &variant));
    }

    #[test]
    fn what_must_match_is_compared_strongly() {
        let variant = variant(&[("ETag", "\"a\""), ("Last-Modified", MODIFIED)]);
        let met = |name: &str, value: &str, variant: &Variant| {
            holds(Headers::Pairs(&[(name.as_bytes(), value.as_bytes())]), variant, NOW)
        };
        assert!(met("x", "y", &variant));
        assert!(met("if-match", "\"x\", \"a\"", &variant) && met("if-match", "*", &variant));
        assert!(!met("if-match", "W/\"a\"", &variant) && !met("if-match", "\"b\"", &variant));
        assert!(
            met("if-unmodified-since", MODIFIED, &variant) && met("if-unmodified-since", AFTER, &variant)
        );
        assert!(!met("if-unmodified-since", BEFORE, &variant) && !met("if-unmodified-since", "x", &variant));
        let fields = Fields::new([(&b"etag"[..], &b"W/\"a\""[..])]);
        let weak = Variant::from(Parts { fields, ..variant.to_parts() });
        assert!(!met("if-match", "W/\"a\"", &weak) && !met("if-unmodified-since", AFTER, &weak));
    }

    #[test]
    fn ranges_are_wanted_of_exactly_what_the_client_has() {
        let strong = variant(&[("ETag", "\"a\""), ("Last-Modified", MODIFIED), ("Date", AFTER)]);
        assert!(is_range_wanted(Headers::Pairs(&[]), &strong, NOW));
        assert!(range_wanted("\"a\"", &strong));
        assert!(!range_wanted("W/\"a\"", &strong));
        assert!(!range_wanted("\"b\"", &strong));
        assert!(range_wanted(MODIFIED, &strong));
        assert!(!range_wanted(AFTER, &strong), "only the very date counts");
        let weak = variant(&[("ETag", "W/\"a\""), ("Last-Modified", MODIFIED), ("Date", MODIFIED)]);
        assert!(!range_wanted("W/\"a\"", &weak));
        assert!(!range_wanted(MODIFIED, &weak), "it may have been modified again in that second");
    }
}

//! What an origin is asked with (RFC 9111, section 4.3.1).

use http::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use spinel_types::http_cache::Variant;

use crate::connection;
use crate::headers::Headers;
use crate::lookup::Fetch;
use crate::message::Request;

const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];

/// The fields that a request is forwarded with, without those that are for one connection.
///
/// If something is stored for it, the client's conditions and its range give way to the validators of that: it is
/// renewed or replaced as a whole, and the client's conditions are looked at when it [answers](crate::answer::answer).
/// If nothing is stored, they are the origin's to answer.
pub fn fields(request: Request<'_>, fetch: &Fetch<'_>) -> HeaderMap {
    let forwarded = connection::forwarded(request.headers);
    let is_ours = |name: &HeaderName| fetch.stored.is_some() && CONDITIONS.contains(name);
    let kept = forwarded.filter(|(name, _)| !is_ours(name));
    let mut fields = HeaderMap::with_capacity(request.headers.len() + 2);
    for (name, value) in kept {
        fields.append(name, value.clone());
    }
    if let Some(variant) = fetch.stored {
        copy(variant, ETAG, &mut fields, IF_NONE_MATCH);
        copy(variant, LAST_MODIFIED, &mut fields, IF_MODIFIED_SINCE);
    }
    fields
}

fn copy(variant: &Variant, from: HeaderName, fields: &mut HeaderMap, to: HeaderName) {
    let value = Headers::Stored(variant.fields()).first(from);
    if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
        fields.insert(to, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::Reason;
    use crate::testing::map;
    use http::Method;
    use spinel_types::http_cache::{Fields, Parts};

    fn sent(request: &[(&str, &str)], stored: Option<&Variant>) -> Vec<String> {
        let request = map(request);
        let fetch = stored.map_or_else(|| Fetch::without_lookup(Reason::UriMiss), Fetch::again);
        let fields = fields(Request { method: &Method::GET, headers: &request }, &fetch);
        let mut lines: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort_unstable();
        lines
    }

    fn variant(fields: &[(&[u8], &[u8])]) -> Variant {
        Parts { fields: Fields::new(fields.iter().copied()), ..Parts::default() }.into()
    }

    const REQUEST: [(&str, &str); 9] = [
        ("If-None-Match", "\"mine\""),
        ("If-Modified-Since", "then"),
        ("If-Match", "\"mine\""),
        ("If-Unmodified-Since", "then"),
        ("If-Range", "\"mine\""),
        ("Range", "bytes=0-1"),
        ("Connection", "a"),
        ("a", "1"),
        ("b", "2"),
    ];

    #[test]
    fn without_anything_stored_conditions_are_the_clients() {
        let lines = sent(&REQUEST, None);
        let expected = [
            "b: 2",
            "if-match: \"mine\"",
            "if-modified-since: then",
            "if-none-match: \"mine\"",
            "if-range: \"mine\"",
            "if-unmodified-since: then",
            "range: bytes=0-1",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_stored_is_asked_for_by_all_its_validators() {
        let both = variant(&[(b"ETag", b"W/\"a\""), (b"Last-Modified", b"some time")]);
        let expected = ["b: 2", "if-modified-since: some time", "if-none-match: W/\"a\""];
        assert_eq!(sent(&REQUEST, Some(&both)), expected);
        assert_eq!(sent(&REQUEST, Some(&variant(&[(b"etag", b"\"a\"")]))), ["b: 2", "if-none-match: \"a\""]);
        assert_eq!(sent(&REQUEST, Some(&variant(&[]))), ["b: 2"]);
    }
}

//! Fields that are meant for one connection only (RFC 9110, section 7.6.1): they are neither stored nor forwarded.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

use crate::headers::Headers;
use crate::list;

/// Fields that are for one connection, whatever `Connection` says. Those about the identity at a proxy are, too, because this is
/// the proxy (RFC 9111, section 3.1).
const NAMES: [&[u8]; 10] = [
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];

/// Whether a field of this name, in any case of letters, is for one connection, whatever `Connection` says.
pub fn is_for_one(name: &str) -> bool {
    is_named(name.as_bytes())
}

/// The same of a name that may be any bytes.
pub(crate) fn is_named(name: &[u8]) -> bool {
    NAMES.iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// The fields of a message that may be forwarded: all but those that are for one connection or named by `Connection`.
pub fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let names = names(Headers::Map(headers));
    headers.iter().filter(move |(name, _)| {
        let name = name.as_str().as_bytes();
        let is_left_out = is_named(name) || names.binary_search_by(|other| other[..].cmp(name)).is_ok();
        !is_left_out
    })
}

/// What `Connection` names, in lower case and sorted, but for what it nearly always names, which is no field.
fn names(headers: Headers<'_>) -> Vec<Vec<u8>> {
    let usual: [&[u8]; 3] = [b"", b"close", b"keep-alive"];
    let mut names = Vec::new();
    headers.each(&CONNECTION, |line| {
        let named =
            list::elements(line).filter(|name| !usual.iter().any(|usual| name.eq_ignore_ascii_case(usual)));
        names.extend(named.map(<[u8]>::to_ascii_lowercase));
    });
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    #[test]
    fn what_is_for_one_connection_is_not_forwarded() {
        let headers = map(&[
            ("Connection", "close, X-Mine"),
            ("connection", "Other"),
            ("x-mine", "1"),
            ("other", "2"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "close"),
            ("Proxy-Authenticate", "Basic"),
            ("Proxy-Authorization", "Basic x"),
            ("Proxy-Authentication-Info", "x"),
            ("TE", "trailers"),
            ("Trailer", "x"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Close", "no field's name that is left out"),
            ("X-Yours", "3"),
            ("X-Yours", "4"),
        ]);
        let names: Vec<_> =
            forwarded(&headers).map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let close = ("close", &b"no field's name that is left out"[..]);
        assert_eq!(names, [close, ("x-yours", b"3"), ("x-yours", b"4")]);
        let plain = map(&[("x-mine", "1"), ("close", "2")]);
        assert_eq!(forwarded(&plain).count(), 2);
    }
}

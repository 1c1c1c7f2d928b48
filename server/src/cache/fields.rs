//! Header fields on their way through: what ends at the door, and what it adds.

use super::target::Target;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, MAX_FORWARDS, TRANSFER_ENCODING, USER_AGENT, VIA};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use spinel_cache::connection;
use std::fmt::Write;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields by which some origins answer something else than what the target and the method say. Nobody knows them when
/// the answer is stored, so they stay here: else one client decides what others get.
const UNKEYED: [&str; 13] = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Makes a request's fields, of which those for one connection are gone, those that the origin gets.
/// The client is at this address, and has asked by URLs of this scheme.
pub(super) fn send(
    headers: &mut HeaderMap,
    (head, target): (&Parts, &Target),
    (peer, scheme): (IpAddr, &'static str),
    name: &str,
) {
    for name in UNKEYED {
        headers.remove(name);
    }
    // Who sends a body on waits for nobody's permission.
    headers.remove(EXPECT);
    if head.headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    if let Some(steps) = steps_left(head).filter(|steps| *steps > 0) {
        headers.insert(MAX_FORWARDS, HeaderValue::from(steps - 1));
    }
    name_host(headers, target);
    add_via(headers, head.version, name);
    append(headers, &FORWARDED_FOR, format_args!("{}", peer.to_canonical()));
    // What the client says of that is not believed: it may decide what origins answer, and is no part of the key.
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
}

/// How often a request may still be forwarded, if it says so. Only with `OPTIONS` that is for this server to obey (RFC 9110, section
/// 7.6.2); `TRACE` is not served.
pub(super) fn steps_left(head: &Parts) -> Option<u32> {
    let value = head.headers.get(MAX_FORWARDS).filter(|_| head.method == Method::OPTIONS)?;
    value.to_str().ok()?.trim().parse().ok()
}

/// Makes fields that a client of RESP has chosen those that the origin gets: nobody is forwarded for, so nothing is said of that.
pub(super) fn send_own(headers: &mut HeaderMap, target: &Target) {
    name_host(headers, target);
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static("SpinelDB"));
}

fn name_host(headers: &mut HeaderMap, target: &Target) {
    if let Ok(host) = HeaderValue::from_bytes(target.host()) {
        headers.insert(HOST, host);
    }
}

/// Makes fields of an answer with this status those that clients get and that are stored, but for those that are for one connection.
pub(super) fn receive(headers: &mut HeaderMap, (version, status): (Version, StatusCode), name: &str) {
    if headers.contains_key(TRANSFER_ENCODING) || status == StatusCode::NO_CONTENT {
        // What came in pieces, or not at all, has no other length, whatever it said.
        headers.remove(CONTENT_LENGTH);
    }
    unify_length(headers);
    add_via(headers, version, name);
}

/// Writes a length once that was given more than once, each time the same.
fn unify_length(headers: &mut HeaderMap) {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return };
    let first = value.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    if let Ok(length) = HeaderValue::from_bytes(first) {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// How a body is coded on its way, coding by coding.
pub(super) fn codings(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Whether this coding is that of a body that comes in pieces.
pub(super) fn is_pieces(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

/// The fields without those that are for one connection.
pub(super) fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in connection::forwarded(headers) {
        kept.append(name, value.clone());
    }
    kept
}

/// Whether a request has come through here before.
pub(super) fn is_loop(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(VIA).iter().any(|value| {
        let mut steps = value.as_bytes().split(|byte| *byte == b',');
        steps.any(|step| step.trim_ascii().split(|byte| *byte == b' ').nth(1) == Some(name.as_bytes()))
    })
}

fn add_via(headers: &mut HeaderMap, version: Version, name: &str) {
    let version = if version == Version::HTTP_10 { "1.0" } else { "1.1" };
    append(headers, &VIA, format_args!("{version} {name}"));
}

/// Adds a member to a list that may stand in several fields.
fn append(headers: &mut HeaderMap, name: &HeaderName, member: std::fmt::Arguments<'_>) {
    let mut list = String::new();
    for value in headers.get_all(name).iter().filter_map(|value| value.to_str().ok()) {
        list.push_str(value);
        list.push_str(", ");
    }
    // Memory takes any text, and what is added is made here.
    let _ = write!(list, "{member}");
    if let Ok(value) = HeaderValue::from_str(&list) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn requests_are_rewritten_for_the_origin() {
        let mut incoming = Request::get("/a/../b?c").body(()).expect("a request");
        *incoming.headers_mut() = headers(&[
            ("Host", "Example.com:443"),
            ("Connection", "X-Secret"),
            ("X-Secret", "1"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Forwarded-Proto", "evil"),
            ("X-Forwarded-Host", "evil"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Via", "1.0 other"),
            ("Accept", "*/*"),
            ("Expect", "100-continue"),
        ]);
        let (head, ()) = incoming.into_parts();
        let target = Target::of(&head, "https", None).expect("it has one");
        let peer = "::ffff:9.8.7.6".parse().expect("an address");
        let mut sent = forwarded(&head.headers);
        send(&mut sent, (&head, &target), (peer, "https"), "me");
        let expected = headers(&[
            ("host", "example.com"),
            ("x-forwarded-for", "1.2.3.4, 9.8.7.6"),
            ("x-forwarded-proto", "https"),
            ("via", "1.0 other, 1.1 me"),
            ("accept", "*/*"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_length_beside_pieces_is_none() {
        let mut answer = headers(&[("Transfer-Encoding", "chunked"), ("Content-Length", "5"), ("A", "b")]);
        receive(&mut answer, (Version::HTTP_11, StatusCode::OK), "me");
        assert_eq!(forwarded(&answer), headers(&[("a", "b"), ("via", "1.1 me")]));
    }

    #[test]
    fn lengths_are_written_once_and_only_where_there_is_a_body() {
        for lines in [&[("Content-Length", "5"), ("Content-Length", "5")][..], &[("Content-Length", "5, 5")]]
        {
            let mut answer = headers(lines);
            receive(&mut answer, (Version::HTTP_10, StatusCode::OK), "me");
            assert_eq!(answer, headers(&[("content-length", "5"), ("via", "1.0 me")]));
        }
        let mut answer = headers(&[("Content-Length", "5")]);
        receive(&mut answer, (Version::HTTP_11, StatusCode::NO_CONTENT), "me");
        assert_eq!(answer, headers(&[("via", "1.1 me")]));
    }

    #[test]
    fn loops_are_noticed() {
        assert!(is_loop(&headers(&[("Via", "1.1 a, 1.1 me (x)")]), "me"));
        assert!(is_loop(&headers(&[("Via", "1.1 a"), ("Via", "1.0 me")]), "me"));
        assert!(!is_loop(&headers(&[("Via", "1.1 meme, me 1.1")]), "me"));
    }
}

//! What a request that changes something makes stale (RFC 9111, section 4.4).

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{Method, StatusCode};

use crate::message::Head;

/// Whether a request with this method may change something: all but those that are known not to.
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The keys whose entries are to be removed after a request with an unsafe method was answered: that of its own URI, and those
/// of `Location` and `Content-Location` if they are of the same origin. None if the answer is an error.
///
/// A key is `host/path?query`, with the port if it is not the scheme's; `scheme` is that of the request.
///
/// ```
/// use http::{HeaderMap, HeaderValue, Method, StatusCode, header::LOCATION};
/// use spinel_cache::{Head, invalidate};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(LOCATION, HeaderValue::from_static("../b"));
/// let head = Head { status: StatusCode::CREATED, headers: &headers };
/// assert_eq!(invalidate::keys(&Method::POST, "http", "example.org/x/a", head), ["example.org/x/a", "example.org/b"]);
/// ```
pub fn keys(method: &Method, scheme: &str, key: &str, head: Head<'_>) -> Vec<String> {
    if !is_unsafe(method) || !is_success(head.status) {
        return Vec::new();
    }
    let mut keys = vec![key.to_owned()];
    for name in [LOCATION, CONTENT_LOCATION] {
        let reference = head.headers.get(name).and_then(|value| value.to_str().ok());
        let named = reference.and_then(|reference| resolved(reference.trim(), scheme, key));
        keys.extend(named.filter(|named| named != key));
    }
    keys.dedup();
    keys
}

fn is_success(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

/// The key that a reference means from `key`; `None` if it is of another origin (RFC 3986, section 5.2).
fn resolved(reference: &str, scheme: &str, key: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (host, target) = key.split_at(key.find('/').unwrap_or(key.len()));
    let same_scheme = reference.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let behind = if same_scheme { reference[scheme.len()..].strip_prefix(':') } else { None };
    let reference = match behind {
        Some(behind) if behind.starts_with("//") => behind,
        // Another scheme, or this one without an authority, which is none of HTTP's.
        _ if has_scheme(reference) => return None,
        _ => reference,
    };
    if let Some(absolute) = reference.strip_prefix("//") {
        let end = absolute.find(['/', '?']).unwrap_or(absolute.len());
        let (other, target) = absolute.split_at(end);
        return is_host(other, scheme, host).then(|| joined(host, target));
    }
    let (path, _) = target.split_at(target.find('?').unwrap_or(target.len()));
    Some(match reference.as_bytes().first() {
        None => key.to_owned(),
        Some(b'/') => joined(host, reference),
        Some(b'?') => joined(host, &format!("{path}{reference}")),
        Some(_) => {
            let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
            joined(host, &format!("{folder}{reference}"))
        }
    })
}

/// Whether a reference begins with a scheme.
fn has_scheme(reference: &str) -> bool {
    let end = reference.find([':', '/', '?']).unwrap_or(reference.len());
    reference[end..].starts_with(':') && reference.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Whether an authority is the host of a key.
fn is_host(authority: &str, scheme: &str, host: &str) -> bool {
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let authority = authority.strip_suffix(port).or(authority.strip_suffix(':')).unwrap_or(authority);
    authority.eq_ignore_ascii_case(host)
}

/// The key of a path and query, without the path's dots.
fn joined(host: &str, target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_with_slash = path.is_empty();
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_with_slash = matches!(segment, "" | "." | "..");
        match segment {
            "." => {}
            ".." => _ = segments.pop(),
            _ => segments.push(segment),
        }
    }
    if ends_with_slash && segments.last() != Some(&"") {
        segments.push("");
    }
    format!("{host}/{}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    const KEY: &str = "example.org/a/b?c";

    fn invalidated(method: &Method, status: u16, fields: &[(&str, &str)]) -> Vec<String> {
        let headers = map(fields);
        keys(method, "http", KEY, Head { status: StatusCode::from_u16(status).unwrap(), headers: &headers })
    }

    #[test]
    fn methods_that_are_not_known_to_be_safe_invalidate() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get"] {
            assert_eq!(
                invalidated(&Method::from_bytes(method.as_bytes()).unwrap(), 200, &[]),
                [KEY],
                "{method}"
            );
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert_eq!(invalidated(&method, 200, &[]), [""; 0], "{method}");
        }
    }

    #[test]
    fn errors_invalidate_nothing() {
        let location = [("location", "/x")];
        for (status, expected) in
            [(200, 2), (204, 2), (303, 2), (304, 2), (400, 0), (404, 0), (500, 0), (100, 0)]
        {
            assert_eq!(invalidated(&Method::POST, status, &location).len(), expected, "{status}");
        }
    }

    #[test]
    fn what_answers_name_is_invalidated_too() {
        let fields = [("location", "/x"), ("content-location", "y")];
        assert_eq!(invalidated(&Method::POST, 201, &fields), [KEY, "example.org/x", "example.org/a/y"]);
        assert_eq!(
            invalidated(&Method::POST, 201, &[("location", "/x"), ("content-location", "/x")]).len(),
            2
        );
        assert_eq!(invalidated(&Method::POST, 201, &[("location", "")]), [KEY]);
    }

    #[test]
    fn references_are_resolved() {
        let table = [
            ("/x?y#z", Some("example.org/x?y")),
            ("x", Some("example.org/a/x")),
            ("./x", Some("example.org/a/x")),
            ("../x/", Some("example.org/x/")),
            ("../../../x", Some("example.org/x")),
            ("..", Some("example.org/")),
            (".", Some("example.org/a/")),
            ("/x/./y/../z", Some("example.org/x/z")),
            ("/x//y", Some("example.org/x//y")),
            ("?d", Some("example.org/a/b?d")),
            ("#e", Some(KEY)),
            ("x:y", None),
            ("/x:y", Some("example.org/x:y")),
            ("http://example.org", Some("example.org/")),
            ("http://example.org?x", Some("example.org/?x")),
            ("HTTP://EXAMPLE.org:80/x", Some("example.org/x")),
            ("http://example.org:/x", Some("example.org/x")),
            ("//example.org/x", Some("example.org/x")),
            ("http://example.org:8080/x", None),
            ("http://other.org/x", None),
            ("//other.org/x", None),
            ("https://example.org/x", None),
            ("http:x", None),
            ("httpx://example.org/x", None),
            ("http://user@example.org/x", None),
            ("mailto:x@example.org", None),
        ];
        for (reference, expected) in table {
            assert_eq!(resolved(reference, "http", KEY).as_deref(), expected, "{reference}");
        }
        assert_eq!(resolved("https://h:443/x", "https", "h/y").as_deref(), Some("h/x"));
        assert_eq!(resolved("http://h:81/x", "http", "h:81/y").as_deref(), Some("h:81/x"));
        assert_eq!(resolved("x", "http", "h").as_deref(), Some("h/x"));
    }
}

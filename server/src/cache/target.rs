//! What a request is about: host, path and query in a normal form, which is also the key of what is stored.
//!
//! What is asked of the origin is made of the key, so that no two requests share a key and mean different things to it.

use super::origin::{Address, usual_port};
use super::problem::Problem;
use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{StatusCode, Uri, Version};

/// The longest name of a host, and `:65535` behind it.
const HOST_BYTES_MAX: usize = 255 + 6;

/// The target of a request.
#[derive(Debug)]
pub(super) struct Target {
    /// `host/path?query`.
    key: Vec<u8>,
    host_bytes: usize,
}

impl Target {
    /// The one of a request by a URL of this scheme; the problem if it names none, or more than one. Clients of HTTP/1.0 need not
    /// name a host: what they mean is at this address, if there is one.
    pub(super) fn of(head: &Parts, scheme: &str, usual: Option<&Address>) -> Result<Target, Problem> {
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str).as_bytes();
        let mut key = Vec::with_capacity(64 + path.len());
        match named_host(head, scheme)? {
            Some(host) => push_host(host, usual_port(scheme == "https"), &mut key)?,
            None => key.extend(usual.ok_or_else(|| bad("There is no Host."))?.authority().into_bytes()),
        }
        let host_bytes = key.len();
        let (path, query) = match path.iter().position(|byte| *byte == b'?') {
            Some(end) => (&path[..end], &path[end..]),
            None => (path, &b""[..]),
        };
        match path {
            [b'/', ..] => push_path(path, &mut key),
            [] => key.push(b'/'),
            b"*" if head.method == http::Method::OPTIONS => key.push(b'*'),
            _ => return Err(bad("The target is no path.")),
        }
        push_normal(query, &mut key);
        Ok(Target { key, host_bytes })
    }

    /// The one of a URL at an address.
    pub(super) fn of_url(url: &Uri, address: &Address) -> Target {
        let mut key = address.authority().into_bytes();
        let host_bytes = key.len();
        push_path(url.path().as_bytes(), &mut key);
        if let Some(query) = url.query() {
            key.push(b'?');
            push_normal(query.as_bytes(), &mut key);
        }
        Target { key, host_bytes }
    }

    /// The one of a key that may be in another form, for URLs of this scheme; nothing if it is none's.
    pub(super) fn of_key(scheme: &str, key: &str) -> Option<Target> {
        let url = Uri::try_from(format!("{scheme}://{key}")).ok()?;
        Some(Target::of_url(&url, &Address::of(&url)?))
    }

    /// The key under which answers to it are stored.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Host, and port if it is another than usual.
    pub(super) fn host(&self) -> &[u8] {
        &self.key[..self.host_bytes]
    }

    /// Path and query.
    pub(super) fn path(&self) -> &[u8] {
        &self.key[self.host_bytes..]
    }
}

fn bad(why: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, why)
}

/// The host as the request has it. One in the target counts more than the field, which has to be there all the same.
fn named_host<'h>(head: &'h Parts, scheme: &str) -> Result<Option<&'h [u8]>, Problem> {
    let mut fields = head.headers.get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(bad("There is more than one Host."));
    }
    if field.is_none() && head.version >= Version::HTTP_11 {
        return Err(bad("There is no Host."));
    }
    let Some(authority) = head.uri.authority() else {
        return Ok(field.map(http::HeaderValue::as_bytes));
    };
    if head.uri.scheme_str() != Some(scheme) {
        return Err(bad("The target is of another scheme."));
    }
    Ok(Some(authority.as_str().as_bytes()))
}

/// Adds a host in small letters, without the port that is usual.
fn push_host(host: &[u8], usual_port: u16, key: &mut Vec<u8>) -> Result<(), Problem> {
    let strange = || bad("The host is none.");
    if host.is_empty() || host.len() > HOST_BYTES_MAX {
        return Err(strange());
    }
    let name_bytes = match host {
        [b'[', ..] => host.iter().position(|byte| *byte == b']').ok_or_else(strange)? + 1,
        _ => host.iter().position(|byte| *byte == b':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(name_bytes);
    let is_name = match name {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty()
                && inner.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        _ => {
            !name.is_empty()
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    if !is_name {
        return Err(strange());
    }
    key.extend(name.iter().map(u8::to_ascii_lowercase));
    match port {
        [] | [b':'] => {}
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
            match number {
                Some(number) if number == usual_port => {}
                Some(number) if number > 0 => key.extend(format!(":{number}").bytes()),
                _ => return Err(strange()),
            }
        }
        _ => return Err(strange()),
    }
    Ok(())
}

/// Adds a path without `.` and `..`, by RFC 3986, 5.2.4 and 6.2.2.
fn push_path(path: &[u8], key: &mut Vec<u8>) {
    let is_plain = !path.contains(&b'%') && !path.windows(2).any(|pair| pair == b"/.");
    if is_plain {
        return key.extend_from_slice(path);
    }
    let start = key.len();
    let mut segments = path[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let segment_at = key.len();
        key.push(b'/');
        push_normal(segment, key);
        let is_up = key[segment_at + 1..] == *b"..";
        if !is_up && key[segment_at + 1..] != *b"." {
            continue;
        }
        key.truncate(segment_at);
        if is_up {
            let parent = key[start..].iter().rposition(|byte| *byte == b'/');
            key.truncate(start + parent.unwrap_or(0));
        }
        if segments.peek().is_none() {
            key.push(b'/');
        }
    }
    if key.len() == start {
        key.push(b'/');
    }
}

/// Adds text in which only those characters stand as `%41` that have to, and with capital letters.
fn push_normal(text: &[u8], key: &mut Vec<u8>) {
    if !text.contains(&b'%') {
        return key.extend_from_slice(text);
    }
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let coded = (*first == b'%').then(|| coded(after)).flatten();
        match coded {
            Some(byte) => {
                rest = &after[2..];
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    key.push(byte);
                } else {
                    key.push(b'%');
                    key.extend(after[..2].iter().map(u8::to_ascii_uppercase));
                }
            }
            None => key.push(*first),
        }
    }
}

/// The byte that two hexadecimal digits stand for.
fn coded(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (high, low) = (digit(*text.first()?)?, digit(*text.get(1)?)?);
    Some((high * 16 + low) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn key(method: &str, uri: &str, hosts: &[&str]) -> Option<String> {
        let mut request = Request::builder().method(method).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).expect("it is a request").into_parts();
        let target = Target::of(&head, "http", None).ok()?;
        assert_eq!([target.host(), target.path()].concat(), target.key());
        Some(String::from_utf8(target.key).expect("it is text"))
    }

    #[test]
    fn targets_have_one_form() {
        for (uri, expected) in [
            ("/", "h/"),
            ("/a?", "h/a?"),
            ("/a?b=%41%2f", "h/a?b=A%2F"),
            ("/%7Ea/%41%2f%2F%3a", "h/~a/A%2F%2F%3A"),
            ("/a/b/c/./../../g", "h/a/g"),
            ("/a/..", "h/"),
            ("/a/.", "h/a/"),
            ("/../../a", "h/a"),
            ("/a/%2e%2E/b", "h/b"),
            ("/a/..b/.c", "h/a/..b/.c"),
            ("//a//b", "h//a//b"),
            ("/a%", "h/a%"),
            ("/a%4", "h/a%4"),
            ("/a%zz", "h/a%zz"),
            ("/a?../b", "h/a?../b"),
            ("http://Other:80/x", "other/x"),
            ("http://other?q", "other/?q"),
        ] {
            assert_eq!(key("GET", uri, &["h"]).as_deref(), Some(expected), "{uri}");
        }
        assert_eq!(key("OPTIONS", "*", &["h"]).as_deref(), Some("h*"));
        assert_eq!(key("GET", "*", &["h"]), None);
        assert_eq!(key("GET", "https://h/", &["h"]), None);
    }

    #[test]
    fn who_need_not_name_a_host_means_the_usual_one() {
        let usual = Address::of(&Uri::from_static("http://Origin:8000")).expect("it has an address");
        let key = |version: Version, usual: Option<&Address>| {
            let (head, ()) = Request::get("/a").version(version).body(()).expect("a request").into_parts();
            Target::of(&head, "http", usual).map(|target| target.key).ok()
        };
        assert_eq!(key(Version::HTTP_10, Some(&usual)).as_deref(), Some(&b"origin:8000/a"[..]));
        assert_eq!(key(Version::HTTP_10, None), None);
        assert_eq!(key(Version::HTTP_11, Some(&usual)), None);
    }

    #[test]
    fn keys_have_one_form() {
        for (scheme, key, expected) in [
            ("http", "h/%61%2f?b=%41", Some("h/a%2F?b=A")),
            ("http", "h:443/a", Some("h:443/a")),
            ("https", "h:80/a", Some("h:80/a")),
            ("http", "h/a b", None),
            ("http", "u@h/a", None),
        ] {
            let target = Target::of_key(scheme, key).map(|target| target.key);
            assert_eq!(target.as_deref(), expected.map(str::as_bytes), "{key}");
        }
    }

    #[test]
    fn a_port_is_usual_for_a_scheme() {
        let key = |uri: &str, host: &str| {
            let (head, ()) = Request::get(uri).header(HOST, host).body(()).expect("a request").into_parts();
            Target::of(&head, "https", None).map(|target| target.key).ok()
        };
        assert_eq!(key("/", "h:443").as_deref(), Some(&b"h/"[..]));
        assert_eq!(key("/", "h:80").as_deref(), Some(&b"h:80/"[..]));
        assert_eq!(key("https://h:443/a", "h").as_deref(), Some(&b"h/a"[..]));
        assert_eq!(key("http://h/a", "h"), None);
    }

    #[test]
    fn urls_have_targets_of_the_same_form() {
        for (url, expected) in
            [("http://H", "h/"), ("http://h:80?a=%41", "h/?a=A"), ("https://h:8443/a/../%7e#b", "h:8443/~")]
        {
            let url: Uri = url.parse().expect("a URL");
            let target = Target::of_url(&url, &Address::of(&url).expect("it has an address"));
            assert_eq!(target.key(), expected.as_bytes(), "{url}");
        }
    }

    #[test]
    fn hosts_have_one_form() {
        for (hosts, expected) in [
            (&["Example.COM:80"][..], Some("example.com/")),
            (&["a:8080"], Some("a:8080/")),
            (&["a:08080"], Some("a:8080/")),
            (&["a:"], Some("a/")),
            (&["[::1]:81"], Some("[::1]:81/")),
            (&["under_score"], Some("under_score/")),
            (&[], None),
            (&[""], None),
            (&["a", "a"], None),
            (&["a", "b"], None),
            (&["a b"], None),
            (&["a/b"], None),
            (&["a@b"], None),
            (&["a,b"], None),
            (&["a:x"], None),
            (&["a:0"], None),
            (&["a:65536"], None),
            (&["[::1"], None),
            (&["[x]"], None),
            (&[":80"], None),
            (&["a:80:80"], None),
        ] {
            assert_eq!(key("GET", "/", hosts).as_deref(), expected, "{hosts:?}");
        }
        assert_eq!(key("GET", "/", &["a".repeat(300).as_str()]), None);
        assert_eq!(key("GET", "http://b/", &[]), None);
        assert_eq!(key("GET", "http://u@b/", &["b"]), None);
    }
}

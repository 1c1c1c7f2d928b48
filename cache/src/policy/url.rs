//! URLs made of templates, in which nothing that a request says can become more than it is.
//!
//! | where a place stands | what may be there |
//! |---|---|
//! | host | letters, digits, `-` and `.`: a name, or a part of one |
//! | path | anything; what is not unreserved is encoded, and a `/` of `*` or of the key stays one |
//! | query | anything; what is not unreserved is encoded |
//!
//! A path that would lead upwards (`..`, however it is written) is refused, not mended: the one who asks means something else than
//! who wrote the template. A control character is never in a URL, because it is encoded.

use super::glob::Wildcard;
use super::template::{Fault, Piece, Sayings, Template};
use http::HeaderName;

/// In which form a key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Bytes that mean themselves, as keys of commands are.
    Plain,
    /// Host and path as they stand in a URL, as keys of the HTTP door are: what is encoded is so already.
    Encoded,
}

/// Why a URL can't be made for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// What would be a part of the host is none.
    Host,
    /// The path would lead upwards.
    Dots,
    /// It, or a tag, would be too long.
    Length,
}

impl Unfit {
    /// What it is in words.
    pub fn why(self) -> &'static str {
        match self {
            Unfit::Host => "what would be a part of the host is none",
            Unfit::Dots => "the path would lead upwards",
            Unfit::Length => "the URL or a tag would be too long",
        }
    }
}

/// Where in a URL something stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Host,
    Path,
    Query,
}

impl Part {
    /// The part that a text leads to, which begins in this one.
    fn after(self, text: &[u8]) -> Part {
        text.iter().fold(self, |part, byte| match (part, byte) {
            (Part::Host, b'/') => Part::Path,
            (Part::Host | Part::Path, b'?') => Part::Query,
            _ => part,
        })
    }
}

/// A template of a URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UrlTemplate {
    template: Template,
    /// How much of it is scheme.
    scheme_bytes: usize,
    /// What the pattern's wildcards are.
    wildcards: Box<[Wildcard]>,
}

impl UrlTemplate {
    /// Longer URLs are not made.
    pub const URL_BYTES_MAX: usize = 8 * 1024;

    /// Takes the template of a URL apart, for a pattern with these wildcards.
    pub fn parse(text: &[u8], wildcards: &[Wildcard]) -> Result<UrlTemplate, Fault> {
        let scheme = [&b"http://"[..], b"https://"]
            .into_iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let scheme_bytes = scheme.ok_or(Fault::Url)?.len();
        let template = Template::parse(text, wildcards.len())?;
        let mut part = Part::Host;
        let mut host = Vec::new();
        for (index, piece) in template.pieces.iter().enumerate() {
            let Piece::Text(text) = piece else {
                // It stands for a letter at least.
                host.extend((part == Part::Host).then_some(b'a'));
                continue;
            };
            let text = &text[if index == 0 { scheme_bytes } else { 0 }..];
            if !text.iter().all(|byte| byte.is_ascii_graphic() && !b"#\\\"<>^`|".contains(byte)) {
                return Err(Fault::Url);
            }
            if part == Part::Host {
                host.extend(text.iter().take_while(|byte| !b"/?".contains(byte)));
            }
            part = part.after(text);
        }
        if !is_authority(&host) {
            return Err(Fault::Url);
        }
        if leads_upwards(path_of(&text[scheme_bytes..])) {
            return Err(Fault::Dots);
        }
        Ok(UrlTemplate { template, scheme_bytes, wildcards: wildcards.into() })
    }

    /// The template as it was given.
    pub fn text(&self) -> &[u8] {
        self.template.text()
    }

    /// The fields of requests that what is fetched from it depends on.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.template.headers()
    }

    /// Makes the URL for a request; `query` is what the request adds to it.
    pub(super) fn fill(
        &self,
        sayings: Sayings<'_>,
        form: Form,
        query: Option<&[u8]>,
    ) -> Result<String, Unfit> {
        let mut url = Vec::with_capacity(256);
        let mut part = Part::Host;
        let mut host_has_failed = false;
        for (index, piece) in self.template.pieces.iter().enumerate() {
            if let Piece::Text(text) = piece {
                let behind_scheme = &text[if index == 0 { self.scheme_bytes } else { 0 }..];
                part = part.after(behind_scheme);
                url.extend_from_slice(text);
                continue;
            }
            let (form, slash) = match piece {
                Piece::Capture(index) if self.wildcards.get(*index) == Some(&Wildcard::Many) => {
                    (form, Slash::Stays)
                }
                Piece::Key => (form, Slash::Stays),
                Piece::Header(_) => (Form::Plain, Slash::IsEncoded),
                _ => (form, Slash::IsEncoded),
            };
            sayings.fill(piece, |text| match part {
                Part::Host => host_has_failed |= !push_host(text, &mut url),
                Part::Path => push_path(text, form, slash, &mut url),
                Part::Query => push_query(text, form, &mut url),
            });
            if url.len() > UrlTemplate::URL_BYTES_MAX {
                return Err(Unfit::Length);
            }
        }
        if host_has_failed {
            return Err(Unfit::Host);
        }
        self.complete(url, part, query)
    }

    /// Adds what a URL lacks, and looks at its path.
    fn complete(&self, mut url: Vec<u8>, part: Part, query: Option<&[u8]>) -> Result<String, Unfit> {
        if part == Part::Host {
            url.push(b'/');
        }
        if let Some(query) = query {
            url.push(if part == Part::Query { b'&' } else { b'?' });
            for byte in query {
                if byte.is_ascii_graphic() && !b"#\\\"<>^`|{}".contains(byte) {
                    url.push(*byte);
                } else {
                    push_code(*byte, &mut url);
                }
            }
        }
        if url.len() > UrlTemplate::URL_BYTES_MAX {
            return Err(Unfit::Length);
        }
        if leads_upwards(path_of(&url[self.scheme_bytes..])) {
            return Err(Unfit::Dots);
        }
        // All of it is ASCII: that of the template was looked at, and what is not is encoded.
        String::from_utf8(url).map_err(|_| Unfit::Host)
    }
}

/// What becomes of a slash in what is filled in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Stays,
    IsEncoded,
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn push_code(byte: u8, url: &mut Vec<u8>) {
    let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
    url.extend([b'%', digit(byte >> 4), digit(byte)]);
}

/// Adds a part of a host's name; whether it was one.
fn push_host(text: &[u8], url: &mut Vec<u8>) -> bool {
    url.extend(text.iter().map(u8::to_ascii_lowercase));
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte))
}

fn push_path(text: &[u8], form: Form, slash: Slash, url: &mut Vec<u8>) {
    let stays = |byte: u8| match byte {
        b'/' => slash == Slash::Stays,
        // They separate nothing that this server, or a path, knows of, and origins may tell them from their codes.
        _ => form == Form::Encoded && b"!$&'()*+,;=:@".contains(&byte),
    };
    push_encoded(text, form, stays, url);
}

fn push_query(text: &[u8], form: Form, url: &mut Vec<u8>) {
    push_encoded(text, form, |_| false, url);
}

/// Adds a text in which what is not unreserved is encoded, unless it stays or is encoded already.
fn push_encoded(text: &[u8], form: Form, stays: impl Fn(u8) -> bool, url: &mut Vec<u8>) {
    for (at, byte) in text.iter().enumerate() {
        let is_code = || {
            *byte == b'%'
                && form == Form::Encoded
                && text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        if is_unreserved(*byte) || stays(*byte) || is_code() {
            url.push(*byte);
        } else {
            push_code(*byte, url);
        }
    }
}

/// Whether this is a host, and a port if there is one.
fn is_authority(text: &[u8]) -> bool {
    let name_bytes = match text {
        [b'[', ..] => text.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1),
        _ => text.iter().position(|byte| *byte == b':').unwrap_or(text.len()),
    };
    let (name, port) = text.split_at(name_bytes);
    let is_name = match name {
        [b'[', inner @ .., b']'] => inner.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte)),
        _ => name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte)),
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_name && is_port && !name.is_empty()
}

/// The path of what follows a scheme.
fn path_of(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| b"/?".contains(byte)).unwrap_or(text.len());
    let path = &text[start..];
    &path[..path.iter().position(|byte| *byte == b'?').unwrap_or(path.len())]
}

/// Whether a path has a segment `.` or `..`, however its bytes and what separates segments are written.
fn leads_upwards(path: &[u8]) -> bool {
    let mut rest = path;
    let bytes = std::iter::from_fn(|| {
        let (first, after) = rest.split_first()?;
        rest = after;
        if let (b'%', [high, low, behind @ ..]) = (first, after) {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                rest = behind;
                return Some((high * 16 + low) as u8);
            }
        }
        Some(*first)
    });
    let bytes: Vec<u8> = bytes.collect();
    bytes.split(|byte| b"/\\".contains(byte)).any(|segment| segment == b"." || segment == b"..")
}

#[cfg(test)]
mod tests {
    use super::super::glob::Glob;
    use super::*;
    use crate::headers::Headers;

    /// The URL for a key.
    fn made(
        pattern: &str,
        template: &str,
        key: &str,
        form: Form,
        query: Option<&str>,
    ) -> Result<String, Unfit> {
        let glob = Glob::parse(pattern.as_bytes());
        let template = UrlTemplate::parse(template.as_bytes(), glob.wildcards()).expect("a template");
        let captures = glob.captures(key.as_bytes()).expect("it matches");
        let headers = Headers::Pairs(&[(b"X-Team", b"r/d\r\nHost: evil")]);
        let sayings = Sayings { key: key.as_bytes(), captures: &captures, headers };
        template.fill(sayings, form, query.map(str::as_bytes))
    }

    #[test]
    fn what_a_key_says_is_encoded() {
        for (pattern, template, key, expected) in [
            ("item:*", "http://o/items/{1}", "item:7", "http://o/items/7"),
            (
                "item:*",
                "http://o/items/{1}",
                "item:a b/ü?x=1#y&z%41",
                "http://o/items/a%20b/%C3%BC%3Fx%3D1%23y%26z%2541",
            ),
            ("item:*", "http://o/items?id={1}&v=2", "item:a&b=c/d", "http://o/items?id=a%26b%3Dc%2Fd&v=2"),
            ("item?*", "http://o/{1}/{2}", "item/7", "http://o/%2F/7"),
            ("*:*", "http://{1}.o:81/{2}", "Shop:7", "http://shop.o:81/7"),
            ("*", "http://o", "7", "http://o/"),
            ("*", "http://o?{1}", "7", "http://o?7"),
            ("*", "HTTPS://o/{key}", "a\r\nb", "HTTPS://o/a%0D%0Ab"),
            ("*", "http://o/{hdr:x-team}", "7", "http://o/r%2Fd%0D%0AHost%3A%20evil"),
            ("*", "http://[::1]:8000/{1}", "7", "http://[::1]:8000/7"),
        ] {
            assert_eq!(
                made(pattern, template, key, Form::Plain, None).as_deref(),
                Ok(expected),
                "{template}"
            );
        }
    }

    #[test]
    fn what_is_encoded_stays_so_at_the_door() {
        let door = |template, key, query| made("*/*", template, key, Form::Encoded, query);
        for (template, key, query, expected) in [
            ("http://o/{2}", "h/a/%20b;v=1,@c", None, "http://o/a/%20b;v=1,@c"),
            ("http://o/{2}", "h/a%", None, "http://o/a%25"),
            ("http://o/{2}", "h/a", Some("b=%20&c"), "http://o/a?b=%20&c"),
            ("http://o/{2}?d=1", "h/a", Some("b"), "http://o/a?d=1&b"),
            ("http://o", "h/a", Some("b#\n"), "http://o/?b%23%0A"),
            ("http://o/?at={2}", "h/a/b&%2f", None, "http://o/?at=a%2Fb%26%2f"),
        ] {
            assert_eq!(door(template, key, query).as_deref(), Ok(expected), "{key}");
        }
    }

    #[test]
    fn nothing_leads_out_of_a_path_or_to_another_host() {
        for (pattern, template, key, unfit) in [
            ("*", "http://o/a/{1}", "../b", Unfit::Dots),
            ("*", "http://o/a/{1}", "b/..", Unfit::Dots),
            ("*", "http://o/a/{1}", ".", Unfit::Dots),
            ("*", "http://o/a/.{1}", ".", Unfit::Dots),
            ("*", "http://{1}/", "evil/", Unfit::Host),
            ("*", "http://{1}.o/", "evil#", Unfit::Host),
            ("*", "http://u{1}/", "x@evil", Unfit::Host),
            ("*", "http://{1}.o/", "", Unfit::Host),
            ("*", "http://o/{1}{1}{1}{1}", &"a".repeat(3000), Unfit::Length),
        ] {
            assert_eq!(made(pattern, template, key, Form::Plain, None), Err(unfit), "{template} {key}");
        }
        for key in ["..%2fb", "%2e%2E/b", "b%5c..%5cc", "..", "b/%2e"] {
            assert_eq!(made("*", "http://o/a/{1}", key, Form::Encoded, None), Err(Unfit::Dots), "{key}");
        }
        assert!(made("*", "http://o/a/{1}", "..%2fb", Form::Plain, None).is_ok(), "the origin gets ..%252fb");
        assert!(made("*", "http://o/a?{1}", "../b", Form::Plain, None).is_ok());
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (text, fault) in [
            ("", Fault::Url),
            ("ftp://o/", Fault::Url),
            ("//o/", Fault::Url),
            ("{1}", Fault::Url),
            ("http:///a", Fault::Url),
            ("http://", Fault::Url),
            ("http://u@o/", Fault::Url),
            ("http://o:/", Fault::Url),
            ("http://o:x/", Fault::Url),
            ("http://o:{1}/", Fault::Url),
            ("http://[::1/", Fault::Url),
            ("http://o/a b", Fault::Url),
            ("http://o/a\r\nb", Fault::Url),
            ("http://o/\u{fc}", Fault::Url),
            ("http://o/a#b", Fault::Url),
            ("http://o/../a", Fault::Dots),
            ("http://o/%2e/a", Fault::Dots),
            ("http://o/{2}", Fault::Wildcard),
            ("http://o/{x}", Fault::Placeholder),
        ] {
            let wildcards = [Wildcard::Many];
            assert_eq!(UrlTemplate::parse(text.as_bytes(), &wildcards), Err(fault), "{text}");
        }
    }
}

//! Texts with places for what a request says: `https://origin.example/items/{1}?by={hdr:X-Team}`.
//!
//! `{1}`, `{2}` stand for what the wildcards of a policy's pattern took, `{key}` for the key, `{hdr:Name}` for a field of the request,
//! which is empty if there is none. A template is checked when it is set: whatever else stands in braces is a mistake.

use crate::headers::Headers;
use http::HeaderName;

/// Where a piece of a template comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// The template.
    Text(Box<[u8]>),
    /// The wildcard with this index.
    Capture(usize),
    /// The request's field of this name.
    Header(HeaderName),
    /// The key.
    Key,
}

/// Why a template can't be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A brace without its counterpart.
    Brace,
    /// What stands between braces is none of what there is.
    Placeholder,
    /// The pattern has fewer wildcards.
    Wildcard,
    /// It is no URL of HTTP with a host.
    Url,
    /// A path with `.` or `..`.
    Dots,
    /// It is too long.
    Length,
}

/// What a request says, for those who fill a template.
#[derive(Clone, Copy)]
pub(super) struct Sayings<'a> {
    pub(super) key: &'a [u8],
    pub(super) captures: &'a [&'a [u8]],
    pub(super) headers: Headers<'a>,
}

impl Sayings<'_> {
    /// What stands for a piece.
    pub(super) fn fill(&self, piece: &Piece, take: impl FnOnce(&[u8])) {
        match piece {
            Piece::Text(text) => take(text),
            // There are as many as the pattern has wildcards, which was checked.
            Piece::Capture(index) => take(self.captures.get(*index).copied().unwrap_or_default()),
            Piece::Header(name) => take(&self.headers.joined(name).unwrap_or_default()),
            Piece::Key => take(self.key),
        }
    }
}

/// A text with places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    text: Box<[u8]>,
    pub(super) pieces: Box<[Piece]>,
}

impl Template {
    /// Longer ones are refused.
    pub const BYTES_MAX: usize = 8 * 1024;

    /// Takes a template apart, for a pattern with so many wildcards.
    pub fn parse(text: &[u8], wildcards: usize) -> Result<Template, Fault> {
        if text.len() > Template::BYTES_MAX {
            return Err(Fault::Length);
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.iter().position(|byte| matches!(byte, b'{' | b'}')) {
            let (before, from) = rest.split_at(open);
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            let close = from.iter().position(|byte| *byte == b'}').filter(|close| *close > 0);
            let close = close.ok_or(Fault::Brace)?;
            pieces.push(placeholder(&from[1..close], wildcards)?);
            rest = &from[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Template { text: text.into(), pieces: pieces.into() })
    }

    /// The template as it was given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The fields of requests that it depends on.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Header(name) => Some(name),
            _ => None,
        })
    }

    /// Fills it, as it is.
    pub(super) fn fill(&self, sayings: Sayings<'_>) -> Vec<u8> {
        let mut filled = Vec::new();
        self.pieces.iter().for_each(|piece| sayings.fill(piece, |text| filled.extend_from_slice(text)));
        filled
    }
}

fn placeholder(name: &[u8], wildcards: usize) -> Result<Piece, Fault> {
    if name == b"key" {
        return Ok(Piece::Key);
    }
    if let Some(header) = name.strip_prefix(b"hdr:") {
        return HeaderName::from_bytes(header).map(Piece::Header).map_err(|_| Fault::Placeholder);
    }
    let is_number = !name.is_empty() && name.len() <= 4 && name.iter().all(u8::is_ascii_digit);
    let number =
        if is_number { std::str::from_utf8(name).ok().and_then(|digits| digits.parse().ok()) } else { None };
    match number {
        None => Err(Fault::Placeholder),
        Some(number) if (1..=wildcards).contains(&number) => Ok(Piece::Capture(number - 1)),
        Some(_) => Err(Fault::Wildcard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let sayings = Sayings {
            key: b"k/1",
            captures: &[b"one", b"t w o"],
            headers: Headers::Pairs(&[(b"X-Team", b"red"), (b"x-team", b"blue")]),
        };
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{1}", "one"),
            ("a{2}{1}b", "at w ooneb"),
            ("{key}:{hdr:X-TEAM}", "k/1:red, blue"),
            ("[{hdr:missing}]", "[]"),
        ] {
            let template = Template::parse(text.as_bytes(), 2).unwrap();
            assert_eq!(template.fill(sayings), expected.as_bytes(), "{text}");
            assert_eq!(template.text(), text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (text, fault) in [
            ("{", Fault::Brace),
            ("a}", Fault::Brace),
            ("{1", Fault::Brace),
            ("{}", Fault::Placeholder),
            ("{0}", Fault::Wildcard),
            ("{3}", Fault::Wildcard),
            ("{99999}", Fault::Placeholder),
            ("{-1}", Fault::Placeholder),
            ("{+1}", Fault::Placeholder),
            ("{{1}}", Fault::Placeholder),
            ("{Key}", Fault::Placeholder),
            ("{hdr:}", Fault::Placeholder),
            ("{hdr:a b}", Fault::Placeholder),
            ("{env:HOME}", Fault::Placeholder),
        ] {
            assert_eq!(Template::parse(text.as_bytes(), 2), Err(fault), "{text}");
        }
        assert_eq!(Template::parse(&vec![b'a'; Template::BYTES_MAX + 1], 0), Err(Fault::Length));
    }
}

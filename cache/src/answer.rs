//! What is sent of a variant (RFC 9110, sections 13.2, 14 and 15.4.5; RFC 9111, section 4).

use std::fmt;
use std::ops::Range;

use http::Method;
use http::header::RANGE;
use spinel_types::http_cache::Variant;

use crate::message::Request;
use crate::range::{self, Wanted};
use crate::{condition, connection, timeline};

/// A variant as the answer to a request.
#[derive(Clone, Debug)]
pub struct Answer<'v> {
    /// The status: the variant's, or 206, 304, 416.
    pub status: u16,
    /// What is sent of the body.
    pub content: Content,
    /// The value of `Age`.
    pub age: u64,
    variant: &'v Variant,
}

/// What is sent of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// All.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// These bytes, as [`Multipart`](crate::multipart::Multipart).
    Parts(Vec<Range<u64>>),
}

/// The value of `Content-Range`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentRange {
    /// The bytes, or none if the range was unsatisfiable.
    pub part: Option<Range<u64>>,
    /// The length of the whole.
    pub length: u64,
}

/// Makes a variant the answer to a request that it is for: its conditions first, then its range. Allocates only for several parts.
pub fn answer<'v>(request: Request<'_>, variant: &'v Variant, now: i64) -> Answer<'v> {
    let age = timeline::age_s(variant, now);
    let (status, content) = if condition::is_unchanged(request.fields(), variant, now) {
        (304, Content::Nothing)
    } else if request.method == Method::HEAD {
        (variant.status, Content::Nothing)
    } else {
        match wanted(request, variant, now) {
            Wanted::Whole => (variant.status, Content::Whole),
            Wanted::Part(part) => (206, Content::Part(part)),
            Wanted::Parts(parts) => (206, Content::Parts(parts)),
            Wanted::Unsatisfiable => (416, Content::Nothing),
        }
    };
    Answer { status, content, age, variant }
}

fn wanted(request: Request<'_>, variant: &Variant, now: i64) -> Wanted {
    let mut lines = request.headers.get_all(RANGE).iter();
    match (lines.next(), lines.next()) {
        (Some(range), None)
            if variant.status == 200 && condition::is_range_wanted(request.fields(), variant, now) =>
        {
            range::parse(range.as_bytes(), variant.body().len() as u64)
        }
        _ => Wanted::Whole,
    }
}

impl<'v> Answer<'v> {
    /// The stored fields that are sent. `Age`, `Content-Length` and `Content-Range` are not among them.
    pub fn fields(&self) -> impl Iterator<Item = (&'v [u8], &'v [u8])> {
        // Without a body nothing is said about one, but by HEAD.
        let is_bare = matches!(self.status, 304 | 416);
        let has_own_type = is_bare || matches!(self.content, Content::Parts(_));
        self.variant.fields().iter().filter(move |(name, _)| {
            let is_left_out = is_computed(name)
                || has_own_type && name.eq_ignore_ascii_case(b"content-type")
                || is_bare && describes_content(name);
            !is_left_out
        })
    }

    /// The value of `Content-Length`; `None` where there is none, or where [`Multipart`](crate::multipart::Multipart) knows it.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            _ if matches!(self.status, 204 | 304) => None,
            _ if self.status == 416 => Some(0),
            Content::Nothing | Content::Whole => Some(self.variant.body().len() as u64),
            Content::Part(part) => Some(part.end - part.start),
            Content::Parts(_) => None,
        }
    }

    /// The value of `Content-Range`, if it is sent.
    pub fn content_range(&self) -> Option<ContentRange> {
        let length = self.variant.body().len() as u64;
        match &self.content {
            Content::Part(part) => Some(ContentRange { part: Some(part.clone()), length }),
            Content::Nothing if self.status == 416 => Some(ContentRange { part: None, length }),
            _ => None,
        }
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "bytes {}-{}/{}", part.start, part.end.saturating_sub(1), self.length),
            None => write!(f, "bytes */{}", self.length),
        }
    }
}

/// Whether a field is computed or for one connection, so that what a command stored under its name is not sent.
fn is_computed(name: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"age", b"content-length", b"content-range"];
    names.iter().any(|other| name.eq_ignore_ascii_case(other)) || connection::is_named(name)
}

/// Whether a field says something of the body only, and nothing to caches.
fn describes_content(name: &[u8]) -> bool {
    let names: [&[u8]; 4] = [b"content-encoding", b"content-language", b"content-type", b"accept-ranges"];
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, changed, date, map};
    use spinel_types::http_cache::{Body, Fields, Numbers, Parts};

    fn variant(fields: &[(&str, &str)]) -> Variant {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let numbers = Numbers { stored_at: NOW, initial_age: 3, ..Numbers::default() };
        let body = Body::Plain((*b"0123456789").into());
        Parts { numbers, fields: Fields::new(fields), body, ..Parts::default() }.into()
    }

    fn answered<'v>(request: &[(&str, &str)], variant: &'v Variant) -> Answer<'v> {
        answer(Request { method: &Method::GET, headers: &map(request) }, variant, NOW + 2500)
    }

    fn names(answer: &Answer<'_>) -> Vec<String> {
        answer.fields().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn the_whole_is_sent_with_its_age() {
        let variant = variant(&[("a", "1"), ("content-type", "text/plain")]);
        let answer = answered(&[], &variant);
        assert_eq!((answer.status, &answer.content, answer.age), (200, &Content::Whole, 5));
        assert_eq!(answer.length(), Some(10));
        assert_eq!(names(&answer), ["a", "content-type"]);
        assert_eq!(answer.content_range(), None);
    }

    #[test]
    fn head_is_answered_as_get_without_a_body() {
        let variant = variant(&[("content-type", "text/plain")]);
        let headers = map(&[("range", "bytes=0-1")]);
        let answer = answer(Request { method: &Method::HEAD, headers: &headers }, &variant, NOW);
        assert_eq!((answer.status, &answer.content, answer.length()), (200, &Content::Nothing, Some(10)));
        assert_eq!(names(&answer), ["content-type"]);
    }

    #[test]
    fn what_a_command_stored_under_computed_names_is_not_sent() {
        let fields = [
            "Age",
            "Content-Length",
            "content-range",
            "CONNECTION",
            "Keep-Alive",
            "Proxy-Authenticate",
            "Proxy-Authentication-Info",
            "Proxy-Authorization",
            "Proxy-Connection",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Date",
            "ETag",
        ];
        let variant = variant(&fields.map(|name| (name, "1")));
        assert_eq!(names(&answered(&[], &variant)), ["Date", "ETag"]);
    }

    #[test]
    fn a_client_that_has_it_is_told_what_caches_need() {
        let fields = [
            ("etag", "\"a\""),
            ("content-type", "text/plain"),
            ("Content-Encoding", "gzip"),
            ("content-language", "de"),
            ("content-location", "/x"),
            ("cache-control", "max-age=5"),
            ("date", &date(0)),
            ("expires", "0"),
            ("vary", "a"),
            ("x-mine", "1"),
        ];
        let variant = variant(&fields);
        let answer = answered(&[("if-none-match", "\"a\""), ("range", "bytes=0-1")], &variant);
        assert_eq!((answer.status, &answer.content, answer.length()), (304, &Content::Nothing, None));
        let expected = ["etag", "content-location", "cache-control", "date", "expires", "vary", "x-mine"];
        assert_eq!(names(&answer), expected);
        assert_eq!(answered(&[("if-none-match", "\"b\"")], &variant).status, 200);
    }

    #[test]
    fn parts_are_sent() {
        let variant = variant(&[("etag", "\"a\""), ("content-type", "text/plain")]);
        let answer = answered(&[("range", "bytes=2-4")], &variant);
        assert_eq!((answer.status, &answer.content, answer.length()), (206, &Content::Part(2..5), Some(3)));
        assert_eq!(answer.content_range().unwrap().to_string(), "bytes 2-4/10");
        assert_eq!(names(&answer), ["etag", "content-type"]);

        let answer = answered(&[("range", "bytes=0-0,-1")], &variant);
        assert_eq!((answer.status, answer.length(), answer.content_range()), (206, None, None));
        assert_eq!(answer.content, Content::Parts(vec![0..1, 9..10]));
        assert_eq!(names(&answer), ["etag"]);

        let answer = answered(&[("range", "bytes=10-")], &variant);
        assert_eq!((answer.status, &answer.content, answer.length()), (416, &Content::Nothing, Some(0)));
        assert_eq!(answer.content_range().unwrap().to_string(), "bytes */10");
    }

    #[test]
    fn ranges_that_do_not_count_get_the_whole() {
        let variant = variant(&[("etag", "\"a\"")]);
        let requests = [
            &[("range", "bytes=0-1"), ("range", "bytes=2-3")][..],
            &[("range", "bytes=0-1"), ("if-range", "\"b\"")],
            &[("range", "lines=0-1")],
        ];
        for request in requests {
            let answer = answered(request, &variant);
            assert_eq!((answer.status, answer.content), (200, Content::Whole), "{request:?}");
        }
        let wanted = [("range", "bytes=0-1"), ("if-range", "\"a\"")];
        assert_eq!(answered(&wanted, &variant).status, 206);
        let variant = changed(variant, |numbers| numbers.status = 404);
        assert_eq!(answered(&wanted, &variant).status, 404);
    }

    #[test]
    fn an_answer_without_content_has_no_length() {
        let variant = changed(Variant::default(), |numbers| numbers.status = 204);
        assert_eq!(answered(&[], &variant).length(), None);
    }
}

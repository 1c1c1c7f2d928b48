//! Several parts of a body as one (RFC 9110, section 14.6).
//!
//! ```text
//! (CR LF -- boundary CR LF Content-Type … Content-Range … CR LF CR LF bytes)* CR LF -- boundary -- CR LF
//! ```

use std::ops::Range;

use spinel_types::http_cache::Variant;

use crate::answer::ContentRange;

/// A body of several parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Multipart {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// What stands before each part, and the bytes of the variant's body that are the part.
    pub parts: Vec<(Vec<u8>, Range<u64>)>,
    /// What stands at the end.
    pub end: Vec<u8>,
    /// The value of `Content-Length`.
    pub length: u64,
}

impl Multipart {
    /// Puts parts of a variant's body together. The boundary is a number that nobody could know when the body was written.
    pub fn new(variant: &Variant, parts: &[Range<u64>], boundary: u64) -> Multipart {
        let boundary = format!("spinel-{boundary:016x}");
        let length = variant.body().len() as u64;
        let parts: Vec<_> = parts
            .iter()
            .map(|part| {
                let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
                if let Some(content_type) = variant.fields().first(b"content-type") {
                    head.extend_from_slice(b"Content-Type: ");
                    head.extend_from_slice(content_type);
                    head.extend_from_slice(b"\r\n");
                }
                let range = ContentRange { part: Some(part.clone()), length };
                head.extend_from_slice(format!("Content-Range: {range}\r\n\r\n").as_bytes());
                (head, part.clone())
            })
            .collect();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        let sizes = parts.iter().map(|(head, part)| head.len() as u64 + (part.end - part.start));
        let length = sizes.sum::<u64>() + end.len() as u64;
        Multipart { content_type: format!("multipart/byteranges; boundary={boundary}"), parts, end, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::http_cache::{Body, Fields, Parts};

    #[test]
    fn parts_stand_between_boundaries() {
        let body = b"0123456789";
        let fields = Fields::new([(&b"Content-Type"[..], &b"text/plain"[..])]);
        let variant = Variant::from(Parts { fields, body: Body::Plain((*body).into()), ..Parts::default() });
        let multipart = Multipart::new(&variant, &[0..1, 8..10], 0xabc);
        let mut text = Vec::new();
        for (head, part) in &multipart.parts {
            text.extend_from_slice(head);
            text.extend_from_slice(&body[part.start as usize..part.end as usize]);
        }
        text.extend_from_slice(&multipart.end);
        let expected = "\r\n--spinel-0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n0\
                        \r\n--spinel-0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\
                        \r\n--spinel-0000000000000abc--\r\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        assert_eq!(multipart.length, expected.len() as u64);
        assert_eq!(multipart.content_type, "multipart/byteranges; boundary=spinel-0000000000000abc");
    }
}

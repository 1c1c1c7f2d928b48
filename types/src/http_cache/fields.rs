//! Header fields in one run of bytes.

use std::fmt;

/// Names and values in their order, in one allocation.
///
/// ```text
/// (length of name, name, length of value, value)*       lengths in LEB128
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields(Box<[u8]>);

/// Fields that lie with something else.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldsRef<'a>(&'a [u8]);

impl Fields {
    /// Gathers fields. O(their bytes).
    pub fn new<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Fields {
        let mut bytes = Vec::new();
        for (name, value) in fields {
            push(&mut bytes, name);
            push(&mut bytes, value);
        }
        Fields(bytes.into_boxed_slice())
    }

    /// Takes what [`encoded`](Fields::encoded) gave; `None` if it is anything else. O(its bytes).
    pub fn from_encoded(bytes: &[u8]) -> Option<Fields> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = take(take(rest)?.1)?.1;
        }
        Some(Fields(bytes.into()))
    }

    /// The bytes that stand for them.
    pub fn encoded(&self) -> &[u8] {
        &self.0
    }

    /// A look at them.
    #[inline]
    pub fn as_ref(&self) -> FieldsRef<'_> {
        FieldsRef(&self.0)
    }
}

impl<'a> FieldsRef<'a> {
    /// Bytes that [`Fields`] gave.
    #[inline]
    pub(super) fn trusted(bytes: &'a [u8]) -> FieldsRef<'a> {
        FieldsRef(bytes)
    }

    /// The bytes that stand for them.
    #[inline]
    pub fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// Fields of its own. O(their bytes).
    pub fn to_owned(self) -> Fields {
        Fields(self.0.into())
    }

    /// Whether every name is a token and every value is text of one line, as HTTP wants them: so nothing that a client wrote
    /// can end a field, or the head, where it is sent. O(their bytes).
    pub fn are_sound(self) -> bool {
        self.iter().all(|(name, value)| is_token(name) && is_line(value))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Goes over names and values in their order.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, after) = take(rest)?;
            let (value, after) = take(after)?;
            rest = after;
            Some((name, value))
        })
    }

    /// The values of the fields of this name, in any case of letters.
    pub fn all<'n>(self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first field of this name, in any case of letters.
    pub fn first(self, name: &[u8]) -> Option<&'a [u8]> {
        self.all(name).next()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for FieldsRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts =
            self.iter().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        f.debug_map().entries(texts).finish()
    }
}

/// Whether this is a token of RFC 9110, as names of fields are.
pub fn is_token(text: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_part)
}

/// Whether this may be the value of a field: no control characters but tabs.
pub fn is_line(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

/// Appends a text behind its length.
pub(super) fn push(bytes: &mut Vec<u8>, text: &[u8]) {
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(text);
}

/// Takes a text off the front; nothing if there is none.
pub(super) fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    // Five groups of seven bits name 32 GiB; nothing kept here is larger.
    for index in 0..5 {
        let byte = *bytes.get(index)?;
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return bytes.get(index + 1..)?.split_at_checked(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_their_order() {
        let long = vec![b'x'; 300];
        let pairs: [(&[u8], &[u8]); 3] = [(b"ETag", b"\"a\""), (b"X", &long), (b"etag", b"")];
        let fields = Fields::new(pairs);
        assert_eq!(fields.as_ref().iter().collect::<Vec<_>>(), pairs);
        assert_eq!(fields.as_ref().all(b"etag").collect::<Vec<_>>(), [&b"\"a\""[..], b""]);
        assert_eq!(fields.as_ref().first(b"x"), Some(&long[..]));
        assert_eq!(Fields::from_encoded(fields.encoded()), Some(fields));
        assert!(Fields::default().as_ref().is_empty());
    }

    #[test]
    fn what_would_end_a_field_is_not_sound() {
        let is_sound = |name: &[u8], value: &[u8]| Fields::new([(name, value)]).as_ref().are_sound();
        assert!(is_sound(b"ETag", b"\"a\""));
        assert!(is_sound(b"x", b"a\tb \xff"));
        for (name, value) in [
            (&b""[..], &b"a"[..]),
            (b"a b", b"a"),
            (b"a:", b"a"),
            (b"a\r", b"a"),
            (b"\xe4", b"a"),
            (b"a", b"a\r\nSet-Cookie: x"),
            (b"a", b"a\n"),
            (b"a", b"\0"),
            (b"a", b"\x7f"),
        ] {
            assert!(!is_sound(name, value), "{name:?} {value:?}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bytes in [&b"\x05ab"[..], b"\x01a", b"\x80", b"\xff\xff\xff\xff\xff\x01a", b"\x00"] {
            assert_eq!(Fields::from_encoded(bytes), None, "{bytes:?}");
        }
    }
}

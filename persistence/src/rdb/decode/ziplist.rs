//! The ziplist, which listpacks took the place of in Redis 7.
//!
//! ```text
//! total u32 | last element u32 | count u16 | element … | 0xff          little-endian; 65535 elements: or more
//!
//! element   before  bytes of the element before: u8, or 254 and u32
//!           00nnnnnn text, 01nnnnnn n8 text, 10xxxxxx n32 text         big-endian lengths
//!           0xc0 i16, 0xd0 i32, 0xe0 i64, 0xf0 i24, 0xfe i8            little-endian
//!           1111xxxx                                                   integer x - 1, from 0 to 12
//! ```

use super::super::fault::Fault;
use super::packed::listpack_of;
use spinel_types::Element;

pub(super) const MALFORMED: Fault = Fault::Malformed("a ziplist is malformed");

const HEAD: usize = 10;
const END: u8 = 0xff;
const LONG: u8 = 254;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The same elements as a listpack.
pub(super) fn to_listpack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    listpack_of(elements(bytes), MALFORMED)
}

/// All elements, if the bytes are a ziplist down to the last one.
fn elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let (head, behind) = bytes.split_at_checked(HEAD)?;
    let (&end, mut rest) = behind.split_last()?;
    let word = |at: usize| head[at..].first_chunk().map(|word| u32::from_le_bytes(*word) as usize);
    let (total, tail) = (word(0)?, word(4)?);
    if total != bytes.len() || end != END {
        return None;
    }
    let (mut elements, mut before, mut last_at) = (Vec::new(), 0, HEAD);
    while !rest.is_empty() {
        last_at = bytes.len() - 1 - rest.len();
        let (element, len) = element(rest, before)?;
        elements.push(element);
        rest = &rest[len..];
        before = len;
    }
    let count = u16::from_le_bytes([head[8], head[9]]);
    let is_counted = count == COUNT_UNKNOWN || usize::from(count) == elements.len();
    (is_counted && tail == last_at).then_some(elements)
}

/// The element that `bytes` start with, behind one of `before` bytes, and how many bytes it takes.
fn element(bytes: &[u8], before: usize) -> Option<(Element<'_>, usize)> {
    let (said, body) = match bytes.split_first()? {
        (&LONG, rest) => {
            let (word, body) = rest.split_first_chunk()?;
            (u32::from_le_bytes(*word) as usize, body)
        }
        (&short, body) => (usize::from(short), body),
    };
    let (element, rest) = content(body)?;
    (said == before).then_some((element, bytes.len() - rest.len()))
}

/// The content that `body` starts with, and what is behind it.
fn content(body: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&first, rest) = body.split_first()?;
    let text = |len: usize, rest: &'_ [u8]| -> Option<(usize, usize)> {
        (rest.len() >= len).then_some((body.len() - rest.len(), len))
    };
    let (start, len) = match first >> 6 {
        0 => text(usize::from(first), rest)?,
        1 => {
            let (&low, rest) = rest.split_first()?;
            text(usize::from(first & 0x3f) << 8 | usize::from(low), rest)?
        }
        2 => {
            let (word, rest) = rest.split_first_chunk()?;
            text(u32::from_be_bytes(*word) as usize, rest)?
        }
        _ => return integer(first, rest),
    };
    Some((Element::Text(&body[start..start + len]), &body[start + len..]))
}

fn integer(first: u8, rest: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let width = match first {
        0xc0 => 2,
        0xd0 => 4,
        0xe0 => 8,
        0xf0 => 3,
        0xfe => 1,
        0xf1..=0xfd => return Some((Element::Integer(i64::from(first & 0x0f) - 1), rest)),
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(width)?;
    // The bytes go to the upper end and come back with their sign.
    let mut word = [0; 8];
    word[8 - width..].copy_from_slice(bytes);
    Some((Element::Integer(i64::from_le_bytes(word) >> (64 - 8 * width)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::listpack;

    /// `2`, `"hi"`, `-300`, `1000000`.
    const EXAMPLE: &[u8] =
        b"\x1a\0\0\0\x14\0\0\0\x04\0\x00\xf3\x02\x02hi\x04\xc0\xd4\xfe\x04\xf0\x40\x42\x0f\xff";

    #[test]
    fn elements_of_all_kinds_are_read() {
        let expected =
            [Element::Integer(2), Element::Text(b"hi"), Element::Integer(-300), Element::Integer(1_000_000)];
        assert_eq!(elements(EXAMPLE).as_deref(), Some(&expected[..]));
        let pack = to_listpack(EXAMPLE).expect("it is one");
        assert!(listpack::Listpack::new(&pack).iter().eq(expected));
    }

    #[test]
    fn other_bytes_are_refused() {
        for at in 0..EXAMPLE.len() {
            assert_eq!(elements(&EXAMPLE[..at]), None, "cut at {at}");
            for byte in 0..=255 {
                let mut other = EXAMPLE.to_vec();
                other[at] = byte;
                // What changes may be an element, which is another one then.
                let found = elements(&other).map(|elements| elements.len());
                assert!(found.is_none_or(|count| count == 4), "{byte} at {at}");
            }
        }
    }
}

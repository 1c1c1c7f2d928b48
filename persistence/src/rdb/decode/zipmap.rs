//! The zipmap, in which Redis before 2.6 kept small hashes.
//!
//! ```text
//! count u8 | field … | 0xff                          254 fields: or more
//! field     length name | length free value free bytes
//! length    u8, or 254 and u32 little-endian         free is a byte, too
//! ```

use super::super::fault::Fault;
use super::packed::listpack_of;
use spinel_types::Element;

pub(super) const MALFORMED: Fault = Fault::Malformed("a zipmap is malformed");

const END: u8 = 0xff;
const LONG: u8 = 254;
const COUNT_UNKNOWN: u8 = 254;

/// The same fields and values as a listpack.
pub(super) fn to_listpack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    listpack_of(elements(bytes), MALFORMED)
}

/// Fields and values in turn, if the bytes are a zipmap down to the last one.
fn elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let (&count, mut rest) = bytes.split_first()?;
    let mut elements = Vec::new();
    while rest != [END] {
        let (len, behind) = length(rest)?;
        let (field, behind) = behind.split_at_checked(len)?;
        let (len, behind) = length(behind)?;
        let (&free, behind) = behind.split_first()?;
        let (value, behind) = behind.split_at_checked(len)?;
        rest = behind.get(usize::from(free)..)?;
        elements.extend([Element::Text(field), Element::Text(value)]);
    }
    (count >= COUNT_UNKNOWN || usize::from(count) * 2 == elements.len()).then_some(elements)
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&LONG, rest) => {
            let (word, rest) = rest.split_first_chunk()?;
            Some((u32::from_le_bytes(*word) as usize, rest))
        }
        (&END, _) => None,
        (&short, rest) => Some((usize::from(short), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"\x02\x01a\x03\x01one_\x01b\x01\x002\xff";

    #[test]
    fn fields_are_read() {
        let expected = [b"a", &b"one"[..], b"b", b"2"].map(Element::Text);
        assert_eq!(elements(EXAMPLE).as_deref(), Some(&expected[..]));
        assert_eq!(elements(b"\x00\xff").as_deref(), Some(&[][..]));
    }

    #[test]
    fn other_bytes_are_refused() {
        (0..EXAMPLE.len()).for_each(|at| assert_eq!(elements(&EXAMPLE[..at]), None, "cut at {at}"));
        assert_eq!(elements(b"\x01\xff"), None, "fewer fields than it says");
        assert_eq!(elements(b"\x00\xfe\xff\xff\xff\xff"), None, "a length beyond the end");
    }
}

//! Telling listpacks from other bytes.

use std::borrow::Cow;
use std::fmt;

use super::element::{Encoded, back_len, body_len, decode, write_back};
use super::{COUNT_UNKNOWN, EMPTY, END, Element, HEAD, Listpack, ListpackMut};
use crate::buffer::Buffer;

/// How well-formed bytes encode their elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Each element as this module would encode it: lookups, which compare encoded bytes, are right.
    Canonical,
    /// Some element in a wider form than it needs, or a decimal as a text.
    Loose,
}

/// Why bytes are no listpack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Malformed {
    /// The total isn't the number of bytes, or there is no end mark.
    Frame,
    /// No element starts at this byte, or it reaches over the end, or its back length isn't its length.
    Element(usize),
    /// There are not as many elements as the count says.
    Count,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Frame => out.write_str("the listpack's total or end mark is wrong"),
            Malformed::Element(at) => write!(out, "the listpack's element at byte {at} is malformed"),
            Malformed::Count => out.write_str("the listpack's count is wrong"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Checks that bytes are a listpack, down to the last byte. O(n), reads nothing but `bytes`.
pub fn validate(bytes: &[u8]) -> Result<Shape, Malformed> {
    let (Some(total), Some(&[low, high]), [.., END]) = (bytes.first_chunk(), bytes.get(4..6), bytes) else {
        return Err(Malformed::Frame);
    };
    if u32::from_le_bytes(*total) as usize != bytes.len() || bytes.len() <= HEAD {
        return Err(Malformed::Frame);
    }
    let (end, mut at) = (bytes.len() - 1, HEAD);
    let (mut count, mut shape) = (0, Shape::Canonical);
    while at < end {
        let (body, is_canonical) = check_element(&bytes[at..end]).ok_or(Malformed::Element(at))?;
        at += body + back_len(body);
        count += 1;
        if !is_canonical {
            shape = Shape::Loose;
        }
    }
    match u16::from_le_bytes([low, high]) {
        COUNT_UNKNOWN => Ok(shape),
        said if usize::from(said) == count => Ok(shape),
        _ => Err(Malformed::Count),
    }
}

/// The bytes of the body of the element that `rest` starts with, and whether it is encoded canonically.
fn check_element(rest: &[u8]) -> Option<(usize, bool)> {
    let body = body_len(rest)?;
    let width = back_len(body);
    let mut back = [0; 5];
    write_back(&mut back[..width], body);
    if !rest.get(body..)?.starts_with(&back[..width]) {
        return None;
    }
    let (element, _) = decode(rest, 0);
    let encoded = Encoded::of(element);
    Some((body, encoded.body_len() == body && rest.starts_with(encoded.head())))
}

/// Takes bytes from outside: validates them, and encodes their elements anew where they are encoded loosely.
pub fn adopt(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    Ok(match validate(bytes)? {
        Shape::Canonical => Cow::Borrowed(bytes),
        Shape::Loose => {
            let elements: Vec<Element<'_>> = Listpack::new(bytes).iter().collect();
            let mut fresh = EMPTY.to_vec();
            ListpackMut::new(Buffer::Owned(&mut fresh)).append_all(&elements);
            Cow::Owned(fresh)
        }
    })
}

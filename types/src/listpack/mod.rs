//! The listpack: a list of short texts and integers in one run of bytes.
//!
//! ```text
//! total u32 | count u16 | element … | 0xff          little-endian; total counts every byte, the last too
//!
//! element   0xxxxxxx                                integer 0 to 127
//!           10nnnnnn text                           text of up to 63 bytes
//!           110xxxxx x8                             integer of 13 bits
//!           1110nnnn n8 text                        text of up to 4095 bytes; the upper bits come first
//!           11110000 n32 text                       longer text
//!           11110001 x16, 11110010 x24, 11110011 x32, 11110100 x64
//!           each followed by its back length
//! ```
//!
//! The back length says how many bytes the element takes before it, so that one can walk backwards: groups of 7
//! bits, the lowest in the last byte, and all but the first byte have their upper bit set. A count of 65535
//! means that there are that many elements or more.
//!
//! Small lists, hashes, sets and sorted sets, the nodes of large lists and the entries of streams are listpacks,
//! and files and `DUMP` carry the same bytes.
//!
//! Worked example: the list `"hi", "300"` is `14 0 0 0, 2 0, 0x82 'h' 'i' 3, 0xc1 0x2c 2, 0xff`. The text
//! `300` is the decimal of an integer and is stored as one, in 13 bits, as 1 × 256 + 44.
//!
//! Invariants: whoever makes a [`Listpack`] of bytes got them from here, or has [validated](validate()) them.
//! Walking other bytes ends, but it may panic or find nonsense.

mod edit;
mod element;
mod find;
mod iterate;
mod validate;

pub use edit::{ListpackMut, extend};
pub use element::{Element, encoded_len};
pub use iterate::Iter;
pub use validate::{Malformed, Shape, adopt, validate};

use element::{behind, decode, step};
pub(crate) use find::Needle;

/// Bytes before the first element.
const HEAD: usize = 6;

/// The byte behind the last element.
const END: u8 = 0xff;

/// The count that means "this many or more".
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The bytes of a listpack without elements.
pub const EMPTY: &[u8] = &[HEAD as u8 + 1, 0, 0, 0, 0, 0, END];

/// Where an element starts, or the end. Edits before it make it stale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position(usize);

/// A view of a listpack's bytes.
#[derive(Clone, Copy)]
pub struct Listpack<'a> {
    bytes: &'a [u8],
}

impl<'a> Listpack<'a> {
    /// Views bytes that are known to be a listpack.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Listpack<'a> {
        debug_assert!(bytes.len() > HEAD && bytes[bytes.len() - 1] == END);
        Listpack { bytes }
    }

    /// All bytes, from the total to the end mark.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// How many elements there are. O(1); O(n) from 65535 elements on.
    #[inline]
    pub fn len(self) -> usize {
        match u16::from_le_bytes([self.bytes[4], self.bytes[5]]) {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.end().0 == HEAD
    }

    /// Behind the last element.
    #[inline]
    pub fn end(self) -> Position {
        Position(self.bytes.len() - 1)
    }

    /// The first element; the end, if there is none.
    #[inline]
    pub fn start(self) -> Position {
        Position(HEAD)
    }

    /// The first element.
    #[inline]
    pub fn first(self) -> Option<Position> {
        (!self.is_empty()).then_some(Position(HEAD))
    }

    /// The last element.
    #[inline]
    pub fn last(self) -> Option<Position> {
        self.previous(self.end())
    }

    /// The element after one. O(1).
    #[inline]
    pub fn next(self, position: Position) -> Option<Position> {
        let next = self.after(position);
        (next < self.end()).then_some(next)
    }

    /// The place behind an element: the next one or the end. O(1).
    #[inline]
    pub fn after(self, position: Position) -> Position {
        Position(position.0 + step(self.bytes, position.0))
    }

    /// The element before one, or before the end. O(1).
    #[inline]
    pub fn previous(self, position: Position) -> Option<Position> {
        (position.0 > HEAD).then(|| Position(position.0 - behind(self.bytes, position.0)))
    }

    /// The element at a position, which must not be the end. O(1).
    #[inline]
    pub fn element(self, position: Position) -> Element<'a> {
        decode(self.bytes, position.0).0
    }

    /// The position of the element of this index. O(distance from the nearer end).
    pub fn seek(self, index: usize) -> Option<Position> {
        let len = self.len();
        if index >= len {
            return None;
        }
        if index <= len / 2 {
            let mut at = HEAD;
            (0..index).for_each(|_| at += step(self.bytes, at));
            Some(Position(at))
        } else {
            let mut at = self.end().0;
            (index..len).for_each(|_| at -= behind(self.bytes, at));
            Some(Position(at))
        }
    }

    /// The element of this index. O(distance from the nearer end).
    pub fn get(self, index: usize) -> Option<Element<'a>> {
        self.seek(index).map(|position| self.element(position))
    }

    /// All elements, from either end.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter::new(self.bytes, HEAD, self.bytes.len() - 1)
    }

    /// The elements from one position up to another, which is left out.
    #[inline]
    pub fn between(self, from: Position, to: Position) -> Iter<'a> {
        Iter::new(self.bytes, from.0, to.0)
    }

    /// Up to `count` elements from the one of index `start` on. O(start from the nearer end), then as read.
    pub fn range(self, start: usize, count: usize) -> std::iter::Take<Iter<'a>> {
        let from = self.seek(start).unwrap_or(self.end());
        self.between(from, self.end()).take(count)
    }
}

impl<'a> IntoIterator for Listpack<'a> {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests;

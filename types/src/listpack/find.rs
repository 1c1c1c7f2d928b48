//! Looking for an element.

use super::element::{Encoded, behind, step};
use super::{Element, HEAD, Listpack, Position};
use std::ops::ControlFlow;

/// What is looked for, as it is encoded: elements are equal when their bytes are.
pub(crate) struct Needle<'a> {
    encoded: Encoded<'a>,
    /// The first 8 bytes of the body, and which of them count.
    word: u64,
    mask: u64,
}

impl<'a> Needle<'a> {
    pub(crate) fn new(element: Element<'a>) -> Needle<'a> {
        let encoded = Encoded::of(element);
        let mut word = [0; 8];
        let body = encoded.head().iter().chain(encoded.text());
        word.iter_mut().zip(body).for_each(|(byte, of_body)| *byte = *of_body);
        let mask = match encoded.body_len() {
            len @ 0..8 => (1 << (8 * len)) - 1,
            _ => u64::MAX,
        };
        Needle { encoded, word: u64::from_le_bytes(word), mask }
    }

    /// Whether the element at `at` is this one.
    #[inline]
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let first_eight = bytes.get(at..).and_then(<[u8]>::first_chunk);
        match first_eight {
            Some(eight) => u64::from_le_bytes(*eight) & self.mask == self.word && self.is_whole_at(bytes, at),
            None => self.is_whole_at(bytes, at),
        }
    }

    #[inline]
    fn is_whole_at(&self, bytes: &[u8], at: usize) -> bool {
        let (head, text) = (self.encoded.head(), self.encoded.text());
        bytes[at..].starts_with(head) && bytes[at + head.len()..].starts_with(text)
    }
}

impl Listpack<'_> {
    /// The first element equal to `element` among the one at `from`, the one after the next `skip` elements,
    /// and so on. A text equals the integer whose decimal it is. O(n).
    ///
    /// Fields of a hash are found with a `skip` of 1.
    pub fn find(self, element: Element<'_>, from: Position, skip: usize) -> Option<Position> {
        let needle = Needle::new(element);
        let (end, mut at) = (self.end().0, from.0);
        while at < end {
            if needle.is_at(self.bytes, at) {
                return Some(Position(at));
            }
            at += step(self.bytes, at);
            for _ in 0..skip {
                if at >= end {
                    return None;
                }
                at += step(self.bytes, at);
            }
        }
        None
    }

    /// Visits the elements equal to the needle among the first `max`, with their indexes, until told to break.
    pub(crate) fn each_match<B>(
        self,
        needle: &Needle<'_>,
        max: usize,
        mut visit: impl FnMut(usize, Position) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (end, mut at, mut index) = (self.end().0, HEAD, 0);
        while at < end && index < max {
            if needle.is_at(self.bytes, at) {
                visit(index, Position(at))?;
            }
            at += step(self.bytes, at);
            index += 1;
        }
        ControlFlow::Continue(())
    }

    /// Visits the elements equal to the needle among the last `max`, the last one first, with their indexes
    /// from the end.
    pub(crate) fn each_match_back<B>(
        self,
        needle: &Needle<'_>,
        max: usize,
        mut visit: impl FnMut(usize, Position) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (mut at, mut index) = (self.end().0, 0);
        while at > HEAD && index < max {
            at -= behind(self.bytes, at);
            if needle.is_at(self.bytes, at) {
                visit(index, Position(at))?;
            }
            index += 1;
        }
        ControlFlow::Continue(())
    }
}

//! Walking a listpack from either end.

use super::Position;
use super::element::{Element, behind, decode, step};

/// Yields elements from either end.
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], front: usize, back: usize) -> Iter<'a> {
        debug_assert!(front <= back && back < bytes.len());
        Iter { bytes, front, back }
    }

    /// Where the next element from the front stands.
    #[inline]
    pub fn position(&self) -> Position {
        Position(self.front)
    }

    /// Where the elements yet to be yielded end.
    #[inline]
    pub fn end_position(&self) -> Position {
        Position(self.back)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (element, step) = decode(self.bytes, self.front);
        self.front += step;
        Some(element)
    }

    fn nth(&mut self, count: usize) -> Option<Element<'a>> {
        for _ in 0..count {
            if self.front >= self.back {
                return None;
            }
            self.front += step(self.bytes, self.front);
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An element takes two bytes at least.
        (0, Some((self.back - self.front.min(self.back)) / 2))
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        self.back -= behind(self.bytes, self.back);
        Some(decode(self.bytes, self.back).0)
    }
}

impl std::iter::FusedIterator for Iter<'_> {}

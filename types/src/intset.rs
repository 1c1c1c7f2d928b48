//! The intset: a sorted array of different integers in one run of bytes.
//!
//! ```text
//! width u32 | count u32 | integer …          little-endian; width is 2, 4 or 8 bytes per integer
//! ```
//!
//! All integers have the width that the widest of them needed when it was added; removals don't narrow it.
//! Small sets of integers are intsets, and files and `DUMP` carry the same bytes.
//!
//! Worked example: `{-1, 5}` is `2 0 0 0, 2 0 0 0, ff ff, 05 00`. Adding 70000 makes it
//! `4 0 0 0, 3 0 0 0, ff ff ff ff, 05 00 00 00, 70 11 01 00`.
//!
//! Invariants: whoever makes an [`Intset`] of bytes got them from here, or has [validated](validate) them.

use crate::buffer::Buffer;
use std::fmt;

/// Bytes before the first integer.
const HEAD: usize = 8;

/// The bytes of an intset without integers.
pub const EMPTY: &[u8] = &[2, 0, 0, 0, 0, 0, 0, 0];

/// A view of an intset's bytes.
#[derive(Clone, Copy)]
pub struct Intset<'a> {
    bytes: &'a [u8],
}

impl<'a> Intset<'a> {
    /// Views bytes that are known to be an intset.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Intset<'a> {
        debug_assert!(bytes.len() >= HEAD);
        Intset { bytes }
    }

    /// All bytes, from the width to the last integer.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// How many integers there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        word32(self.bytes, 4) as usize
    }

    /// Whether there is no integer.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Bytes per integer.
    #[inline]
    fn width(self) -> usize {
        usize::from(self.bytes[0])
    }

    /// The integer of this index, the least one first. O(1).
    ///
    /// # Panics
    /// If there are not as many.
    #[inline]
    pub fn at(self, index: usize) -> i64 {
        read(&self.bytes[HEAD + index * self.width()..], self.width())
    }

    /// The index of an integer, or the one it would have. O(log n).
    #[inline]
    pub fn search(self, integer: i64) -> Result<usize, usize> {
        let integers = &self.bytes[HEAD..];
        match self.width() {
            2 => search(integers.as_chunks().0, integer, |word| i64::from(i16::from_le_bytes(word))),
            4 => search(integers.as_chunks().0, integer, |word| i64::from(i32::from_le_bytes(word))),
            _ => search(integers.as_chunks().0, integer, i64::from_le_bytes),
        }
    }

    /// Whether an integer is in it. O(log n).
    #[inline]
    pub fn contains(self, integer: i64) -> bool {
        self.search(integer).is_ok()
    }

    /// All integers, ascending.
    #[inline]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + use<'a> {
        let width = self.width();
        self.bytes[HEAD..].chunks_exact(width).map(move |bytes| read(bytes, width))
    }
}

/// Finds an integer among those in `words`.
#[inline]
fn search<const N: usize>(
    words: &[[u8; N]],
    integer: i64,
    value: impl Fn([u8; N]) -> i64,
) -> Result<usize, usize> {
    // Ascending integers are often added in order.
    if words.last().is_none_or(|last| value(*last) < integer) {
        return Err(words.len());
    }
    let index = words.partition_point(|word| value(*word) < integer);
    if value(words[index]) == integer { Ok(index) } else { Err(index) }
}

/// An intset that may be changed.
pub struct IntsetMut<'a> {
    buffer: Buffer<'a>,
}

impl<'a> IntsetMut<'a> {
    /// Edits bytes that are an intset.
    #[inline]
    pub fn new(buffer: Buffer<'a>) -> IntsetMut<'a> {
        debug_assert!(buffer.len() >= HEAD);
        IntsetMut { buffer }
    }

    /// The intset as it is now.
    #[inline]
    pub fn view(&self) -> Intset<'_> {
        Intset::new(&self.buffer)
    }

    /// Adds an integer; whether it was not there. O(log n + integers above it), O(n) when all are widened.
    pub fn insert(&mut self, integer: i64) -> bool {
        let wanted = width_of(integer);
        if wanted > self.view().width() {
            self.widen_for(integer, wanted);
            return true;
        }
        let Err(index) = self.view().search(integer) else { return false };
        let (width, count) = (self.view().width(), self.view().len());
        let at = HEAD + index * width;
        self.buffer.splice(at, 0, width);
        write(&mut self.buffer.bytes_mut()[at..], width, integer);
        self.set_count(count + 1);
        true
    }

    /// Removes an integer; whether it was there. O(log n + integers above it).
    pub fn remove(&mut self, integer: i64) -> bool {
        let Ok(index) = self.view().search(integer) else { return false };
        self.remove_at(index, 1);
        true
    }

    /// Removes the `count` integers from an index on. O(integers above them).
    ///
    /// # Panics
    /// If there are not as many.
    pub fn remove_at(&mut self, index: usize, count: usize) {
        let (width, len) = (self.view().width(), self.view().len());
        self.buffer.splice(HEAD + index * width, count * width, 0);
        self.set_count(len - count);
    }

    /// Adds an integer that needs more bytes than the others: it is below or above all of them.
    fn widen_for(&mut self, integer: i64, width: usize) {
        let (old_width, count) = (self.view().width(), self.view().len());
        let old_len = self.buffer.len();
        self.buffer.splice(old_len, 0, (count + 1) * width - count * old_width);
        let first = usize::from(integer < 0);
        let integers = &mut self.buffer.bytes_mut()[HEAD..];
        // From the last on, so that none is overwritten before it has moved.
        for index in (0..count).rev() {
            let moved = read(&integers[index * old_width..], old_width);
            write(&mut integers[(index + first) * width..], width, moved);
        }
        write(&mut integers[if integer < 0 { 0 } else { count } * width..], width, integer);
        self.buffer.bytes_mut()[..4].copy_from_slice(&(width as u32).to_le_bytes());
        self.set_count(count + 1);
    }

    fn set_count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("an intset has fewer than 2^32 integers");
        self.buffer.bytes_mut()[4..HEAD].copy_from_slice(&count.to_le_bytes());
    }
}

/// The bytes that an integer needs.
#[inline]
fn width_of(integer: i64) -> usize {
    match (i16::try_from(integer), i32::try_from(integer)) {
        (Ok(_), _) => 2,
        (_, Ok(_)) => 4,
        _ => 8,
    }
}

#[inline]
fn read(bytes: &[u8], width: usize) -> i64 {
    match width {
        2 => i64::from(i16::from_le_bytes([bytes[0], bytes[1]])),
        4 => i64::from(word32(bytes, 0) as i32),
        _ => i64::from_le_bytes(*bytes.first_chunk().expect("an integer is written whole")),
    }
}

#[inline]
fn write(bytes: &mut [u8], width: usize, integer: i64) {
    bytes[..width].copy_from_slice(&integer.to_le_bytes()[..width]);
}

#[inline]
fn word32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("a word is written whole"))
}

/// Why bytes are no intset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Malformed {
    /// The header is cut off, the width is none, or there are not as many integers as it says.
    Frame,
    /// The integer of this index is not above the one before it.
    Order(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Frame => out.write_str("the intset's width or count is wrong"),
            Malformed::Order(index) => write!(out, "the intset's integer {index} is out of order"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Checks that bytes are an intset, down to the last byte. O(n), reads nothing but `bytes`.
pub fn validate(bytes: &[u8]) -> Result<(), Malformed> {
    if bytes.len() < HEAD || !matches!(word32(bytes, 0), 2 | 4 | 8) {
        return Err(Malformed::Frame);
    }
    let set = Intset::new(bytes);
    if set.len().checked_mul(set.width()) != Some(bytes.len() - HEAD) {
        return Err(Malformed::Frame);
    }
    match (1..set.len()).find(|index| set.at(index - 1) >= set.at(*index)) {
        Some(index) => Err(Malformed::Order(index)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn check(bytes: &[u8], model: &BTreeSet<i64>) {
        assert_eq!(validate(bytes), Ok(()));
        let set = Intset::new(bytes);
        assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        assert!(set.iter().eq(model.iter().copied()) && set.iter().rev().eq(model.iter().rev().copied()));
    }

    #[test]
    fn bytes_are_as_drawn() {
        let mut bytes = EMPTY.to_vec();
        let mut set = IntsetMut::new(Buffer::Owned(&mut bytes));
        assert!(set.insert(5) && set.insert(-1) && !set.insert(5));
        assert_eq!(bytes, [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0]);
        assert!(IntsetMut::new(Buffer::Owned(&mut bytes)).insert(70_000));
        let wide = [4, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0x70, 0x11, 1, 0];
        assert_eq!(bytes, wide);
    }

    #[test]
    fn edits_follow_a_model() {
        let steps =
            std::env::var("SPINEL_MODEL_STEPS").map_or(100_000, |steps| steps.parse().expect("a number"));
        let (mut bytes, mut model) = (EMPTY.to_vec(), BTreeSet::new());
        let mut random = 1_u64;
        for step in 0..steps {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Narrow integers first, so that every round sees each width.
            let bits = [8, 15, 16, 31, 32, 63][step % 6000 / 1000];
            let integer = (random >> 33) as i64 % (1 << bits.min(9)) - (1 << (bits.min(9) - 1))
                + if step % 50 == 0 { (1_i64 << (bits - 1)) * [1, -1][step % 2] } else { 0 };
            let mut set = IntsetMut::new(Buffer::Owned(&mut bytes));
            if (random >> 20).is_multiple_of(4) {
                assert_eq!(set.remove(integer), model.remove(&integer));
            } else {
                assert_eq!(set.insert(integer), model.insert(integer));
            }
            assert_eq!(Intset::new(&bytes).contains(integer), model.contains(&integer));
            if step % 1000 == 0 {
                check(&bytes, &model);
            }
            if step % 6000 == 5999 {
                bytes = EMPTY.to_vec();
                model.clear();
            }
        }
        check(&bytes, &model);
    }

    #[test]
    fn edges_of_the_widths_are_kept() {
        let edges = [0, i64::from(i16::MAX), i64::from(i32::MAX), i64::MAX];
        let edges = edges.iter().flat_map(|edge| [*edge, -*edge - 1, edge.saturating_add(1)]);
        let (mut bytes, mut model) = (EMPTY.to_vec(), BTreeSet::new());
        for edge in edges {
            assert_eq!(IntsetMut::new(Buffer::Owned(&mut bytes)).insert(edge), model.insert(edge));
            check(&bytes, &model);
        }
        let len = model.len();
        IntsetMut::new(Buffer::Owned(&mut bytes)).remove_at(1, len - 2);
        assert!(Intset::new(&bytes).iter().eq([i64::MIN, i64::MAX]));
    }

    #[test]
    fn other_bytes_are_refused() {
        assert_eq!(validate(EMPTY), Ok(()));
        for bytes in [
            &b""[..],
            &[2, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 0, 0, 0, 0],
            &[2, 0, 0, 1, 0, 0, 0, 0],
            &[2, 0, 0, 0, 1, 0, 0, 0],
            &[2, 0, 0, 0, 1, 0, 0, 0, 1],
            &[2, 0, 0, 0, 0, 0, 0, 0, 1],
            &[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(validate(bytes), Err(Malformed::Frame), "{bytes:?}");
        }
        assert_eq!(validate(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0]), Err(Malformed::Order(1)));
        assert_eq!(validate(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0x80]), Err(Malformed::Order(1)));
    }
}

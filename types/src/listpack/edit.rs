//! Changing a listpack.

use super::element::{Element, Encoded};
use super::{COUNT_UNKNOWN, END, HEAD, Listpack, Position};
use crate::buffer::Buffer;

/// Adds elements at the end of a listpack that has an allocation of its own, in one pass. O(what is added).
///
/// The listpack must stay below 4 GiB; whoever adds elements sees to that.
pub fn extend<'e>(bytes: &mut Vec<u8>, elements: impl IntoIterator<Item = Element<'e>>) {
    let end = bytes.pop();
    debug_assert_eq!(end, Some(END), "a listpack has an end mark");
    let mut added = 0;
    for element in elements {
        Encoded::of(element).append_to(bytes);
        added += 1;
    }
    bytes.push(END);
    let mut pack = ListpackMut::new(Buffer::Owned(bytes));
    pack.set_total();
    pack.count_more(added);
}

/// A listpack that may be changed. Every edit costs O(bytes behind it).
///
/// The listpack must stay below 4 GiB; whoever adds elements sees to that.
pub struct ListpackMut<'a> {
    buffer: Buffer<'a>,
}

impl<'a> ListpackMut<'a> {
    /// Edits bytes that are a listpack.
    #[inline]
    pub fn new(buffer: Buffer<'a>) -> ListpackMut<'a> {
        debug_assert!(buffer.len() > HEAD && buffer[buffer.len() - 1] == END);
        ListpackMut { buffer }
    }

    /// The listpack as it is now.
    #[inline]
    pub fn view(&self) -> Listpack<'_> {
        Listpack::new(&self.buffer)
    }

    /// Inserts an element before the one at `at`, or at the end.
    #[inline]
    pub fn insert(&mut self, at: Position, element: Element<'_>) {
        let encoded = Encoded::of(element);
        let len = encoded.len();
        self.splice(at.0, 0, len);
        encoded.write(&mut self.buffer.bytes_mut()[at.0..at.0 + len]);
        self.count_more(1);
    }

    /// Inserts elements before the one at `at`, or at the end, with one move of the bytes behind.
    pub fn insert_all(&mut self, at: Position, elements: &[Element<'_>]) {
        let len = elements.iter().map(|element| Encoded::of(*element).len()).sum();
        self.splice(at.0, 0, len);
        let mut room = &mut self.buffer.bytes_mut()[at.0..at.0 + len];
        for element in elements {
            let encoded = Encoded::of(*element);
            let (own, rest) = room.split_at_mut(encoded.len());
            encoded.write(own);
            room = rest;
        }
        self.count_more(elements.len());
    }

    /// Adds an element at the end.
    #[inline]
    pub fn append(&mut self, element: Element<'_>) {
        self.insert(self.view().end(), element);
    }

    /// Adds elements at the end.
    pub fn append_all(&mut self, elements: &[Element<'_>]) {
        self.insert_all(self.view().end(), elements);
    }

    /// Adds the elements of another listpack at the end, as they are.
    pub fn append_listpack(&mut self, other: Listpack<'_>) {
        let (at, added) = (self.view().end().0, &other.bytes[HEAD..other.end().0]);
        self.splice(at, 0, added.len());
        self.buffer.bytes_mut()[at..at + added.len()].copy_from_slice(added);
        self.count_more(other.len());
    }

    /// Adds an element at the start.
    #[inline]
    pub fn prepend(&mut self, element: Element<'_>) {
        self.insert(Position(HEAD), element);
    }

    /// Puts an element in the place of the one at `at`.
    pub fn replace(&mut self, at: Position, element: Element<'_>) {
        let encoded = Encoded::of(element);
        let (old_len, len) = (self.view().after(at).0 - at.0, encoded.len());
        self.splice(at.0, old_len, len);
        encoded.write(&mut self.buffer.bytes_mut()[at.0..at.0 + len]);
    }

    /// Removes up to `count` elements from the one at `at` on; `at` is then what followed them, or the end.
    pub fn remove(&mut self, at: Position, count: usize) {
        let mut elements = self.view().between(at, self.view().end());
        let removed = elements.by_ref().take(count).count();
        self.remove_between(at, elements.position(), removed);
    }

    /// Removes the `count` elements that stand from one position up to another, which stays.
    #[inline]
    pub fn remove_between(&mut self, from: Position, to: Position, count: usize) {
        debug_assert_eq!(self.view().between(from, to).count(), count);
        self.splice(from.0, to.0 - from.0, 0);
        self.count_fewer(count);
    }

    /// Removes the elements at these positions, which are in order. O(bytes from the first on).
    pub(crate) fn remove_each(&mut self, positions: &[Position]) {
        let Some(first) = positions.first() else { return };
        let (end, mut kept_end) = (self.view().end(), first.0);
        for (index, position) in positions.iter().enumerate() {
            let behind = self.view().after(*position).0;
            let next = positions.get(index + 1).unwrap_or(&end).0;
            self.buffer.bytes_mut().copy_within(behind..next, kept_end);
            kept_end += next - behind;
        }
        self.splice(kept_end, end.0 - kept_end, 0);
        self.count_fewer(positions.len());
    }

    /// Takes the elements from `at` on away and returns them as a listpack of their own.
    pub fn split_off(&mut self, at: Position) -> Vec<u8> {
        let end = self.view().end();
        let mut tail = super::EMPTY.to_vec();
        let count = self.view().between(at, end).count();
        tail.splice(HEAD..HEAD, self.buffer[at.0..end.0].iter().copied());
        let mut pack = ListpackMut::new(Buffer::Owned(&mut tail));
        pack.set_total();
        pack.count_more(count);
        self.remove_between(at, end, count);
        tail
    }

    fn splice(&mut self, at: usize, remove: usize, insert: usize) {
        self.buffer.splice(at, remove, insert);
        self.set_total();
    }

    fn set_total(&mut self) {
        let total = u32::try_from(self.buffer.len()).expect("a listpack stays below 4 GiB");
        self.buffer.bytes_mut()[..4].copy_from_slice(&total.to_le_bytes());
    }

    fn count_more(&mut self, added: usize) {
        let count = usize::from(self.count_field()) + added;
        self.set_count_field(u16::try_from(count).unwrap_or(COUNT_UNKNOWN));
    }

    fn count_fewer(&mut self, removed: usize) {
        if self.count_field() != COUNT_UNKNOWN {
            let count = self.count_field() - removed as u16;
            self.set_count_field(count);
        }
    }

    fn count_field(&self) -> u16 {
        u16::from_le_bytes([self.buffer[4], self.buffer[5]])
    }

    fn set_count_field(&mut self, count: u16) {
        self.buffer.bytes_mut()[4..6].copy_from_slice(&count.to_le_bytes());
    }
}

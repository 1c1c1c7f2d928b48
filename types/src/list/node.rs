//! One node of a large list.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::Direction;
use super::slab::Bytes;
use super::stored::NodeBytes;
use crate::buffer::Buffer;
use crate::listpack::{EMPTY, Element, Listpack, ListpackMut, Needle, Position};
use crate::lzf;
use crate::run::Run;

/// Listpacks with fewer bytes are not compressed.
const COMPRESS_MIN: usize = 48;

/// Bytes that compressing must save.
const SAVING_MIN: usize = 8;

/// A listpack, compressed or not, or one long text.
pub(super) struct Node {
    bytes: Bytes,
    /// Bytes of the listpack or text before compression.
    size: u32,
    count: u16,
    is_plain: bool,
    is_compressed: bool,
}

impl Node {
    /// A node of one element: as a text of its own, or in a listpack.
    pub(super) fn of(element: Element<'_>, is_plain: bool) -> Node {
        if is_plain {
            let text = element.to_vec();
            return Node { is_plain, count: 1, ..Node::new(text) };
        }
        let mut node = Node::of_listpack(EMPTY.to_vec());
        node.edit(|pack| pack.append(element));
        node
    }

    /// A node with the elements of a listpack.
    pub(super) fn of_listpack(bytes: Vec<u8>) -> Node {
        Node { count: Listpack::new(&bytes).len() as u16, ..Node::new(bytes) }
    }

    fn new(bytes: Vec<u8>) -> Node {
        let size = bytes.len() as u32;
        Node { bytes: Bytes::Own(Run::new(bytes)), size, count: 0, is_plain: false, is_compressed: false }
    }

    /// The same node for another list.
    pub(super) fn share(&mut self) -> Node {
        Node { bytes: self.bytes.share(), ..*self }
    }

    /// How many elements it has.
    #[inline]
    pub(super) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Bytes of its listpack or text before compression.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size as usize
    }

    /// Whether it is one text.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    #[inline]
    pub(super) fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Memory of what it points to.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.memory_bytes()
    }

    /// The listpack's bytes, or the text.
    #[inline]
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        if self.is_compressed { Cow::Owned(self.decompressed()) } else { Cow::Borrowed(&self.bytes) }
    }

    /// The bytes as they lie in memory.
    pub(super) fn stored_bytes(&self) -> NodeBytes<'_> {
        if self.is_compressed {
            NodeBytes::Compressed(&self.bytes, self.size())
        } else {
            NodeBytes::Plain(&self.bytes)
        }
    }

    /// Edits the listpack, which is left uncompressed.
    #[inline]
    pub(super) fn edit<R>(&mut self, edit: impl FnOnce(&mut ListpackMut<'_>) -> R) -> R {
        debug_assert!(!self.is_plain());
        self.decompress();
        let mut pack = ListpackMut::new(Buffer::Run(self.bytes.own()));
        let result = edit(&mut pack);
        self.count = pack.view().len() as u16;
        self.size = self.bytes.len() as u32;
        result
    }

    /// Takes the elements from an index on away, as a node of their own.
    pub(super) fn split_off(&mut self, index: usize) -> Node {
        Node::of_listpack(self.edit(|pack| pack.split_off(position(pack.view(), index))))
    }

    /// Adds the elements of another listpack.
    pub(super) fn append(&mut self, other: &Node) {
        self.edit(|pack| pack.append_listpack(Listpack::new(&other.bytes())));
    }

    /// Removes elements equal to one, at most `max`, the first in a direction, and says how many. The node may
    /// be left empty.
    pub(super) fn remove_matches(&mut self, wanted: &Wanted<'_>, max: usize, direction: Direction) -> usize {
        if self.is_plain {
            let is_match = wanted.is_text(&self.bytes());
            self.count -= u16::from(is_match);
            return usize::from(is_match);
        }
        let positions = wanted.positions_in(Listpack::new(&self.bytes()), max, direction);
        if !positions.is_empty() {
            self.edit(|pack| pack.remove_each(&positions));
        }
        positions.len()
    }

    /// Compresses the listpack or text, if that saves something.
    pub(super) fn compress(&mut self) {
        if self.is_compressed || self.size() < COMPRESS_MIN {
            return;
        }
        if let Some(compressed) = lzf::compress(&self.bytes, self.size() - SAVING_MIN) {
            self.bytes = Bytes::Own(Run::new(compressed));
            self.is_compressed = true;
        }
        self.shrink();
    }

    pub(super) fn decompress(&mut self) {
        if self.is_compressed {
            self.bytes = Bytes::Own(Run::new(self.decompressed()));
            self.is_compressed = false;
        }
    }

    fn decompressed(&self) -> Vec<u8> {
        lzf::decompress(&self.bytes, self.size()).expect("a node was compressed here")
    }

    /// Panics unless the node is as it says.
    #[cfg(test)]
    pub(super) fn check(&self, may_be_compressed: bool) {
        assert!(!self.is_left(), "alone in a slab");
        assert!(may_be_compressed || !self.is_compressed, "compressed near an end");
        let bytes = self.bytes();
        assert_eq!(bytes.len(), self.size());
        if self.is_plain {
            assert_eq!(self.count, 1);
        } else {
            crate::listpack::validate(&bytes).expect("a node is a listpack");
            assert!(self.count > 0 && Listpack::new(&bytes).len() == self.count());
        }
    }

    /// Gives unused memory back: the node is done growing, for now.
    pub(super) fn shrink(&mut self) {
        if let Bytes::Own(run) = &mut self.bytes {
            run.shrink();
        }
    }

    /// Whether its bytes could move to a slab.
    pub(super) fn is_packable(&self) -> bool {
        !self.is_plain && !self.is_compressed && !self.is_packed()
    }

    /// Whether its bytes are in a slab.
    #[inline]
    pub(super) fn is_packed(&self) -> bool {
        self.bytes.are_packed()
    }

    /// Whether it is one of the last in a slab.
    pub(super) fn is_left(&self) -> bool {
        self.bytes.are_left()
    }

    /// Has the same bytes elsewhere.
    pub(super) fn replace_bytes(&mut self, bytes: Bytes) {
        debug_assert!(*bytes == *self.bytes);
        self.bytes = bytes;
    }

    /// Leaves the slab.
    pub(super) fn move_out(&mut self) {
        self.bytes.own();
    }

    /// Visits up to `count` elements, from the one of an index on: forwards, or backwards with the index counted
    /// from the end.
    #[inline]
    pub(super) fn visit<B>(
        &self,
        (index, count): (usize, usize),
        direction: Direction,
        mut visit: impl FnMut(Element<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let bytes = self.bytes();
        if self.is_plain {
            return visit(Element::Text(&bytes));
        }
        let pack = Listpack::new(&bytes);
        match direction {
            Direction::Forwards => pack.range(index, count).try_for_each(visit),
            Direction::Backwards => {
                let end = position(pack, self.count() - index);
                pack.between(pack.start(), end).rev().take(count).try_for_each(visit)
            }
        }
    }

    /// Visits elements equal to one among the first `max` in a direction, with their indexes in that direction.
    pub(super) fn each_match<B>(
        &self,
        wanted: &Wanted<'_>,
        max: usize,
        direction: Direction,
        mut visit: impl FnMut(usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let bytes = self.bytes();
        if !self.is_plain {
            return wanted.each_in(Listpack::new(&bytes), max, direction, |index, _| visit(index));
        }
        if wanted.is_text(&bytes) { visit(0) } else { ControlFlow::Continue(()) }
    }
}

/// The position of an index, or the end.
#[inline]
pub(super) fn position(pack: Listpack<'_>, index: usize) -> Position {
    pack.seek(index).unwrap_or(pack.end())
}

/// An element that is looked for.
pub(super) struct Wanted<'a> {
    element: Element<'a>,
    needle: Needle<'a>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(element: Element<'a>) -> Wanted<'a> {
        let element = element.canonical();
        Wanted { element, needle: Needle::new(element) }
    }

    /// Visits the equal elements of a listpack; see [`Node::each_match`].
    pub(super) fn each_in<B>(
        &self,
        pack: Listpack<'_>,
        max: usize,
        direction: Direction,
        visit: impl FnMut(usize, Position) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match direction {
            Direction::Forwards => pack.each_match(&self.needle, max, visit),
            Direction::Backwards => pack.each_match_back(&self.needle, max, visit),
        }
    }

    /// The positions of up to `max` equal elements of a listpack, the first in a direction; in order.
    pub(super) fn positions_in(&self, pack: Listpack<'_>, max: usize, direction: Direction) -> Vec<Position> {
        let mut positions = Vec::new();
        let _ = self.each_in(pack, usize::MAX, direction, |_, position| {
            positions.push(position);
            if positions.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if direction == Direction::Backwards {
            positions.reverse();
        }
        positions
    }

    fn is_text(&self, text: &[u8]) -> bool {
        self.element == Element::Text(text).canonical()
    }
}

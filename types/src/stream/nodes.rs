//! The nodes of a stream, ordered by their first ids.
//!
//! ```text
//! sealed   first id → spot        an ordered map; the bytes lie in blocks
//! tail     first id, bytes        the last node, which grows
//! ```
//!
//! The tail stands apart so that adding an entry looks nothing up, and so that a short stream needs no map.
//! Only an empty stream has no tail. Finding a node is O(log n).

use super::StreamId;
use super::blocks::{Blocks, Spot};
use super::node::Node;
use std::collections::BTreeMap;
use std::collections::btree_map;

/// All nodes of a stream.
#[derive(Default)]
pub(super) struct Nodes {
    sealed: BTreeMap<StreamId, Spot>,
    blocks: Blocks,
    tail: Option<Tail>,
}

#[derive(Clone)]
struct Tail {
    first: StreamId,
    bytes: Vec<u8>,
}

/// What the map takes for a node besides its bytes: key and spot in leaves filled to two thirds, and inner nodes.
const MAP_BYTES_PER_NODE: usize = 56;

impl Nodes {
    /// Makes second nodes of the same entries, which share their blocks. O(nodes).
    pub(super) fn share(&mut self) -> Nodes {
        Nodes { sealed: self.sealed.clone(), blocks: self.blocks.share(), tail: self.tail.clone() }
    }

    pub(super) fn len(&self) -> usize {
        self.sealed.len() + usize::from(self.tail.is_some())
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        let tail = self.tail.as_ref().map_or(0, |tail| tail.bytes.capacity());
        tail + self.blocks.memory_bytes() + self.sealed.len() * MAP_BYTES_PER_NODE
    }

    /// The node that has the entry of this id, if any has.
    pub(super) fn of(&self, id: StreamId) -> Option<(StreamId, Node<'_>)> {
        self.descending(id).next()
    }

    /// The last node, to append to.
    pub(super) fn tail(&mut self) -> Option<(StreamId, &mut Vec<u8>)> {
        self.tail.as_mut().map(|tail| (tail.first, &mut tail.bytes))
    }

    /// Ends the growth of the last node, so that another can be pushed, which may use the buffer returned.
    ///
    pub(super) fn seal(&mut self) -> Vec<u8> {
        let Some(Tail { first, mut bytes }) = self.tail.take() else { return Vec::new() };
        self.sealed.insert(first, self.blocks.put(&bytes));
        bytes.clear();
        bytes
    }

    /// Adds a node behind the others, which must be sealed.
    pub(super) fn push(&mut self, first: StreamId, bytes: Vec<u8>) {
        debug_assert!(
            self.sealed.last_key_value().is_none_or(|(last, _)| *last < first),
            "nodes are in order"
        );
        let former = self.tail.replace(Tail { first, bytes });
        debug_assert!(former.is_none(), "the last node is sealed");
    }

    /// Changes the bytes of a node that is there.
    pub(super) fn edit<T>(&mut self, first: StreamId, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if let Some(tail) = self.tail.as_mut().filter(|tail| tail.first == first) {
            return change(&mut tail.bytes);
        }
        let spot = self.sealed.get_mut(&first).expect("the node is there");
        let mut bytes = self.blocks.node(*spot).to_vec();
        let result = change(&mut bytes);
        *spot = self.blocks.replace(*spot, &bytes);
        result
    }

    /// Removes a node that is there.
    pub(super) fn remove(&mut self, first: StreamId) {
        if self.tail.as_ref().is_some_and(|tail| tail.first == first) {
            self.tail = self.sealed.pop_last().map(|(first, spot)| {
                let bytes = self.blocks.node(spot).to_vec();
                self.blocks.remove(spot);
                Tail { first, bytes }
            });
            return;
        }
        let spot = self.sealed.remove(&first).expect("the node is there");
        self.blocks.remove(spot);
    }

    /// The nodes from the one that may have `from` on.
    pub(super) fn ascending(&self, from: StreamId) -> Ascending<'_> {
        let start = self.sealed.range(..=from).next_back().map_or(from, |(first, _)| *first);
        let tail = self.tail.as_ref();
        match tail {
            Some(tail) if tail.first <= from => Ascending {
                blocks: &self.blocks,
                sealed: self.sealed.range(StreamId::MAX..),
                tail: Some(tail),
            },
            tail => Ascending { blocks: &self.blocks, sealed: self.sealed.range(start..), tail },
        }
    }

    /// The bytes of all nodes with their first ids, in order.
    pub(super) fn bytes(&self) -> impl Iterator<Item = (StreamId, &[u8])> {
        let sealed = self.sealed.iter().map(|(first, spot)| (*first, self.blocks.node(*spot)));
        sealed.chain(self.tail.iter().map(|tail| (tail.first, &*tail.bytes)))
    }

    /// The nodes from the one that may have `from` backwards.
    pub(super) fn descending(&self, from: StreamId) -> Descending<'_> {
        let tail = self.tail.as_ref().filter(|tail| tail.first <= from);
        Descending { blocks: &self.blocks, sealed: self.sealed.range(..=from), tail }
    }

    /// Verifies the invariants. O(n).
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.blocks.check(self.sealed.values().copied());
        assert!(self.tail.is_some() || self.sealed.is_empty(), "only an empty stream has no tail");
    }
}

pub(super) struct Ascending<'a> {
    blocks: &'a Blocks,
    sealed: btree_map::Range<'a, StreamId, Spot>,
    tail: Option<&'a Tail>,
}

impl<'a> Iterator for Ascending<'a> {
    type Item = (StreamId, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let sealed =
            self.sealed.next().map(|(first, spot)| (*first, Node::new(*first, self.blocks.node(*spot))));
        sealed.or_else(|| self.tail.take().map(Tail::node))
    }
}

pub(super) struct Descending<'a> {
    blocks: &'a Blocks,
    sealed: btree_map::Range<'a, StreamId, Spot>,
    tail: Option<&'a Tail>,
}

impl<'a> Iterator for Descending<'a> {
    type Item = (StreamId, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tail = self.tail.take().map(Tail::node);
        let node = |(first, spot): (&StreamId, &Spot)| (*first, Node::new(*first, self.blocks.node(*spot)));
        tail.or_else(|| self.sealed.next_back().map(node))
    }
}

impl Tail {
    fn node(&self) -> (StreamId, Node<'_>) {
        (self.first, Node::new(self.first, &self.bytes))
    }
}

//! Walking the entries of a stream in either direction.

use super::node::{Entry, Walk};
use super::nodes::{Ascending, Descending, Nodes};
use super::{Stream, StreamId};

/// The entries between two ids, oldest first. Getting the next one costs O(1) amortized.
pub struct Entries<'a> {
    nodes: Ascending<'a>,
    walk: Option<Walk<'a>>,
    from: StreamId,
    to: StreamId,
}

/// The entries between two ids, newest first. Getting the next one costs O(1) amortized.
pub struct EntriesReversed<'a> {
    nodes: Descending<'a>,
    walk: Option<Walk<'a>>,
    from: StreamId,
    to: StreamId,
}

impl Stream {
    /// The entries from one id to another, both included, oldest first. O(log n + entries of a node) to start.
    pub fn range(&self, from: StreamId, to: StreamId) -> Entries<'_> {
        Entries::new(&self.nodes, from, to)
    }

    /// The entries from one id to another, both included, newest first. O(log n + entries of a node) to start.
    pub fn range_reversed(&self, from: StreamId, to: StreamId) -> EntriesReversed<'_> {
        EntriesReversed { nodes: self.nodes.descending(to), walk: None, from, to }
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Entries<'_> {
        self.range(StreamId::MIN, StreamId::MAX)
    }

    /// The entry of this id. O(log n + entries of a node).
    pub fn entry(&self, id: StreamId) -> Option<Entry<'_>> {
        let (_, node) = self.nodes.of(id)?;
        node.find(id).map(|found| found.entry)
    }
}

impl<'a> Entries<'a> {
    pub(super) fn new(nodes: &'a Nodes, from: StreamId, to: StreamId) -> Entries<'a> {
        Entries { nodes: nodes.ascending(from), walk: None, from, to }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some(walk) = &mut self.walk else {
                let (first, node) = self.nodes.next()?;
                if first > self.to {
                    return None;
                }
                self.walk = Some(node.walk());
                continue;
            };
            match walk.next() {
                None => self.walk = None,
                Some(found) if found.entry.id > self.to => return None,
                Some(found) if !found.is_deleted && found.entry.id >= self.from => return Some(found.entry),
                Some(_) => {}
            }
        }
    }
}

impl<'a> Iterator for EntriesReversed<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some(walk) = &mut self.walk else {
                self.walk = Some(self.nodes.next()?.1.walk());
                continue;
            };
            match walk.next_back() {
                None => self.walk = None,
                Some(found) if found.entry.id < self.from => return None,
                Some(found) if !found.is_deleted && found.entry.id <= self.to => return Some(found.entry),
                Some(_) => {}
            }
        }
    }
}

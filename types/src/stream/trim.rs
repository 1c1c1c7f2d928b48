//! Removing the oldest entries of a stream.

use super::node::{Choice, Node};
use super::references::References;
use super::{Stream, StreamId};

/// Which entries are too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Threshold {
    /// The oldest, while there are more entries than this.
    Length(u64),
    /// Those with a smaller id.
    Id(StreamId),
}

/// How exactly a stream is trimmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// Down to the threshold.
    Exact,
    /// Only whole nodes, and at most so many entries; 0 means any number.
    WholeNodes {
        /// How many entries may be removed.
        limit: u64,
    },
}

impl Stream {
    /// Removes the entries beyond a threshold, oldest first, and returns how many.
    ///
    /// O(removed nodes · log n + entries of one node); with references to look after, O(removed · groups · log n).
    pub fn trim(&mut self, threshold: Threshold, precision: Precision, references: References) -> u64 {
        let mut removed = 0;
        let mut next = StreamId::MIN;
        while let Some((first, live)) = self.node_from(next) {
            if self.is_within(threshold) || exceeds(precision, removed, live) {
                break;
            }
            let is_whole = self.is_beyond(threshold, first, live);
            let is_removed = is_whole && self.may_remove_node(first, references);
            if is_removed {
                self.forget_node_references(first, references);
                self.nodes.remove(first);
                self.length -= live;
                removed += live;
            } else if precision == Precision::Exact {
                removed += self.trim_node(first, threshold, references);
            }
            // What whole nodes are removed must be the oldest entries, because that is how it is recorded.
            let is_stopped = !is_removed && precision != Precision::Exact;
            if is_stopped || !is_whole && matches!(threshold, Threshold::Id(_)) {
                break;
            }
            let Some(after) = first.next() else { break };
            next = after;
        }
        if removed > 0 {
            self.find_first_id();
        }
        removed
    }

    /// The node with the smallest first id not below `next`, and how many entries it has.
    fn node_from(&self, next: StreamId) -> Option<(StreamId, u64)> {
        let (first, node) = self.nodes.ascending(next).find(|(first, _)| *first >= next)?;
        Some((first, node.head().live))
    }

    fn is_within(&self, threshold: Threshold) -> bool {
        matches!(threshold, Threshold::Length(length) if self.length <= length)
    }

    /// Whether all entries of a node are too many.
    fn is_beyond(&self, threshold: Threshold, first: StreamId, live: u64) -> bool {
        match threshold {
            Threshold::Length(length) => self.length - live >= length,
            Threshold::Id(id) => self.node(first).last_id().is_none_or(|last| last < id),
        }
    }

    fn node(&self, first: StreamId) -> Node<'_> {
        self.nodes.of(first).expect("the node is there").1
    }

    fn may_remove_node(&self, first: StreamId, references: References) -> bool {
        references != References::Await || {
            let mut walk = self.node(first).walk();
            std::iter::from_fn(|| walk.next())
                .all(|found| found.is_deleted || !self.groups.awaits(found.entry.id))
        }
    }

    fn forget_node_references(&mut self, first: StreamId, references: References) {
        if references != References::Delete || self.groups.is_empty() {
            return;
        }
        let mut walk = self.node(first).walk();
        let ids: Vec<StreamId> = std::iter::from_fn(|| walk.next()).map(|found| found.entry.id).collect();
        for id in ids {
            self.groups.forget(id);
        }
    }

    /// Deletes the entries of one node that are too many, one by one.
    fn trim_node(&mut self, first: StreamId, threshold: Threshold, references: References) -> u64 {
        let (groups, mut length) = (&mut self.groups, self.length);
        let removed = self.nodes.edit(first, |bytes| {
            super::node::delete(bytes, first, |entry| {
                let is_kept = match threshold {
                    Threshold::Length(max) => length <= max,
                    Threshold::Id(id) => entry.id >= id,
                };
                if is_kept {
                    return Choice::Stop;
                }
                if references == References::Await && groups.awaits(entry.id) {
                    return Choice::Keep;
                }
                if references == References::Delete {
                    groups.forget(entry.id);
                }
                length -= 1;
                Choice::Delete
            })
        });
        self.length -= removed;
        removed
    }
}

fn exceeds(precision: Precision, removed: u64, live: u64) -> bool {
    matches!(precision, Precision::WholeNodes { limit } if limit > 0 && removed + live > limit)
}

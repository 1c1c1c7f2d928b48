//! The stream: entries of fields and values in the order of their ids, and the groups that read them.
//!
//! ```text
//! nodes            first id → listpack of up to some hundred entries      (node, nodes)
//! length, first id, last id, greatest deleted id, entries added
//! groups           name → last delivered id, pending entries, consumers   (groups, group, consumer)
//! idempotence      producer → ids of messages it sent lately              (idempotence)
//! delayed          id → fields and values of an entry that is not due yet (delayed)
//! ```
//!
//! An entry of small fields takes about as many bytes as its values and six more. Adding costs O(1), finding by id
//! O(log n + entries of a node), walking O(1) per entry. A deleted entry is marked; its node goes with its last
//! entry.
//!
//! Invariants, which `Stream::check` verifies: nodes are in order and their entries, too; `length` is the number
//! of entries that are not deleted, which the heads of the nodes add up to; ids are at most `last_id`; `first_id`
//! is that of the first entry, or zero if there is none; a pending entry stands in the list of its group and of one
//! consumer.

mod blocks;
mod consumer;
mod delayed;
mod group;
mod groups;
mod id;
mod idempotence;
mod lag;
mod node;
mod nodes;
mod range;
mod references;
mod trim;
mod validate;

pub use consumer::{Consumer, ConsumerIndex};
pub use delayed::Delayed;
pub use group::{Group, Pending};
pub use groups::{GroupMut, Groups};
pub use id::{StreamId, StreamIdText};
pub use idempotence::{Idempotence, Window};
pub use node::{Entry, Fields};
pub use range::{Entries, EntriesReversed};
pub use references::{Deletion, References};
pub use trim::{Precision, Threshold};
pub use validate::{MalformedNode, validate};

use node::{Choice, Node};
use nodes::Nodes;

/// The most bytes of fields and values an entry has.
pub const ENTRY_BYTES_MAX: usize = 1 << 30;

/// When a node is full; 0 means no limit of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeLimits {
    /// Bytes of a node (`stream-node-max-bytes`).
    pub bytes: usize,
    /// Entries of a node, deleted ones included (`stream-node-max-entries`).
    pub entries: u64,
}

impl Default for NodeLimits {
    fn default() -> NodeLimits {
        NodeLimits { bytes: 4096, entries: 100 }
    }
}

impl NodeLimits {
    fn has_room(self, bytes: usize, entries: u64, added_bytes: usize) -> bool {
        let bytes_max =
            if self.bytes == 0 || self.bytes > ENTRY_BYTES_MAX { ENTRY_BYTES_MAX } else { self.bytes };
        bytes + added_bytes < bytes_max && (self.entries == 0 || entries < self.entries)
    }
}

/// Why an entry can't be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AddError {
    /// Its id is not greater than the last one.
    NotGreater,
    /// Its fields and values have more than [`ENTRY_BYTES_MAX`] bytes.
    TooLarge,
}

/// A stream.
#[derive(Default)]
pub struct Stream {
    nodes: Nodes,
    length: u64,
    first_id: StreamId,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    groups: Groups,
    idempotence: Option<Box<Idempotence>>,
    delayed: Option<Box<Delayed>>,
}

impl Stream {
    /// Makes an empty stream.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Makes a second stream with the same entries and groups. Both share the memory of entries that no longer grow,
    /// and copy 64 KiB of it before the first write. O(nodes + delayed and pending entries).
    pub fn share(&mut self) -> Stream {
        Stream {
            nodes: self.nodes.share(),
            groups: self.groups.clone(),
            idempotence: self.idempotence.clone(),
            delayed: self.delayed.clone(),
            ..*self
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The id of the first entry; zero if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The greatest id there ever was.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The greatest id that was deleted one by one.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// How many nodes hold the entries.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The groups that read this stream.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The groups, to be changed.
    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// What is remembered of messages that must not be added twice.
    pub fn idempotence(&self) -> Option<&Idempotence> {
        self.idempotence.as_deref()
    }

    /// What is remembered of messages that must not be added twice, to be changed.
    pub fn idempotence_mut(&mut self) -> &mut Idempotence {
        self.idempotence.get_or_insert_default()
    }

    /// Bytes allocated. O(1).
    pub fn memory_bytes(&self) -> usize {
        let idempotence = self.idempotence.as_ref().map_or(0, |idempotence| idempotence.memory_bytes());
        let delayed = self.delayed.as_ref().map_or(0, |delayed| delayed.memory_bytes());
        size_of::<Stream>() + self.nodes.memory_bytes() + self.groups.memory_bytes() + idempotence + delayed
    }

    /// Adds an entry of fields and values in turns. O(1).
    ///
    /// # Errors
    /// When the id is not greater than the last, or the entry too large; the stream is as before then.
    ///
    /// # Panics
    /// If there is no field, or one without a value.
    pub fn add(&mut self, id: StreamId, fields: &[&[u8]], limits: NodeLimits) -> Result<(), AddError> {
        assert!(!fields.is_empty() && fields.len().is_multiple_of(2), "fields come with values");
        if id <= self.last_id {
            return Err(AddError::NotGreater);
        }
        let added_bytes: usize = fields.iter().map(|word| word.len()).sum();
        if added_bytes > ENTRY_BYTES_MAX {
            return Err(AddError::TooLarge);
        }
        match self.nodes.tail() {
            Some((first, bytes)) if node::has_room(bytes, limits, added_bytes) => {
                node::append(bytes, first, id, fields);
            }
            _ => {
                let mut bytes = self.nodes.seal();
                node::create(&mut bytes, fields);
                node::append(&mut bytes, id, id, fields);
                self.nodes.push(id, bytes);
            }
        }
        if self.length == 0 {
            self.first_id = id;
        }
        self.length += 1;
        self.entries_added = self.entries_added.wrapping_add(1);
        self.last_id = id;
        Ok(())
    }

    /// Deletes an entry by its id; whether it was there. O(log n + entries of a node).
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((first, node)) = self.nodes.of(id) else { return false };
        if node.find(id).is_none() {
            return false;
        }
        if node.head().live == 1 {
            self.nodes.remove(first);
        } else {
            self.nodes.edit(first, |bytes| {
                node::delete(bytes, first, |entry| match entry.id.cmp(&id) {
                    std::cmp::Ordering::Less => Choice::Keep,
                    std::cmp::Ordering::Equal => Choice::Delete,
                    std::cmp::Ordering::Greater => Choice::Stop,
                })
            });
        }
        self.length -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first_id();
        }
        true
    }

    /// Sets the last id, from which new ones follow. It must not be smaller than that of the last entry.
    pub fn set_last_id(&mut self, id: StreamId) {
        debug_assert!(
            self.range_reversed(StreamId::MIN, StreamId::MAX).next().is_none_or(|last| last.id <= id)
        );
        self.last_id = id;
    }

    /// Sets how many entries were ever added.
    pub fn set_entries_added(&mut self, entries_added: u64) {
        self.entries_added = entries_added;
    }

    /// Sets the greatest id that was deleted.
    pub fn set_max_deleted_id(&mut self, id: StreamId) {
        self.max_deleted_id = id;
    }

    /// The bytes of all nodes with the ids they start from, in order: what files carry.
    pub fn nodes(&self) -> impl Iterator<Item = (StreamId, &[u8])> {
        self.nodes.bytes()
    }

    /// Adds a node that comes from outside behind the others. O(n).
    ///
    /// Only what follows from its entries is brought up to date: the length, the first and the last id.
    ///
    /// # Errors
    /// When the bytes are no node of this first id; the stream is as before then.
    ///
    /// # Panics
    /// If `first` is not greater than the last id.
    pub fn push_node(&mut self, first: StreamId, bytes: Vec<u8>) -> Result<(), MalformedNode> {
        assert!(first > self.last_id || self.nodes.len() == 0, "nodes come in order");
        let live = validate(first, &bytes)?;
        let last = Node::new(first, &bytes).last_id().ok_or(MalformedNode::Counts)?;
        let is_first = self.length == 0;
        self.nodes.seal();
        self.nodes.push(first, bytes);
        self.length += live;
        self.last_id = self.last_id.max(last);
        if is_first {
            self.find_first_id();
        }
        Ok(())
    }

    fn find_first_id(&mut self) {
        self.first_id = self.entries().next().map_or(StreamId::MIN, |entry| entry.id);
    }
}

#[cfg(test)]
mod tests;

//! Those who read a stream as a group.

use super::StreamId;
use std::collections::{BTreeMap, BTreeSet, btree_set};
use std::ops::RangeInclusive;

/// A consumer: a member of a group, to whom entries are delivered.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last tried to get entries, in milliseconds.
    pub seen_ms: u64,
    /// When it last got any; `None` if never.
    pub active_ms: Option<u64>,
    pub(super) pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many entries it has not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The ids of entries it has not acknowledged, within bounds, oldest first. O(log n) to start.
    pub fn pending(&self, ids: RangeInclusive<StreamId>) -> btree_set::Range<'_, StreamId> {
        if ids.start() > ids.end() {
            return self.pending.range(StreamId::MAX..StreamId::MAX);
        }
        self.pending.range(ids)
    }
}

/// Names a consumer of one group as long as it isn't removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerIndex(pub(super) u32);

/// The consumers of a group. Pending entries name them by index.
#[derive(Clone, Default, Debug)]
pub(super) struct Consumers {
    by_name: BTreeMap<Box<[u8]>, ConsumerIndex>,
    slots: Vec<Option<Consumer>>,
    name_bytes: usize,
}

/// What the map takes for a consumer besides its name: a pointer with a length, an index, and slack.
const MAP_BYTES_PER_CONSUMER: usize = 36;

impl Consumers {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<ConsumerIndex> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, index: ConsumerIndex) -> &Consumer {
        self.slots[index.0 as usize].as_ref().expect("an index names a consumer until it is removed")
    }

    pub(super) fn get_mut(&mut self, index: ConsumerIndex) -> &mut Consumer {
        self.slots[index.0 as usize].as_mut().expect("an index names a consumer until it is removed")
    }

    /// All consumers, ordered by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.by_name.values().map(|index| self.get(*index))
    }

    /// Adds a consumer whose name is not there yet. O(consumers) only to find a free slot after removals.
    pub(super) fn add(&mut self, name: &[u8], seen_ms: u64) -> ConsumerIndex {
        let consumer = Consumer { name: name.into(), seen_ms, active_ms: None, pending: BTreeSet::new() };
        let is_full = self.slots.len() == self.by_name.len();
        let free = if is_full { None } else { self.slots.iter().position(Option::is_none) };
        let slot = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(consumer);
        let index = ConsumerIndex(u32::try_from(slot).expect("fewer than 4 billion consumers"));
        self.by_name.insert(name.into(), index);
        self.name_bytes += name.len();
        index
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Consumer> {
        let index = self.by_name.remove(name)?;
        self.name_bytes -= name.len();
        self.slots[index.0 as usize].take()
    }

    /// Bytes allocated, except by lists of pending entries. O(1).
    pub(super) fn memory_bytes(&self) -> usize {
        // A name is kept by the consumer and by the map.
        self.slots.capacity() * size_of::<Option<Consumer>>()
            + self.by_name.len() * MAP_BYTES_PER_CONSUMER
            + self.name_bytes * 2
    }
}

//! A group of consumers that share the entries of a stream.

use super::StreamId;
use super::consumer::{Consumer, ConsumerIndex, Consumers};
use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::RangeInclusive;

/// An entry that was delivered and not acknowledged yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// When it was delivered last, in milliseconds; 0 after it was given back.
    pub delivered_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// To whom; `None` after it was given back.
    pub consumer: Option<ConsumerIndex>,
}

/// A group.
#[derive(Clone, Default, Debug)]
pub struct Group {
    /// The greatest id delivered to a consumer.
    pub last_delivered: StreamId,
    /// How many of the entries ever added to the stream stand up to `last_delivered`, if that is known.
    pub entries_read: Option<i64>,
    pending: BTreeMap<StreamId, Pending>,
    consumers: Consumers,
    /// Pending entries by when they were delivered; made when it is first asked for.
    by_delivery: Option<BTreeSet<(u64, StreamId)>>,
    /// How many pending entries have no consumer.
    unowned: usize,
}

impl Group {
    /// Makes a group that goes on after an id.
    pub fn new(last_delivered: StreamId, entries_read: Option<i64>) -> Group {
        Group { last_delivered, entries_read, ..Group::default() }
    }

    /// How many entries are pending.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// How many pending entries were given back and have no consumer.
    pub fn unowned_len(&self) -> usize {
        self.unowned
    }

    /// What is known of a pending entry. O(log n).
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// The pending entries within bounds, oldest first. O(log n) to start.
    pub fn pending_in(&self, ids: RangeInclusive<StreamId>) -> btree_map::Range<'_, StreamId, Pending> {
        if ids.start() > ids.end() {
            return self.pending.range(StreamId::MAX..StreamId::MAX);
        }
        self.pending.range(ids)
    }

    /// The smallest and the greatest id that is pending.
    pub fn pending_bounds(&self) -> Option<(StreamId, StreamId)> {
        Some((*self.pending.first_key_value()?.0, *self.pending.last_key_value()?.0))
    }

    /// How many consumers there are.
    pub fn consumers_len(&self) -> usize {
        self.consumers.len()
    }

    /// The consumers, ordered by name.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.consumers.iter()
    }

    /// Finds a consumer by name. O(log n).
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerIndex> {
        self.consumers.find(name)
    }

    /// A consumer.
    ///
    /// # Panics
    /// If it was removed.
    pub fn consumer(&self, index: ConsumerIndex) -> &Consumer {
        self.consumers.get(index)
    }

    /// The name of the consumer that has a pending entry; empty if none has.
    pub fn owner(&self, pending: &Pending) -> &[u8] {
        pending.consumer.map_or(b"", |index| self.consumers.get(index).name())
    }

    /// Finds a consumer or adds it, seen now; says whether it was added. O(log n).
    pub fn consumer_or_add(&mut self, name: &[u8], now_ms: u64) -> (ConsumerIndex, bool) {
        match self.consumers.find(name) {
            Some(index) => (index, false),
            None => (self.consumers.add(name, now_ms), true),
        }
    }

    /// Notes that a consumer tried to get entries.
    pub fn mark_seen(&mut self, index: ConsumerIndex, now_ms: u64) {
        self.consumers.get_mut(index).seen_ms = now_ms;
    }

    /// Notes that a consumer got entries.
    pub fn mark_active(&mut self, index: ConsumerIndex, now_ms: u64) {
        self.consumers.get_mut(index).active_ms = Some(now_ms);
    }

    /// Notes that a consumer never got entries.
    pub fn mark_inactive(&mut self, index: ConsumerIndex) {
        self.consumers.get_mut(index).active_ms = None;
    }

    /// Makes an entry pending, or changes what is known of it and whose it is. O(log n).
    pub fn set_pending(&mut self, id: StreamId, pending: Pending) {
        let old = self.pending.insert(id, pending);
        if let Some(old) = old {
            self.unlink(id, &old);
        }
        match pending.consumer {
            Some(index) => {
                self.consumers.get_mut(index).pending.insert(id);
            }
            None => self.unowned += 1,
        }
        if let Some(by_delivery) = &mut self.by_delivery {
            by_delivery.insert((pending.delivered_ms, id));
        }
    }

    /// Removes an entry from the pending ones, and returns what was known of it. O(log n).
    pub fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.unlink(id, &pending);
        Some(pending)
    }

    fn unlink(&mut self, id: StreamId, pending: &Pending) {
        match pending.consumer {
            Some(index) => {
                self.consumers.get_mut(index).pending.remove(&id);
            }
            None => self.unowned -= 1,
        }
        if let Some(by_delivery) = &mut self.by_delivery {
            by_delivery.remove(&(pending.delivered_ms, id));
        }
    }

    /// Removes a consumer with its pending entries, and returns how many those were. O(pending · log n).
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let index = self.consumers.find(name)?;
        let ids: Vec<StreamId> = self.consumers.get(index).pending.iter().copied().collect();
        for id in &ids {
            self.acknowledge(*id);
        }
        self.consumers.remove(name);
        Some(ids.len())
    }

    /// Up to `count` pending entries delivered at or before a moment, the longest ago first.
    ///
    /// O(count); the first time O(pending · log n), from then on changes of pending entries cost O(log n) more.
    pub fn delivered_until(&mut self, moment_ms: u64, count: usize) -> Vec<StreamId> {
        let pending = &self.pending;
        let by_delivery = self
            .by_delivery
            .get_or_insert_with(|| pending.iter().map(|(id, pending)| (pending.delivered_ms, *id)).collect());
        by_delivery.range(..=(moment_ms, StreamId::MAX)).take(count).map(|(_, id)| *id).collect()
    }

    /// Bytes allocated. O(1).
    pub fn memory_bytes(&self) -> usize {
        // Nodes of ordered maps are filled to two thirds.
        const PENDING: usize = (size_of::<(StreamId, Pending)>() + size_of::<StreamId>()) * 3 / 2;
        const ORDER: usize = size_of::<(u64, StreamId)>() * 3 / 2;
        let order = self.by_delivery.as_ref().map_or(0, |order| order.len() * ORDER);
        size_of::<Group>() + self.pending.len() * PENDING + order + self.consumers.memory_bytes()
    }

    /// Verifies the invariants. O(n · log n).
    #[cfg(test)]
    pub(super) fn check(&self) {
        let owned: usize = self.consumers().map(Consumer::pending_len).sum();
        assert_eq!(owned + self.unowned, self.pending.len());
        for (id, pending) in &self.pending {
            let Some(index) = pending.consumer else { continue };
            assert!(self.consumer(index).pending.contains(id), "the owner of {id} knows of it");
        }
        if let Some(order) = &self.by_delivery {
            let expected: BTreeSet<_> = self.pending.iter().map(|(id, p)| (p.delivered_ms, *id)).collect();
            assert_eq!(*order, expected);
        }
    }
}

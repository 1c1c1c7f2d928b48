//! Who watches keys of a shard, and who waits for them.
//!
//! It lies beside the values, behind the same lock: who looks for a value and does not find it can begin to wait
//! without anybody coming in between, and who changes a key knows at no cost that nobody cares.

use crate::engine::wait::Waiter;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A number that nobody else has. Who came later has a higher one.
pub(crate) type Ticket = u64;

/// What has become of watched keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Change {
    /// None of them changed.
    None,
    /// Their database was emptied, or exchanged for another.
    Emptied,
    /// One of them was written or removed.
    Written,
}

/// Tells who watches keys what has become of them.
#[derive(Debug, Default)]
pub struct WatchFlag(AtomicU8);

impl WatchFlag {
    fn raise(&self, change: Change) {
        self.0.fetch_max(change as u8, Ordering::AcqRel);
    }

    /// What has become of the keys.
    pub fn change(&self) -> Change {
        match self.0.load(Ordering::Acquire) {
            0 => Change::None,
            1 => Change::Emptied,
            _ => Change::Written,
        }
    }
}

/// Somebody who watches a key.
struct Watcher {
    flag: Arc<WatchFlag>,
    /// Whether the key had expired when the watch began and was still in memory: that it goes is no change then.
    was_expired: bool,
}

/// The watches and the queues of one shard's keys.
#[derive(Default)]
pub(crate) struct Interest {
    watches: BTreeMap<Box<[u8]>, BTreeMap<Ticket, Watcher>>,
    queues: BTreeMap<Box<[u8]>, BTreeMap<Ticket, Arc<Waiter>>>,
}

impl Interest {
    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.watches.is_empty() && self.queues.is_empty()
    }

    /// Whether anybody waits for a key.
    #[inline]
    pub(crate) fn has_waiters(&self) -> bool {
        !self.queues.is_empty()
    }

    /// Sets a flag when the key changes; it may have expired already.
    pub(crate) fn watch(&mut self, key: &[u8], ticket: Ticket, flag: &Arc<WatchFlag>, was_expired: bool) {
        let watchers = self.watches.entry(key.into()).or_default();
        watchers.entry(ticket).or_insert_with(|| Watcher { flag: Arc::clone(flag), was_expired });
    }

    /// Takes a watch back.
    pub(crate) fn unwatch(&mut self, key: &[u8], ticket: Ticket) {
        let Some(watchers) = self.watches.get_mut(key) else { return };
        watchers.remove(&ticket);
        if watchers.is_empty() {
            self.watches.remove(key);
        }
    }

    /// Tells who watches a key that it was written or removed.
    pub(crate) fn changed(&self, key: &[u8]) {
        for watcher in self.watchers(key) {
            watcher.flag.raise(Change::Written);
        }
    }

    /// Tells who watches a key that has not expired that it is gone, or a part of its value, without any command having
    /// named it.
    pub(crate) fn gone(&self, key: &[u8], change: Change) {
        for watcher in self.watchers(key).filter(|watcher| !watcher.was_expired) {
            watcher.flag.raise(change);
        }
    }

    fn watchers(&self, key: &[u8]) -> impl Iterator<Item = &Watcher> {
        self.watches.get(key).into_iter().flat_map(BTreeMap::values)
    }

    /// The keys that are watched.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &[u8]> {
        self.watches.keys().map(|key| &**key)
    }

    /// The keys that somebody waits for.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = &[u8]> {
        self.queues.keys().map(|key| &**key)
    }

    /// Whether somebody waits for a key.
    pub(crate) fn is_awaited(&self, key: &[u8]) -> bool {
        self.queues.contains_key(key)
    }

    /// Those who wait for a key and have at least this ticket, in the order in which they came.
    pub(crate) fn queue(&self, key: &[u8], from: Ticket) -> impl Iterator<Item = &Arc<Waiter>> {
        self.queues.get(key).into_iter().flat_map(move |queue| queue.range(from..).map(|(_, waiter)| waiter))
    }

    /// Adds somebody to the queue of a key.
    pub(crate) fn wait(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        self.queues.entry(key.into()).or_default().insert(waiter.ticket(), Arc::clone(waiter));
    }

    /// Takes somebody out of the queue of a key.
    pub(crate) fn leave(&mut self, key: &[u8], ticket: Ticket) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        queue.remove(&ticket);
        if queue.is_empty() {
            self.queues.remove(key);
        }
    }
}

//! Statistics of one thread, summed when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that one thread adds to and others read.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the counter. Only its owning thread may; that makes a plain load and store enough.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Starts again at 0; an addition at the same time may survive.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What one thread's commands did to the keyspace.
#[derive(Default, Debug)]
#[repr(align(128))]
pub struct Counters {
    /// Reads that found their key.
    pub hits: Counter,
    /// Reads that did not.
    pub misses: Counter,
    /// Keys removed because they had expired.
    pub expired: Counter,
    /// Members of collections removed because they had expired.
    pub expired_members: Counter,
    /// Changes of keys.
    pub changes: Counter,
    /// Keys removed to make room.
    pub evicted: Counter,
}

/// The sums over all threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CounterSums {
    /// See [`Counters::hits`].
    pub hits: u64,
    /// See [`Counters::misses`].
    pub misses: u64,
    /// See [`Counters::expired`].
    pub expired: u64,
    /// See [`Counters::expired_members`].
    pub expired_members: u64,
    /// See [`Counters::changes`].
    pub changes: u64,
    /// See [`Counters::evicted`].
    pub evicted: u64,
    /// Keys flushed whose memory is not given back yet.
    pub freeing: u64,
    /// Keys flushed whose memory was given back later.
    pub freed_later: u64,
}

//! What the removal of expired keys takes of the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sums over all rounds of removal by the upkeep thread.
#[derive(Default)]
pub(crate) struct ExpiryEffort {
    nanoseconds: AtomicU64,
    cut_short: AtomicU64,
}

impl ExpiryEffort {
    /// Notes a round, and whether it ended because it had removed as many keys as a round may.
    pub(crate) fn note(&self, took: Duration, is_cut_short: bool) {
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.cut_short.fetch_add(u64::from(is_cut_short), Ordering::Relaxed);
    }

    /// How long all rounds took.
    pub(crate) fn milliseconds(&self) -> u64 {
        self.nanoseconds.load(Ordering::Relaxed) / 1_000_000
    }

    /// How many rounds left something for the next.
    pub(crate) fn cut_short(&self) -> u64 {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// Starts counting again.
    pub(crate) fn reset(&self) {
        self.nanoseconds.store(0, Ordering::Relaxed);
        self.cut_short.store(0, Ordering::Relaxed);
    }
}

//! Time as it comes into the engine: from outside.

use crate::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// When commands run that happened before, here or elsewhere, and are replayed: nothing has expired then, because what did
    /// so at its time is removed by a command of its own.
    pub const BEFORE_EVERYTHING: UnixMillis = UnixMillis(0);

    /// The time when a wait of so many milliseconds ends, which must not be negative.
    pub fn after_timeout(self, timeout_ms: i64) -> Result<UnixMillis, Error> {
        if timeout_ms < 0 {
            return Err(Error::Text("ERR timeout is negative"));
        }
        self.0.checked_add(timeout_ms).map(UnixMillis).ok_or(Error::Text("ERR timeout is out of range"))
    }
}

/// A source of the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> UnixMillis;

    /// Milliseconds since some moment, by a clock that nobody sets.
    fn monotonic_ms(&self) -> u64 {
        self.now().0.unsigned_abs()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixMillis {
        (**self).now()
    }

    fn monotonic_ms(&self) -> u64 {
        (**self).monotonic_ms()
    }
}

/// A clock that stands still until it is set; for tests and for replaying a log.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Makes a clock that shows `now`.
    pub const fn new(now: UnixMillis) -> ManualClock {
        ManualClock(AtomicI64::new(now.0))
    }

    /// Sets the time.
    pub fn set(&self, now: UnixMillis) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

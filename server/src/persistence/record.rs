//! What became of saves, and what is being written: for INFO, and for who decides whether to save again.

use super::{Kind, Persistence, Work};
use spinel_storage::UnixMillis;

/// How saves went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Saves {
    /// When the last one ended that went well; the start of the server if none did.
    pub(crate) last: UnixMillis,
    /// The number of changes that it holds.
    pub(crate) changes: u64,
    /// Whether the last one went well.
    pub(crate) is_ok: bool,
    /// When the last one began.
    pub(crate) tried: UnixMillis,
    /// How long the last one took in milliseconds.
    pub(crate) took: Option<i64>,
    /// How many went well.
    pub(crate) count: u64,
    /// The most bytes that the last one kept of values that were changed before they were written.
    pub(crate) kept_bytes: u64,
}

impl Saves {
    pub(super) fn new(started: UnixMillis) -> Saves {
        Saves { last: started, changes: 0, is_ok: true, tried: started, took: None, count: 0, kept_bytes: 0 }
    }

    /// Counts one that went well.
    pub(super) fn succeeded(&mut self, changes: u64, now: UnixMillis) {
        (self.last, self.changes) = (now, changes);
        self.count += 1;
    }
}

/// How rewrites of the log went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rewrites {
    /// Whether the last one went well.
    pub(crate) is_ok: bool,
    /// When the last one began.
    pub(crate) tried: UnixMillis,
    /// How long the last one took in milliseconds.
    pub(crate) took: Option<i64>,
    /// How many there were.
    pub(crate) count: u64,
    pub(crate) failures_in_a_row: u32,
    /// The most bytes that the last one kept of values that were changed before they were written.
    pub(crate) kept_bytes: u64,
}

impl Default for Rewrites {
    fn default() -> Rewrites {
        let tried = UnixMillis(0);
        Rewrites { is_ok: true, tried, took: None, count: 0, failures_in_a_row: 0, kept_bytes: 0 }
    }
}

/// What is being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Activity {
    pub(crate) work: Work,
    pub(crate) since: UnixMillis,
    /// Keys that are written, and all there were.
    pub(crate) keys_done: u64,
    pub(crate) keys: u64,
}

impl Persistence {
    /// What is being written now.
    pub(crate) fn activity(&self) -> Option<Activity> {
        let state = self.state();
        let running = state.running.as_ref()?;
        let (keys_done, keys) = match &running.snapshot {
            Some(snapshot) => (snapshot.keys(), snapshot.all_keys()),
            None => (0, 0),
        };
        Some(Activity { work: running.work, since: running.since, keys_done, keys })
    }

    /// How saves went so far.
    pub(crate) fn saves(&self) -> Saves {
        self.state().saves
    }

    /// How rewrites of the log went so far.
    pub(crate) fn rewrites(&self) -> Rewrites {
        self.state().rewrites
    }

    /// Whether a save, or a rewrite of the log, waits until something else is written.
    pub(crate) fn is_scheduled(&self, kind: Kind) -> bool {
        let state = self.state();
        match kind {
            Kind::Save => state.is_save_scheduled,
            Kind::Rewrite => state.is_rewrite_scheduled,
        }
    }
}

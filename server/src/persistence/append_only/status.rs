//! How the log is doing: for INFO, and for who decides whether writes are refused or the log is written anew.

use super::lock;
use crate::log;
use crate::server::now;
use spinel_persistence::log::Commit;
use spinel_storage::UnixMillis;
use spinel_storage::engine::journal::Offset;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The sizes of the files in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sizes {
    /// Of all files.
    pub(crate) current: u64,
    /// Of the base, and what stood behind it when it was made.
    pub(crate) base: u64,
}

/// How rewrites went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rewrites {
    pub(crate) is_ok: bool,
    pub(crate) tried: UnixMillis,
    /// How long the last one took in milliseconds.
    pub(crate) took: Option<i64>,
    pub(crate) count: u64,
    pub(crate) failures_in_a_row: u32,
    pub(crate) kept_bytes: u64,
}

impl Default for Rewrites {
    fn default() -> Rewrites {
        let tried = UnixMillis(0);
        Rewrites { is_ok: true, tried, took: None, count: 0, failures_in_a_row: 0, kept_bytes: 0 }
    }
}

/// How the log is doing.
#[derive(Default)]
pub(crate) struct Status {
    has_failed: AtomicBool,
    needs_rewrite: AtomicBool,
    /// Up to where the journal is written.
    written: AtomicU64,
    /// What the operating system said when writing failed last.
    reason: Mutex<String>,
    sizes: Mutex<Sizes>,
    rewrites: Mutex<Rewrites>,
}

impl Status {
    /// Whether writing or syncing failed last; costs one relaxed load.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Up to where the journal was written when the keeper last looked.
    #[inline]
    pub(crate) fn written(&self) -> Offset {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether only a rewrite makes the log durable again.
    pub(crate) fn needs_rewrite(&self) -> bool {
        self.needs_rewrite.load(Ordering::Relaxed)
    }

    /// Why writing failed last.
    pub(crate) fn reason(&self) -> String {
        lock(&self.reason).clone()
    }

    pub(crate) fn sizes(&self) -> Sizes {
        *lock(&self.sizes)
    }

    pub(crate) fn rewrites(&self) -> Rewrites {
        *lock(&self.rewrites)
    }

    /// Notes what came of a round of writing, after which all files have so many bytes.
    pub(super) fn note(&self, needs_rewrite: bool, bytes: u64, commit: &Commit) {
        self.written.store(commit.written(), Ordering::Relaxed);
        let failure = commit.failure();
        lock(&self.sizes).current = bytes;
        self.needs_rewrite.store(needs_rewrite, Ordering::Relaxed);
        match failure {
            None if self.has_failed.swap(false, Ordering::Relaxed) => {
                log::warning("AOF write error looks solved. The server can write again.");
            }
            Some(failure) if !self.has_failed() => {
                log::warning(&format!("Error writing to the AOF file: {failure}"));
                self.note_failure(&failure.reason);
            }
            _ => {}
        }
    }

    /// The log is on from an offset of the journal on.
    pub(super) fn begin(&self, offset: Offset) {
        self.written.store(offset, Ordering::Relaxed);
    }

    /// Notes why the log could not be begun.
    pub(super) fn note_failure(&self, reason: &str) {
        self.has_failed.store(true, Ordering::Relaxed);
        reason.clone_into(&mut lock(&self.reason));
    }

    /// Notes how large the files are after a start or a rewrite.
    pub(super) fn note_base(&self, bytes: u64) {
        *lock(&self.sizes) = Sizes { current: bytes, base: bytes };
    }

    pub(in crate::persistence) fn note_rewrite(&self, since: UnixMillis, is_ok: bool, kept_bytes: u64) {
        let mut rewrites = lock(&self.rewrites);
        rewrites.is_ok = is_ok;
        rewrites.tried = since;
        rewrites.took = Some(now().0 - since.0);
        rewrites.count += 1;
        rewrites.failures_in_a_row = if is_ok { 0 } else { rewrites.failures_in_a_row + 1 };
        rewrites.kept_bytes = kept_bytes;
    }

    /// There is no log any more, so nothing of it can fail.
    pub(super) fn forget(&self) {
        self.has_failed.store(false, Ordering::Relaxed);
        self.needs_rewrite.store(false, Ordering::Relaxed);
    }
}

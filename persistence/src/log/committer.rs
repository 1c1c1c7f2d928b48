//! The work of the log's thread, as steps that somebody else paces.
//!
//! ```text
//! journal ─ read ─ pending ─ append ─ sync, as the policy says ─ publish
//! ```
//!
//! Offsets here are those of the journal, which begins anew with each process. The log's own go on.

use super::chunk::{Chunk, Pending};
use super::commit::{Commit, CommitError, Stage};
use super::directory::BaseFormat;
use super::error::WriteError;
use super::rewrite::Rewrite;
use super::writer::Writer;
use crate::StreamPlace;
use std::sync::Arc;

/// With [`SyncPolicy::EverySecond`], what was written is at most so old when it is synced.
const SYNC_INTERVAL_MS: u64 = 1000;

/// When the log is made durable (`appendfsync`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncPolicy {
    /// As soon as something was written.
    Always,
    /// Once a second.
    EverySecond,
    /// When the operating system likes.
    No,
}

/// What time it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// A clock that never goes back, in milliseconds.
    pub monotonic_ms: u64,
    /// Unix time in seconds; given, it is noted in the log (`aof-timestamp-enabled`).
    pub unix_seconds: Option<u64>,
}

/// Gives what has come since the last call, chunk by chunk, and returns the offset reached.
pub type Source = Box<dyn FnMut(&mut dyn FnMut(Chunk)) -> u64 + Send>;

/// Moves a journal into a log.
pub struct Committer {
    source: Source,
    writer: Writer,
    commit: Arc<Commit>,
    policy: SyncPolicy,
    /// What was read and not written yet.
    pending: Pending,
    /// Where in the journal what is pending begins.
    offset: u64,
    /// The offset of the journal less that of the log.
    lead: i128,
    is_held: bool,
    /// Whether commands are missing in the log, so that nothing may follow them there.
    has_gap: bool,
    cut_at: Option<u64>,
    rewrite: Option<Result<Rewrite, WriteError>>,
    last_sync_ms: Option<u64>,
}

impl Committer {
    /// Reads a journal, which stands at `offset`, into a log.
    pub fn new(source: Source, offset: u64, writer: Writer, policy: SyncPolicy) -> Committer {
        Committer::telling(Arc::new(Commit::new(offset)), source, writer, policy)
    }

    /// Reads a journal, which stands where `commit` says, into a log, and tells the progress there.
    pub fn telling(commit: Arc<Commit>, source: Source, writer: Writer, policy: SyncPolicy) -> Committer {
        let offset = commit.written();
        Committer {
            source,
            commit,
            policy,
            pending: Pending::default(),
            offset,
            lead: i128::from(offset) - i128::from(writer.offset()),
            writer,
            is_held: false,
            has_gap: false,
            cut_at: None,
            rewrite: None,
            last_sync_ms: None,
        }
    }

    /// Returns what others may know of the progress.
    pub fn commit(&self) -> &Arc<Commit> {
        &self.commit
    }

    /// Writes what is new, makes it durable if the policy says so, and tells who waits.
    ///
    /// After an error everything is kept and the next step tries again. Returns when a step is needed even if nothing
    /// new comes: the monotonic time in milliseconds.
    pub fn step(&mut self, now: Now) -> Option<u64> {
        if !self.is_held {
            let pending = &mut self.pending;
            let reached = (self.source)(&mut |chunk| pending.push(chunk));
            debug_assert_eq!(reached, self.offset + self.pending.len() as u64);
        }
        let has_written = self.write(now);
        self.sync(now, has_written)
    }

    /// Appends what is pending. A cut divides it.
    fn write(&mut self, now: Now) -> bool {
        if let Some(cut) = self.cut_at {
            let before = (cut - self.offset) as usize;
            if before <= self.pending.len() {
                if !self.append(before, now) {
                    self.leave_out((cut - self.offset) as usize);
                }
                self.cut_at = None;
                let rewrite = self.writer.begin_rewrite(now.unix_seconds);
                self.has_gap &= rewrite.is_err();
                self.rewrite = Some(rewrite);
                self.publish_synced();
            }
        }
        self.append(self.pending.len(), now)
    }

    /// Gives up appending what stands before a cut: the base will have what it did. Until then the log ends before it.
    fn leave_out(&mut self, length: usize) {
        self.writer.skip(length as u64);
        self.pending.skip(length);
        self.offset += length as u64;
        self.has_gap = true;
    }

    /// Appends so many of the pending bytes, unless there is an error before.
    fn append(&mut self, mut length: usize, now: Now) -> bool {
        if self.has_gap {
            return false;
        }
        while length > 0 {
            let first = self.pending.first(length);
            let written = first.len();
            if let Err(error) = self.writer.append(first, now.unix_seconds) {
                self.fail(Stage::Write, &error.into());
                return false;
            }
            length -= written;
            self.pending.skip(written);
            self.offset += written as u64;
            self.commit.publish_written(self.offset);
        }
        true
    }

    fn sync(&mut self, now: Now, has_written: bool) -> Option<u64> {
        let is_behind = self.writer.synced() < self.writer.offset();
        let due = self.last_sync_ms.map_or(0, |last| last + SYNC_INTERVAL_MS);
        let is_due = match self.policy {
            SyncPolicy::Always => is_behind,
            SyncPolicy::EverySecond => is_behind && now.monotonic_ms >= due,
            SyncPolicy::No => false,
        };
        let mut is_well = has_written && !self.writer.has_failed();
        if is_due {
            self.last_sync_ms = Some(now.monotonic_ms);
            is_well &= self.sync_now();
        }
        if is_well {
            self.commit.clear_failure();
            let is_waiting = self.policy == SyncPolicy::EverySecond && is_behind && !is_due;
            return is_waiting.then_some(due);
        }
        Some(now.monotonic_ms + SYNC_INTERVAL_MS)
    }

    fn sync_now(&mut self) -> bool {
        match self.writer.sync() {
            Ok(_) => {
                self.publish_synced();
                true
            }
            Err(error) => {
                self.fail(Stage::Sync, &error);
                false
            }
        }
    }

    fn publish_synced(&self) {
        if self.writer.is_complete() {
            self.commit.publish_base();
        }
        let synced = i128::from(self.writer.synced()) + self.lead;
        self.commit
            .publish_synced(u64::try_from(synced).expect("the journal is ahead by as much as at first"));
    }

    fn fail(&self, stage: Stage, error: &WriteError) {
        // Why it failed at first says more, and all who waited were told then.
        if matches!(error, WriteError::NotDurable) && self.commit.has_failed() {
            return;
        }
        self.commit.publish_failure(CommitError { stage, reason: error.to_string().into() });
    }

    /// Reads nothing more from the journal until [`Committer::cut_at`] or [`Committer::release`].
    ///
    /// So nothing behind a cut is written before the committer knows of it.
    pub fn hold(&mut self) {
        self.is_held = true;
    }

    /// Ends [`Committer::hold`] without a cut.
    pub fn release(&mut self) {
        self.is_held = false;
    }

    /// Begins a rewrite at an offset of the journal: what is behind it goes to the new increment, and the base is to hold
    /// what is before it. Ends [`Committer::hold`].
    ///
    /// Panics if more was read: hold the committer before you choose the offset. The commands behind it must not depend
    /// on a `SELECT` before it.
    pub fn cut_at(&mut self, offset: u64) {
        assert!(offset >= self.offset + self.pending.len() as u64, "what is behind the cut was read already");
        self.is_held = false;
        self.cut_at = Some(offset);
    }

    /// Returns the rewrite that was begun at the cut, once a step has come so far, or why it could not be.
    pub fn take_rewrite(&mut self) -> Option<Result<Rewrite, WriteError>> {
        self.rewrite.take()
    }

    /// Ends a rewrite whose base is written and synced: see [`Writer::finish_rewrite`].
    pub fn finish_rewrite(&mut self, rewrite: Rewrite, format: BaseFormat) -> Result<(), WriteError> {
        self.writer.finish_rewrite(rewrite, format)?;
        self.publish_synced();
        if self.pending.is_empty() {
            // What failed before is made up for.
            self.commit.clear_failure();
        }
        Ok(())
    }

    /// Gives a rewrite up: see [`Writer::abandon_rewrite`].
    pub fn abandon_rewrite(&mut self, rewrite: Rewrite) {
        self.writer.abandon_rewrite(rewrite);
    }

    /// Removes what rewrites have replaced: see [`Writer::history`] and [`Writer::remove_history`].
    pub fn remove_history(&mut self) -> std::io::Result<()> {
        self.writer.remove_history()
    }

    /// Syncs by another policy from now on.
    pub fn set_policy(&mut self, policy: SyncPolicy) {
        self.policy = policy;
    }

    /// Returns the writer, to ask it.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Writes the rest and closes the log, whatever the policy.
    pub fn close(self, now: Now) -> Result<(), WriteError> {
        self.close_at(now, None)
    }

    /// As [`close`](Committer::close), and notes where in a stream that servers copy the data set stands, if that is so at the
    /// offset of the journal at which the log ends.
    pub fn close_at(mut self, now: Now, place: Option<(u64, StreamPlace)>) -> Result<(), WriteError> {
        self.is_held = false;
        self.policy = SyncPolicy::Always;
        self.step(now);
        if let Some(failure) = self.commit.failure() {
            return Err(std::io::Error::other(&*failure.reason).into());
        }
        let is_there = |(offset, _): &(u64, StreamPlace)| *offset == self.offset && self.pending.is_empty();
        self.writer.close_at(place.filter(is_there).map(|(_, place)| place))
    }
}

//! Writing a log: appending commands, and making them durable.
//!
//! What can be relied on:
//!
//! - The file never has half of an append in its middle. One that fails is cut off again before the next.
//! - [`Writer::synced`] says up to where the stream of commands survives a power cut. It never goes back.
//! - After a sync failed, nothing more is called durable until a rewrite has put all data into new files. The kernel gives
//!   up what it could not write, and a later sync succeeds without it.

use super::annotation::{BatchHead, PlaceNote, write_time};
use super::command::Scan;
use super::directory::Directory;
use super::error::WriteError;
use super::increment::Increment;
use super::unit::Parts;
use crate::StreamPlace;
use std::io::{self, IoSlice};

/// How many bytes of commands stand behind one annotation, unless a single unit is larger.
///
/// A batch is compared with its checksum before its first command runs, so the reader holds all of it.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Writes a log.
///
/// It has no thread and no clock: its user calls [`Writer::append`] and [`Writer::sync`] as often as its policy says.
pub struct Writer {
    pub(super) directory: Directory,
    pub(super) increment: Increment,
    /// Whether the manifest names the increment: whether what is in it will be found.
    pub(super) is_listed: bool,
    pub(super) offset: u64,
    pub(super) synced: u64,
    /// The number of the last increment of which a sync failed.
    pub(super) failed_sync: Option<u64>,
    pub(super) is_rewriting: bool,
    /// The numbers of the next files. They are never used again, not even after an error: a manifest that could not be
    /// installed may be the one that is found after a crash.
    pub(super) next_base: u64,
    pub(super) next_increment: u64,
    /// The time at which the increment was begun, until it is written down.
    pub(super) begun_at: Option<u64>,
    pub(super) last_time: Option<u64>,
    /// Lines of annotations that are being written.
    pub(super) lines: Vec<u8>,
}

impl Writer {
    /// Appends whole commands and whole transactions, all of them or none, and returns the offset reached.
    ///
    /// `time` is the Unix time in seconds; given, it is noted for [`Until::Time`](super::Until::Time). After an error
    /// nothing has been appended, and the same bytes may be tried again.
    pub fn append(&mut self, commands: &[u8], time: Option<u64>) -> io::Result<u64> {
        if commands.is_empty() {
            return Ok(self.offset);
        }
        self.lines.clear();
        self.note_time(time);
        self.append_batches(commands)?;
        self.offset += commands.len() as u64;
        self.begun_at = None;
        self.last_time = time.or(self.last_time);
        Ok(self.offset)
    }

    /// Appends commands in as many batches as they need, usually one, each behind its line.
    fn append_batches(&mut self, commands: &[u8]) -> io::Result<()> {
        let mut start = 0;
        // For each batch, where its lines end and where it does.
        let mut ends = Vec::with_capacity(1);
        while start < commands.len() {
            let batch = &commands[start..start + batch_length(&commands[start..])];
            BatchHead::new(self.offset + start as u64, batch, self.synced).write(&mut self.lines);
            start += batch.len();
            ends.push((self.lines.len(), start));
        }
        let starts = std::iter::once((0, 0)).chain(ends.iter().copied());
        let mut parts: Vec<_> = starts
            .zip(&ends)
            .flat_map(|(start, end)| [&self.lines[start.0..end.0], &commands[start.1..end.1]])
            .map(IoSlice::new)
            .collect();
        self.increment.append(&mut parts)
    }

    /// Writes the lines that tell the time, if it is told and has changed.
    fn note_time(&mut self, time: Option<u64>) {
        let begun_at = self.begun_at.filter(|begun_at| time.is_some_and(|time| time != *begun_at));
        if let Some(begun_at) = begun_at {
            write_time(begun_at, &mut self.lines);
        }
        if let Some(time) = time.filter(|_| time != self.last_time) {
            write_time(time, &mut self.lines);
        }
    }

    /// Makes what was appended durable and returns the offset up to which all is.
    ///
    /// It stays behind what was appended while the log is not complete yet, see [`Writer::begin_fresh`].
    ///
    /// # Errors
    ///
    /// [`WriteError::NotDurable`] after any sync failed, until [`Writer::finish_rewrite`] succeeds: bytes that the kernel
    /// gave up are missing in the file, and no sync brings them back. [`WriteError::Incomplete`] if the base was given up
    /// without which nothing of the log would be found.
    pub fn sync(&mut self) -> Result<u64, WriteError> {
        if self.failed_sync.is_some() {
            return Err(WriteError::NotDurable);
        }
        if self.lacks_base() {
            return Err(WriteError::Incomplete);
        }
        self.increment.cut()?;
        self.sync_increment()?;
        if self.is_listed {
            self.synced = self.offset;
        }
        Ok(self.synced)
    }

    /// Leaves out commands of so many bytes that could not be appended: a rewrite must make up for them.
    ///
    /// Nothing may be appended before it has begun, because what follows would stand behind a gap.
    pub fn skip(&mut self, bytes: u64) {
        self.offset += bytes;
        self.failed_sync = Some(self.increment.file.sequence);
    }

    /// Syncs the increment; a failure is remembered.
    pub(super) fn sync_increment(&mut self) -> io::Result<()> {
        let outcome = self.increment.sync();
        if outcome.is_err() {
            self.failed_sync = Some(self.increment.file.sequence);
        }
        outcome
    }

    /// Makes all durable and notes that it is, so that any damage found later is known to be the disk's.
    pub fn close(self) -> Result<(), WriteError> {
        self.close_at(None)
    }

    /// As [`close`](Writer::close), and notes where in a stream that servers copy the data set of the whole log stands:
    /// [`Recovered::place`](super::Recovered::place) says so until something is appended.
    pub fn close_at(mut self, place: Option<StreamPlace>) -> Result<(), WriteError> {
        self.sync()?;
        let note = place.map(|place| PlaceNote { place, offset: self.offset });
        Ok(self.increment.mark_behind(note, self.offset, self.synced)?)
    }

    /// Returns the offset up to which commands were appended.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the offset up to which commands are known to be durable.
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// Returns whether only a rewrite makes durable what is appended: a sync failed, or a base was given up that the log
    /// needs.
    pub fn has_failed(&self) -> bool {
        self.failed_sync.is_some() || self.lacks_base()
    }

    /// Returns whether the manifest names the increment, so that the log with its base is found as it is.
    pub fn is_complete(&self) -> bool {
        self.is_listed
    }

    /// Whether the manifest does not name the increment, and no rewrite is going on that would let it.
    fn lacks_base(&self) -> bool {
        !self.is_listed && !self.is_rewriting
    }

    /// Returns whether [`Writer::begin_rewrite`] still waits for its end.
    pub fn is_rewriting(&self) -> bool {
        self.is_rewriting
    }

    /// Returns the length of the current increment in bytes.
    pub fn increment_bytes(&self) -> u64 {
        self.increment.length()
    }

    /// Returns the directory with the manifest as it is.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// Returns how many of the bytes belong into the first batch: whole units, as many as fit, but at least one.
fn batch_length(commands: &[u8]) -> usize {
    if commands.len() <= BATCH_BYTES_MAX {
        return commands.len();
    }
    let (mut parts, mut length) = (Parts::default(), 0);
    loop {
        match parts.scan(&commands[length..]) {
            Scan::Whole(end) if length == 0 || length + end <= BATCH_BYTES_MAX => length += end,
            Scan::Whole(_) => return length,
            Scan::Incomplete(_) | Scan::Malformed => return commands.len(),
        }
    }
}

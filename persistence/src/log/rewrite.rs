//! Rewriting a log: a new base in place of the old one and the increments before it.
//!
//! ```text
//! before            base 1   incr 1
//! begin_rewrite     base 1   incr 1   incr 2          all that is appended from here on goes to incr 2
//! (the caller writes temp base, a state as of the cut)
//! finish_rewrite                      incr 2   base 2   history: base 1, incr 1
//! remove_history                      incr 2   base 2
//! ```
//!
//! Each line is a manifest; it replaces the one above it in one step, when everything that it names is durable.

use super::directory::{BaseFormat, Directory};
use super::error::WriteError;
use super::increment::Increment;
use super::manifest::{FileType, LogFile, Manifest};
use super::writer::Writer;
use std::io;
use std::path::{Path, PathBuf};

/// A rewrite that has begun: where its base is to be written.
#[derive(Debug)]
#[must_use = "a rewrite is finished or abandoned"]
pub struct Rewrite {
    path: PathBuf,
    offset: u64,
}

impl Rewrite {
    /// Returns where the caller writes the base and syncs it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the offset of the cut: the base holds the effects of all commands before it and of none behind it.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl Writer {
    /// Begins a rewrite: what is appended from now on goes to a new file.
    ///
    /// All before is made durable first. After a failed sync that can't be had; then the manifest stays as it is, and the
    /// log holds what is appended from here on only once the rewrite is finished.
    pub fn begin_rewrite(&mut self, time: Option<u64>) -> Result<Rewrite, WriteError> {
        if self.is_rewriting {
            return Err(WriteError::AlreadyRewriting);
        }
        let can_be_listed = self.is_listed && self.failed_sync.is_none();
        if can_be_listed {
            self.sync()?;
        }
        let sequence = self.next_increment;
        self.next_increment += 1;
        let increment = Increment::create(&self.directory, sequence, self.offset, self.synced)?;
        if can_be_listed {
            let mut manifest = self.directory.manifest().clone();
            if let Some(last) = manifest.increments.last_mut() {
                last.end_offset = Some(self.offset);
            }
            manifest.increments.push(increment.file.clone());
            if let Err(error) = self.directory.prepare(&manifest) {
                self.directory.discard(&self.directory.path(&increment.file));
                return Err(error.into());
            }
            // After an error the file stays: a manifest that names it may be found.
            self.directory.publish(manifest)?;
        }
        self.is_listed = can_be_listed;
        self.increment = increment;
        self.begun_at = time;
        self.last_time = None;
        Ok(self.rewrite())
    }

    /// Begins a log anew: nothing of what the directory holds will count, and what is appended counts once the rewrite
    /// that is returned is finished.
    ///
    /// For a server that is told to keep a log while it runs, and for one that was restored from somewhere else. `offset`
    /// is where the stream of commands stands.
    pub fn begin_fresh(
        directory: Directory,
        offset: u64,
        time: Option<u64>,
    ) -> Result<(Writer, Rewrite), WriteError> {
        let mut directory = directory;
        directory.settle()?;
        let sequence = directory.manifest().last_sequence(FileType::Increment) + 1;
        let increment = Increment::create(&directory, sequence, offset, offset)?;
        let mut writer = Writer::new(directory, increment, offset);
        writer.is_listed = false;
        writer.begun_at = time;
        let rewrite = writer.rewrite();
        Ok((writer, rewrite))
    }

    fn rewrite(&mut self) -> Rewrite {
        self.is_rewriting = true;
        let names = self.directory.names();
        Rewrite { path: names.path(&names.temporary_base()), offset: self.offset }
    }

    /// Ends a rewrite whose base was written and synced: the new base and what was appended since the cut are the log.
    ///
    /// A failed sync of a file that the base replaces is made up for. After an error the log is as durable as before, and
    /// the rewrite is over; another may be begun.
    pub fn finish_rewrite(&mut self, rewrite: Rewrite, format: BaseFormat) -> Result<(), WriteError> {
        self.is_rewriting = false;
        let temporary = rewrite.path;
        let outcome = self.install_base(&temporary, format);
        if outcome.is_err() {
            self.directory.discard(&temporary);
            return outcome;
        }
        self.is_listed = true;
        self.failed_sync = None;
        self.synced = self.offset;
        Ok(())
    }

    /// Returns the paths of what rewrites have replaced. Nobody reads them any more.
    ///
    /// Removing a large file takes long. Who doesn't want the log to wait removes them before
    /// [`Writer::remove_history`], on another thread.
    pub fn history(&self) -> Vec<PathBuf> {
        let history = &self.directory.manifest().history;
        history.iter().map(|file| self.directory.path(file)).collect()
    }

    /// Removes what rewrites have replaced, as far as it is there, and forgets it.
    ///
    /// The manifest names it until then, so what is not removed now is removed when the log is opened next.
    pub fn remove_history(&mut self) -> io::Result<()> {
        self.directory.remove_history()
    }

    fn install_base(&mut self, temporary: &Path, format: BaseFormat) -> Result<(), WriteError> {
        if self.failed_sync == Some(self.increment.file.sequence) {
            return Err(WriteError::NotDurable);
        }
        self.increment.cut()?;
        self.sync_increment()?;
        let sequence = self.next_base;
        self.next_base += 1;
        let base = LogFile::new(self.directory.names().base(sequence, format), sequence, FileType::Base);
        let path = self.directory.path(&base);
        self.directory.vfs().rename(temporary, &path)?;
        let manifest = self.manifest_with(base);
        let prepared = self.directory.sync_folder().and_then(|()| self.directory.prepare(&manifest));
        if let Err(error) = prepared {
            self.directory.discard(&path);
            return Err(error.into());
        }
        // After an error the base stays: a manifest that names it may be found.
        Ok(self.directory.publish(manifest)?)
    }

    /// Names the new base and the current increment; all else becomes history.
    fn manifest_with(&self, base: LogFile) -> Manifest {
        let old = self.directory.manifest();
        let is_replaced = |file: &&LogFile| file.sequence != self.increment.file.sequence;
        let replaced = old.base.iter().chain(old.increments.iter().filter(is_replaced));
        let mut history = old.history.clone();
        history.extend(replaced.map(|file| LogFile { file_type: FileType::History, ..file.clone() }));
        Manifest { base: Some(base), increments: vec![self.increment.file.clone()], history }
    }

    /// Gives a rewrite up: the log goes on with the base it has.
    pub fn abandon_rewrite(&mut self, rewrite: Rewrite) {
        let Rewrite { path, .. } = rewrite;
        self.is_rewriting = false;
        self.directory.discard(&path);
    }
}

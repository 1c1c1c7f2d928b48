//! The increment that is being written: a file whose tail may have to be cut off again.

use super::annotation::{BatchHead, PlaceNote};
use super::directory::Directory;
use super::manifest::{FileType, LogFile};
use crate::vfs::{Access, File, append_parts};
use std::io::{self, IoSlice};

/// The last file of a log.
pub(super) struct Increment {
    pub(super) file: LogFile,
    handle: Box<dyn File>,
    /// How much of the file counts.
    length: u64,
    /// Whether something may stand in the file behind what counts.
    must_cut: bool,
    /// Whether something was changed since the last sync.
    is_dirty: bool,
}

impl Increment {
    /// Makes an increment that is there after a crash and holds nothing but a mark.
    pub(super) fn create(
        directory: &Directory,
        sequence: u64,
        offset: u64,
        synced: u64,
    ) -> io::Result<Increment> {
        let name = directory.names().increment(sequence);
        let mut file = LogFile::new(name, sequence, FileType::Increment);
        file.start_offset = Some(offset);
        let handle = directory.vfs().create(&directory.path(&file))?;
        let mut increment = Increment { file, handle, length: 0, must_cut: false, is_dirty: false };
        increment.mark(offset, synced)?;
        directory.sync_folder()?;
        Ok(increment)
    }

    /// Appends a batch without commands and syncs.
    ///
    /// The reader knows from it that the file is ours, whatever a power cut leaves of what follows, and that damage before
    /// it is none that a power cut left.
    pub(super) fn mark(&mut self, offset: u64, synced: u64) -> io::Result<()> {
        self.mark_behind(None, offset, synced)
    }

    /// As [`mark`](Increment::mark), with a note before it.
    pub(super) fn mark_behind(
        &mut self,
        note: Option<PlaceNote>,
        offset: u64,
        synced: u64,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        if let Some(note) = note {
            note.write(&mut line);
        }
        BatchHead::new(offset, &[], synced).write(&mut line);
        self.append(&mut [IoSlice::new(&line)])?;
        self.sync()
    }

    /// Opens an increment to write on where it ends.
    pub(super) fn open(directory: &Directory, file: LogFile) -> io::Result<Increment> {
        let handle = directory.vfs().open(&directory.path(&file), Access::Append)?;
        let length = handle.len()?;
        Ok(Increment { file, handle, length, must_cut: false, is_dirty: false })
    }

    /// Appends all parts or none.
    pub(super) fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.cut()?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if let Err(error) = append_parts(&mut *self.handle, parts) {
            self.must_cut = true;
            // If that fails, too, the next append tries again first.
            let _ = self.cut();
            return Err(error);
        }
        self.is_dirty |= length > 0;
        self.length += length as u64;
        Ok(())
    }

    /// Cuts off what a failed append left.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        if self.must_cut {
            self.handle.truncate(self.length)?;
            self.must_cut = false;
            self.is_dirty = true;
        }
        Ok(())
    }

    /// Makes durable what was appended. After an error, nothing of it is known to be, nor ever will be.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.is_dirty {
            self.handle.sync_data()?;
            self.is_dirty = false;
        }
        Ok(())
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

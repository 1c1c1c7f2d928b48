//! Bytes on their way from memory to disk.

use super::Spool;
use super::stretch::Stretch;
use spinel_persistence::log::Chunk;
use spinel_persistence::vfs::{File, append_all};
use std::fmt;
use std::io;
use std::sync::Arc;

/// So much goes to disk at a time: as long as it is on its way it takes memory.
const WRITTEN_BYTES: u64 = 1 << 20;
/// A file takes this part of what is on disk.
const FILE_SHARE: u64 = 8;

/// What is too much for memory, and is to be written by who holds up nobody meanwhile. Until
/// [`end_spill`](Spool::end_spill) it is still read in memory.
pub struct Spill {
    start: u64,
    chunks: Vec<Chunk>,
    /// How many bytes may be in memory.
    most: u64,
    /// The last file, unless that is full; else a new one, once it is made.
    file: Option<Arc<dyn File>>,
    is_new: bool,
    is_written: bool,
}

impl Spill {
    /// Writes it. The file is made by `create` if another one is needed; it is read again, never under its name, and need not
    /// outlive the process. Takes as long as the disk does.
    pub fn write(&mut self, create: impl FnOnce() -> io::Result<Box<dyn File>>) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(create()?.into()),
        };
        for chunk in &self.chunks {
            append_all(&**file, chunk)?;
        }
        self.is_written = true;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }
}

impl fmt::Debug for Spill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}..{} on its way to disk", self.start, self.start + self.len())
    }
}

impl Spool {
    /// If more than `most` bytes are in memory beyond the size, says what of them is to go to disk next. Nothing does as long as
    /// something else is on its way.
    ///
    /// What is kept though nobody lacks it stays in memory: a file would never go that always holds some of it.
    pub fn begin_spill(&mut self, most: u64) -> Option<Spill> {
        if self.is_spilling || !self.is_too_much(most) {
            return None;
        }
        let start = self.memory_start();
        let in_memory = most.saturating_add(self.size);
        let parts = self
            .parts
            .iter()
            .take_while(|part| self.end - part.offset > in_memory && part.offset - start < WRITTEN_BYTES);
        let chunks = parts.map(|part| part.bytes.clone()).collect();
        let last = self.stretches.back().filter(|last| last.len() < self.file_bytes);
        let file = last.map(|last| Arc::clone(last.file()));
        self.is_spilling = true;
        Some(Spill { start, chunks, most, is_new: file.is_none(), file, is_written: false })
    }

    /// Hears that something was written or could not be; then it stays in memory. Whether there is still too much of it.
    pub fn end_spill(&mut self, spill: Spill) -> bool {
        // What was on its way when another stream took the place of its own is of no use.
        if !std::mem::take(&mut self.is_spilling) {
            return false;
        }
        let bytes = spill.len();
        let Spill { start, chunks, most, file, is_new, is_written } = spill;
        if !is_written {
            // What is half written would stand where the next bytes are looked for: they go to another file.
            self.file_bytes = 0;
            return false;
        }
        // If nobody needs its beginning any more, or what stands before it in its file, the rest can go to another file.
        let is_last = |file: &Arc<dyn File>| self.stretches.back().is_some_and(|last| last.is_in(file));
        let file = file.filter(|file| is_new || is_last(file));
        if self.memory_start() == start
            && let Some(file) = file
        {
            if is_new {
                self.stretches.push_back(Stretch::new(file, start));
                self.file_bytes = most.max(self.disk_bytes() / FILE_SHARE);
            }
            self.stretches.back_mut().into_iter().for_each(|last| last.extend(bytes));
            self.parts.drain(..chunks.len());
        }
        self.is_too_much(most)
    }

    fn is_too_much(&self, most: u64) -> bool {
        self.memory_bytes() > most.saturating_add(self.size)
    }
}

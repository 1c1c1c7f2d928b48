//! The part of a file that the reader looks at: bytes from its place on, as many as it asks for.

use crate::vfs::File;
use std::io;

/// How many bytes are read at once, at least: reading more costs more memory and saves nothing.
const CHUNK_BYTES: usize = 256 * 1024;

/// A file, a place in it, and bytes from there.
pub(super) struct Window {
    file: Box<dyn File>,
    /// What the file had when it was opened.
    length: u64,
    bytes: Vec<u8>,
    /// Where in `bytes` the place is.
    at: usize,
    /// The offset in the file of the first of `bytes`.
    origin: u64,
}

impl Window {
    pub(super) fn new(file: Box<dyn File>) -> io::Result<Window> {
        let length = file.len()?;
        Ok(Window { file, length, bytes: Vec::new(), at: 0, origin: 0 })
    }

    pub(super) fn file(&self) -> &dyn File {
        &*self.file
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the offset of the place in the file.
    pub(super) fn offset(&self) -> u64 {
        self.origin + self.at as u64
    }

    /// Returns how many bytes the file has from the place on.
    pub(super) fn left(&self) -> u64 {
        self.length - self.offset()
    }

    /// Returns the bytes at hand, from the place on.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Moves the place forward within the bytes at hand.
    pub(super) fn advance(&mut self, count: usize) {
        self.at += count;
        debug_assert!(self.at <= self.bytes.len());
    }

    /// Returns the last bytes that the place was moved over.
    pub(super) fn passed(&self, count: usize) -> &[u8] {
        &self.bytes[self.at - count..self.at]
    }

    /// Moves the place anywhere in the file.
    pub(super) fn seek(&mut self, offset: u64) {
        self.bytes.clear();
        self.at = 0;
        self.origin = offset.min(self.length);
    }

    /// Has at least `count` bytes at hand, or all that the file has.
    pub(super) fn want(&mut self, count: usize) -> io::Result<()> {
        let count = usize::try_from(self.left()).map_or(count, |left| left.min(count));
        if self.bytes().len() >= count {
            return Ok(());
        }
        self.bytes.drain(..self.at);
        self.origin += self.at as u64;
        self.at = 0;
        // Who asks again and again for a little more has twice as much each time.
        let wanted = count.max(self.bytes.len() * 2).max(CHUNK_BYTES);
        let target = usize::try_from(self.left()).map_or(wanted, |left| left.min(wanted));
        while self.bytes.len() < target {
            self.read(target)?;
        }
        Ok(())
    }

    fn read(&mut self, target: usize) -> io::Result<()> {
        let from = self.bytes.len();
        self.bytes.resize(target.min(from + CHUNK_BYTES), 0);
        let count = self.file.read_at(self.origin + from as u64, &mut self.bytes[from..])?;
        self.bytes.truncate(from + count);
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

//! A stretch of a stream in a file that has no name any more.

use spinel_persistence::log::Chunk;
use spinel_persistence::vfs::File;
use std::fmt;
use std::io;
use std::sync::Arc;

/// So much is read from disk at a time.
const READ_BYTES_MAX: usize = 256 << 10;

/// What stands in one file.
pub(super) struct Stretch {
    file: Arc<dyn File>,
    start: u64,
    end: u64,
}

impl Stretch {
    /// An empty one.
    pub(super) fn new(file: Arc<dyn File>, start: u64) -> Stretch {
        Stretch { file, start, end: start }
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// The file, to be written to by one at a time. After an error nothing more may be written.
    pub(super) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Whether it is in this file.
    pub(super) fn is_in(&self, file: &Arc<dyn File>) -> bool {
        Arc::ptr_eq(file, &self.file)
    }

    /// Takes in so many bytes that were appended to the file.
    pub(super) fn extend(&mut self, bytes: u64) {
        self.end += bytes;
    }

    /// What follows `offset`, which is in it: `most` bytes or less, but one at least.
    pub(super) fn read(&self, offset: u64, most: usize) -> io::Result<Chunk> {
        let there = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; there.min(most).clamp(1, READ_BYTES_MAX)];
        let count = self.file.read_at(offset - self.start, &mut bytes)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(count);
        Ok(bytes.into())
    }

    /// The file, of which nothing is needed any more.
    pub(super) fn into_file(self) -> Arc<dyn File> {
        self.file
    }
}

impl fmt::Debug for Stretch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}..{} on disk", self.start, self.end)
    }
}

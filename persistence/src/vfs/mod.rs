//! The file system, as all of this crate sees it.
//!
//! Every operation on a file goes through [`Vfs`], so that tests can fail any call, tear writes and cut the power:
//! [`RealVfs`] asks the operating system, [`SimulatedVfs`] keeps a disk in memory that knows what is durable and what is
//! only written.
//!
//! What is written is durable after [`File::sync`]; that a file exists, has a name or is gone is durable after
//! [`Vfs::sync_directory`] of the directory. A sync that failed says nothing about a later one: the kernel gives up the
//! bytes it could not write, and the next sync succeeds without them.

mod real;
mod simulated;

pub use real::RealVfs;
pub use simulated::{Fault, SimulatedVfs};

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::Path;

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Only for reading; works where nothing may be written.
    Read,
    /// For reading, and for writing at the end.
    Append,
}

/// A file system.
pub trait Vfs: Send + Sync {
    /// Makes an empty file, or empties the one that is there, and opens it for [`Access::Append`].
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file that is there.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;

    /// Gives a file another name, in place of the file that had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory, unless it is there.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Returns the names in a directory, in no particular order.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// Returns whether there is a file of that name; a directory is none.
    fn is_file(&self, path: &Path) -> io::Result<bool>;

    /// Makes durable which names the directory holds.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Makes a file, unless it is there, and locks it against other processes until the lock is dropped.
    ///
    /// Fails with [`io::ErrorKind::WouldBlock`] when somebody else holds the lock.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// Returns how many bytes may still be written to the file system that holds the path.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Several threads may read it at once.
#[expect(clippy::len_without_is_empty, reason = "a length that may fail to be read is no collection's")]
pub trait File: Send + Sync {
    /// Returns the length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Reads bytes from `offset` on, maybe fewer than fit; none only at the end of the file.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;

    /// Writes bytes at the end, maybe only the first of them, and returns how many. Others may read meanwhile; only one at a
    /// time may write.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes bytes that lie apart at the end, as one call if that is possible: maybe only the first of them.
    fn append_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let first = parts.iter().find(|part| !part.is_empty());
        first.map_or(Ok(0), |first| self.append(first))
    }

    /// Cuts the file off.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes the content durable, and what is needed to find it again.
    fn sync(&mut self) -> io::Result<()>;

    /// Like [`File::sync`], but may leave out the times of the file (`fdatasync`).
    fn sync_data(&mut self) -> io::Result<()>;
}

/// Keeps a file locked until it is dropped.
pub trait Lock: Send + Sync {}

/// Writes at the end, so that a file can be given to whoever writes to a stream.
impl io::Write for Box<dyn File> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file from an offset on as a stream.
pub struct Stream<'f> {
    file: &'f dyn File,
    offset: u64,
}

impl<'f> Stream<'f> {
    /// Starts at `offset`.
    pub fn new(file: &'f dyn File, offset: u64) -> Stream<'f> {
        Stream { file, offset }
    }

    /// Returns the offset of the byte that is read next.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl io::Read for Stream<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(self.offset, bytes)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Writes all bytes at the end of a file.
///
/// After an error, some of them may be there.
pub fn append_all(file: &dyn File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.append(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// As [`append_all`], of bytes that lie apart.
pub(crate) fn append_parts(file: &mut dyn File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Leaves out empty ones at the front, so that nothing is left when all is written.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.append_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a small file as a whole.
pub(crate) fn read_all(vfs: &dyn Vfs, path: &Path) -> io::Result<Vec<u8>> {
    let file = vfs.open(path, Access::Read)?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut Stream::new(&*file, 0), &mut bytes)?;
    Ok(bytes)
}

/// Replaces a file so that after a crash either the old content or the new is there, and the new is once this returns.
///
/// `temporary` is a name in the same directory that nobody else uses.
pub fn replace(vfs: &dyn Vfs, path: &Path, temporary: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = vfs.create(temporary)?;
    append_all(&*file, content)?;
    file.sync()?;
    vfs.rename(temporary, path)?;
    vfs.sync_directory(parent(path))
}

/// Returns the directory that a path is in; that of the process if it names none.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

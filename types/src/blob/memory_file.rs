//! The file in memory in which large blobs lie. A process has one, made when it is first needed.
//!
//! ```text
//! file    ┌ extent ┐      ┌ extent ┐                       as long as anything will ever be, without pages where nothing lies
//! mapping └────────┘      └────────┘                       one, of all of it: whoever reads takes it for memory
//! socket   page page page                                  has pages of an extent, perhaps when that is gone already
//! ```
//!
//! What `sendfile` sends is not copied, so a page must never change as long as some socket has it, which nobody tells. So an extent is
//! written before anybody sees it, and with it go its pages: the file gets others for whoever takes its place, and those that a socket still has
//! are that socket's alone.
//!
//! Where the system doesn't give such a file, or no pages for it, there are no extents, and blobs lie on the heap.
//!
//! Invariants:
//! - The mapping is of the whole file, which can't be cut short, and stays as long as the process lives.
//! - An extent is a part of the mapping that isn't free and belongs to no other. Its pages are there, so that touching them can't
//!   fail, and are small: the system clears a part of a large page in place.
//! - The memory of an extent is written before the extent exists, and by nobody afterwards. It is free again when its pages
//!   are gone; if they don't go, it is never used again.
#![allow(unsafe_code, reason = "the memory is the system's, not the allocator's")]

use super::extents::Extents;
use std::ops::Deref;
use std::os::fd::BorrowedFd;

/// A part of the memory file, which goes with it.
#[derive(Debug)]
pub(super) struct Extent {
    /// From the start of the file.
    start: usize,
    len: usize,
}

impl Extent {
    /// Memory in bytes: whole pages.
    pub(super) fn memory_bytes(&self) -> usize {
        system::in_pages(self.len)
    }
}

impl Deref for Extent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        system::read(self)
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        system::drop_pages(self);
    }
}

/// Copies pieces of so many bytes together to the memory file, if that is possible.
///
/// # Panics
/// If there are more of them.
pub(super) fn keep(length: usize, pieces: &mut dyn Iterator<Item = &[u8]>) -> Option<Extent> {
    system::keep(length, pieces)
}

/// Whether there is a memory file. Makes it if it was not needed before.
pub fn is_there() -> bool {
    system::is_there()
}

/// The memory file and where in it some memory lies; nothing for other memory.
#[inline]
pub fn place_of(memory: &[u8]) -> Option<(BorrowedFd<'static>, u64)> {
    system::place_of(memory)
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod system {
    use super::{BorrowedFd, Extent, Extents};
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};
    use rustix::param::page_size;
    use rustix::process::{Resource, getrlimit};
    use std::ffi::c_void;
    use std::os::fd::{AsFd, OwnedFd};
    use std::ptr::{NonNull, copy_nonoverlapping, null_mut};
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// More than any machine has.
    const FILE_BYTES: usize = 1 << 40;

    struct MemoryFile {
        file: OwnedFd,
        start: NonNull<u8>,
        free: Mutex<Extents>,
    }

    // SAFETY: the mapping stays, extents are disjoint, and only their makers write to them.
    unsafe impl Send for MemoryFile {}
    // SAFETY: as above.
    unsafe impl Sync for MemoryFile {}

    static FILE: OnceLock<Option<MemoryFile>> = OnceLock::new();

    fn file() -> Option<&'static MemoryFile> {
        FILE.get_or_init(|| MemoryFile::new().ok().flatten()).as_ref()
    }

    impl MemoryFile {
        fn new() -> rustix::io::Result<Option<MemoryFile>> {
            // Who makes a file longer than this is ended by a signal.
            if getrlimit(Resource::Fsize).current.is_some_and(|bytes| bytes < FILE_BYTES as u64) {
                return Ok(None);
            }
            let file = memfd_create("blobs", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&file, FILE_BYTES as u64)?;
            fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
            let (access, flags) =
                (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::NORESERVE);
            // SAFETY: the mapping is new, and nobody's memory.
            let start = unsafe { mmap(null_mut(), FILE_BYTES, access, flags, &file, 0)? };
            for advice in [Advice::LinuxNoHugepage, Advice::LinuxDontDump] {
                // SAFETY: this changes nothing of what is there. A system without large pages doesn't know the first.
                let _ = unsafe { madvise(start, FILE_BYTES, advice) };
            }
            let free = Mutex::new(Extents::new(FILE_BYTES));
            Ok(NonNull::new(start.cast()).map(|start| MemoryFile { file, start, free }))
        }

        fn address(&self, offset: usize) -> *mut u8 {
            // SAFETY: offsets are those of extents, which are inside of the mapping.
            unsafe { self.start.as_ptr().add(offset) }
        }

        fn advise(&self, offset: usize, bytes: usize, advice: Advice) -> bool {
            // SAFETY: the caller is the only one who knows this part of the mapping.
            unsafe { madvise(self.address(offset).cast::<c_void>(), bytes, advice).is_ok() }
        }

        /// Lets a part go with its pages. Nobody has it any more.
        fn give_back(&self, start: usize, bytes: usize) {
            if self.advise(start, bytes, Advice::LinuxRemove) {
                self.free.lock().unwrap_or_else(PoisonError::into_inner).give(start, bytes);
            }
        }
    }

    pub(super) fn in_pages(bytes: usize) -> usize {
        bytes.next_multiple_of(page_size())
    }

    pub(super) fn is_there() -> bool {
        file().is_some()
    }

    pub(super) fn keep(length: usize, pieces: &mut dyn Iterator<Item = &[u8]>) -> Option<Extent> {
        let (file, whole) = (file()?, in_pages(length));
        let start = file.free.lock().unwrap_or_else(PoisonError::into_inner).take(whole)?;
        if !file.advise(start, whole, Advice::LinuxPopulateWrite) {
            // There is no memory, or the system doesn't know this.
            file.give_back(start, whole);
            return None;
        }
        let mut end = 0;
        for piece in pieces {
            let at = end;
            end += piece.len();
            assert!(end <= length, "pieces are as long as was said");
            // SAFETY: the part was free, is long enough, as was just seen, and its pages are there. Nobody else knows it.
            unsafe { copy_nonoverlapping(piece.as_ptr(), file.address(start + at), piece.len()) };
        }
        Some(Extent { start, len: length })
    }

    pub(super) fn read(extent: &Extent) -> &[u8] {
        let file = file().expect("it is there for ever, because an extent is in it");
        // SAFETY: nobody writes to an extent, and its memory stays until it is dropped.
        unsafe { std::slice::from_raw_parts(file.address(extent.start), extent.len) }
    }

    pub(super) fn drop_pages(extent: &Extent) {
        if let Some(file) = file() {
            file.give_back(extent.start, in_pages(extent.len));
        }
    }

    #[inline]
    pub(super) fn place_of(memory: &[u8]) -> Option<(BorrowedFd<'static>, u64)> {
        let file = FILE.get()?.as_ref()?;
        let offset = memory.as_ptr().addr().wrapping_sub(file.start.addr().get());
        (offset < FILE_BYTES).then(|| (file.file.as_fd(), offset as u64))
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod system {
    use super::{BorrowedFd, Extent};

    pub(super) fn in_pages(bytes: usize) -> usize {
        bytes
    }

    pub(super) fn is_there() -> bool {
        false
    }

    pub(super) fn keep(_: usize, _: &mut dyn Iterator<Item = &[u8]>) -> Option<Extent> {
        None
    }

    pub(super) fn read(_: &Extent) -> &[u8] {
        unreachable!("there are no extents")
    }

    pub(super) fn drop_pages(_: &Extent) {}

    pub(super) fn place_of(_: &[u8]) -> Option<(BorrowedFd<'static>, u64)> {
        None
    }
}

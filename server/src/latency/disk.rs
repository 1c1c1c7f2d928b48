//! The disk on which the log is, with a watch on how long it takes.

use super::{Event, Latency};
use spinel_persistence::vfs::{Access, File, Lock, RealVfs, Vfs};
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How the names of those files of a log end that are written to as commands run.
const INCREMENT: &str = ".incr.aof";

/// What is to be known to name events of the log's disk.
#[derive(Default)]
pub(crate) struct LogDisk {
    latency: Arc<Latency>,
    /// Whether replies wait until the log is durable.
    is_strict: AtomicBool,
    /// Whether something else is being written, too.
    is_shared: AtomicBool,
    /// Microseconds to wait before each write.
    delay_us: AtomicU64,
}

impl LogDisk {
    pub(crate) fn new(latency: Arc<Latency>) -> LogDisk {
        LogDisk { latency, ..LogDisk::default() }
    }

    /// Notes whether replies wait until the log is durable.
    pub(crate) fn set_strict(&self, is_strict: bool) {
        self.is_strict.store(is_strict, Ordering::Relaxed);
    }

    /// Notes whether something else is being written, too.
    pub(crate) fn set_shared(&self, is_shared: bool) {
        self.is_shared.store(is_shared, Ordering::Relaxed);
    }

    /// Lets each write wait so long before.
    pub(crate) fn set_delay(&self, delay: Duration) {
        self.delay_us.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn write<T>(&self, action: impl FnOnce() -> T) -> T {
        match self.delay_us.load(Ordering::Relaxed) {
            0 => {}
            delay => thread::sleep(Duration::from_micros(delay)),
        }
        let (outcome, took) = self.latency.watch(Event::AofWrite, action);
        if let Some(took) = took {
            let is_shared = self.is_shared.load(Ordering::Relaxed);
            self.latency
                .note(if is_shared { Event::AofWriteActiveChild } else { Event::AofWriteAlone }, took);
        }
        outcome
    }

    fn sync<T>(&self, action: impl FnOnce() -> T) -> T {
        if !self.is_strict.load(Ordering::Relaxed) {
            return action();
        }
        self.latency.watch(Event::AofFsyncAlways, action).0
    }
}

/// The operating system's files, those of the log watched.
pub(crate) struct WatchedDisk(pub(crate) Arc<LogDisk>);

struct WatchedFile {
    file: Box<dyn File>,
    disk: Arc<LogDisk>,
}

impl WatchedDisk {
    fn watch(&self, path: &Path, file: Box<dyn File>) -> Box<dyn File> {
        let is_increment = path.as_os_str().as_encoded_bytes().ends_with(INCREMENT.as_bytes());
        if !is_increment {
            return file;
        }
        Box::new(WatchedFile { file, disk: Arc::clone(&self.0) })
    }
}

impl Vfs for WatchedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.watch(path, RealVfs.create(path)?))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        Ok(self.watch(path, RealVfs.open(path, access)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealVfs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealVfs.remove(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        RealVfs.create_directory(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        RealVfs.list(directory)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        RealVfs.is_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        RealVfs.sync_directory(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        RealVfs.lock(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealVfs.free_bytes(path)
    }
}

impl File for WatchedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, bytes)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(|| self.file.append(bytes))
    }

    fn append_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.disk.write(|| self.file.append_vectored(parts))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync(|| self.file.sync())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.sync(|| self.file.sync_data())
    }
}

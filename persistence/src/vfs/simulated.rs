//! A disk in memory whose power can be cut, for tests.

mod disk;
mod random;

pub(crate) use random::Random;

use super::{Access, File, Lock, Vfs};
use disk::Disk;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens to a call instead of success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The call fails with the operating system's error of that number: 28 when the disk is full, 5 when it is broken.
    ///
    /// A write may have written some bytes nevertheless. A failed sync gives up what was to be made durable.
    Error(i32),
    /// A write takes only some of the bytes. Nothing happens to other calls.
    Short,
    /// The power goes off during the call. No call succeeds until [`SimulatedVfs::restart`].
    PowerCut,
}

/// A file system in memory that keeps apart what is durable and what is only written.
///
/// When the power is cut, each write, truncation, creation, renaming and removal since the last sync happens or doesn't,
/// independently of the others; writes may be torn, at any byte or by sectors of 512 bytes. The seed decides, so a seed
/// repeats everything. Clones share the disk. The root directory `/` is there from the start.
///
/// ```
/// use spinel_persistence::vfs::{Access, SimulatedVfs, Vfs};
/// use std::io::Write;
/// use std::path::Path;
///
/// let vfs = SimulatedVfs::new(1);
/// let mut file = vfs.create(Path::new("/a"))?;
/// file.write_all(b"kept")?;
/// file.sync()?;
/// vfs.sync_directory(Path::new("/"))?;
/// file.write_all(b" or not")?;
/// vfs.cut_power();
/// vfs.restart();
/// assert!(vfs.open(Path::new("/a"), Access::Read)?.len()? >= 4);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SimulatedVfs {
    state: Arc<Mutex<State>>,
}

struct State {
    disk: Disk,
    random: Random,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    is_off: bool,
    /// Goes up with each restart: what was opened before is of no more use.
    run: u64,
}

/// What a call does after its fault was looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Success,
    Short,
    Error(i32),
    PowerCut,
}

impl SimulatedVfs {
    /// Makes an empty disk.
    pub fn new(seed: u64) -> SimulatedVfs {
        let state = State {
            disk: Disk::new(),
            random: Random::new(seed),
            calls: 0,
            faults: BTreeMap::new(),
            is_off: false,
            run: 0,
        };
        SimulatedVfs { state: Arc::new(Mutex::new(state)) }
    }

    /// Lets a call fail: the next one for `calls_ahead` 0, the one after it for 1.
    pub fn fail_call(&self, calls_ahead: u64, fault: Fault) {
        let mut state = self.state();
        let call = state.calls + calls_ahead;
        state.faults.insert(call, fault);
    }

    /// Forgets all faults that have not come yet.
    pub fn forget_faults(&self) {
        self.state().faults.clear();
    }

    /// Returns how many calls there were.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Bounds what all files together may hold, or takes the bound away; at first there is none.
    pub fn limit_bytes(&self, bytes_max: Option<u64>) {
        self.state().disk.bytes_max = bytes_max;
    }

    /// Returns whether the power is off.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Cuts the power: what is not durable is lost, or kept, or torn.
    pub fn cut_power(&self) {
        self.state().cut_power();
    }

    /// Starts the machine again after a power cut, or only the process: then all that was written is still there, but
    /// for what a failed sync gave up, which is gone.
    pub fn restart(&self) {
        let mut state = self.state();
        state.run += 1;
        state.disk.forget_given_up();
        state.disk.locks.clear();
        state.is_off = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and performs it, unless its fault forbids.
    fn call<T>(&self, perform: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        match state.course()? {
            Course::Success | Course::Short => perform(&mut state.disk),
            Course::Error(code) => Err(io::Error::from_raw_os_error(code)),
            Course::PowerCut => {
                if state.random.coin() {
                    let _ = perform(&mut state.disk);
                }
                state.cut_power();
                Err(power_is_off())
            }
        }
    }

    fn file(&self, node: u64, access: Access) -> Box<dyn File> {
        Box::new(SimulatedFile { vfs: self.clone(), node, access, run: self.state().run })
    }
}

impl State {
    fn course(&mut self) -> io::Result<Course> {
        if self.is_off {
            return Err(power_is_off());
        }
        let call = self.calls;
        self.calls += 1;
        Ok(match self.faults.remove(&call) {
            None => Course::Success,
            Some(Fault::Short) => Course::Short,
            Some(Fault::Error(code)) => Course::Error(code),
            Some(Fault::PowerCut) => Course::PowerCut,
        })
    }

    fn cut_power(&mut self) {
        self.is_off = true;
        self.disk.lose_what_is_not_durable(&mut self.random);
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl Vfs for SimulatedVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let node = self.call(|disk| disk.create(path))?;
        Ok(self.file(node, Access::Append))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let node = self.call(|disk| disk.find(path))?;
        Ok(self.file(node, access))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|disk| disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(|disk| disk.remove(path))
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.call(|disk| disk.create_directory(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.call(|disk| disk.list(directory))
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.call(|disk| Ok(disk.find(path).is_ok()))
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.state();
        match state.course()? {
            Course::Success | Course::Short => state.disk.sync_directory(directory),
            Course::Error(code) => Err(io::Error::from_raw_os_error(code)),
            Course::PowerCut => {
                state.cut_power();
                Err(power_is_off())
            }
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.call(|disk| {
            if !disk.locks.insert(path.to_owned()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            disk.find(path).or_else(|_| disk.create(path)).map(|_| ())
        })?;
        Ok(Box::new(SimulatedLock { vfs: self.clone(), path: path.to_owned(), run: self.state().run }))
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        self.call(|disk| Ok(disk.free_bytes()))
    }
}

struct SimulatedFile {
    vfs: SimulatedVfs,
    node: u64,
    access: Access,
    run: u64,
}

impl SimulatedFile {
    fn check(&self, wanted: Access) -> io::Result<()> {
        if self.vfs.state().run != self.run {
            return Err(io::Error::other("the process that opened the file is gone"));
        }
        if wanted == Access::Append && self.access == Access::Read {
            return Err(io::Error::from_raw_os_error(9));
        }
        Ok(())
    }
}

impl File for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.check(Access::Read)?;
        self.vfs.call(|disk| Ok(disk.node(self.node).content().len() as u64))
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        self.check(Access::Read)?;
        self.vfs.call(|disk| {
            let content = disk.node(self.node).content();
            let rest = content.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(bytes.len());
            bytes[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.check(Access::Append)?;
        let mut state = self.vfs.state();
        let course = state.course()?;
        let part = state.random.below(bytes.len().max(1));
        let take = if course == Course::Success {
            bytes.len()
        } else {
            part.max(usize::from(course == Course::Short))
        };
        let take = take.min(bytes.len());
        let count = state.disk.append(self.node, &bytes[..take]);
        match course {
            Course::Success | Course::Short => count,
            Course::Error(code) => Err(io::Error::from_raw_os_error(code)),
            Course::PowerCut => {
                state.cut_power();
                Err(power_is_off())
            }
        }
    }

    fn append_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.append(&parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.check(Access::Append)?;
        self.vfs.call(|disk| {
            disk.node(self.node).truncate(length as usize);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.check(Access::Read)?;
        let mut state = self.vfs.state();
        let course = state.course()?;
        let State { disk, random, .. } = &mut *state;
        match course {
            Course::Success | Course::Short => {
                disk.node(self.node).sync();
                Ok(())
            }
            Course::Error(code) => {
                disk.node(self.node).give_up(random);
                Err(io::Error::from_raw_os_error(code))
            }
            Course::PowerCut => {
                state.cut_power();
                Err(power_is_off())
            }
        }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }
}

struct SimulatedLock {
    vfs: SimulatedVfs,
    path: PathBuf,
    run: u64,
}

impl Lock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.vfs.state();
        if state.run == self.run {
            state.disk.locks.remove(&self.path);
        }
    }
}

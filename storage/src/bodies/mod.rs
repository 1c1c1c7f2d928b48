//! Bodies of HTTP cache entries in files: which there are, and who may stay.
//!
//! ```text
//! variant ─ Filed ──┐ shared                 ┌ writes: bytes that wait for their file
//! copy    ─ Filed ──┴─ Place in the register ┤ removals: files that nobody has any more
//!                                            └ chores: entries whose bodies were lost
//!                                                   ↑ all done by the one thread that calls `work`
//! ```
//!
//! Where a body lies is no data: a write goes to the log and to replicas with the body, is answered, and its bytes get their file
//! after it. So no command waits for this disk, and each server decides for itself whether it has such files.
//!
//! A file belongs to its [`Filed`], which variants, their copies, snapshots and readers share. When the last of them drops it, the
//! file is removed, whatever has removed the entry. Files that no entry has when the data set has been loaded are removed then.
//!
//! Locks: a `Filed` may be dropped anywhere, whatever is locked. Its number goes to a list of its own, behind a lock under which nothing
//! else is done; whoever takes the register next looks there first.

mod draft;
mod register;
#[cfg(test)]
mod tests;
mod work;

use crate::entropy::Entropy;
use crate::keyspace::DbIndex;
use register::{Place, Register, Stage};
use spinel_persistence::bodies::{Folder, StoredBody, file_bytes};
use spinel_persistence::vfs::Vfs;
use spinel_types::HttpCache;
use spinel_types::blob::Blob;
use spinel_types::http_cache::{Body, BodyRef, Filed, Label, Lost, Opened, Shelf, Variant};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use draft::Draft;
pub use work::Chore;

/// So many bytes may wait for their files: what is more stays in memory as other bodies do.
const WAITING_BYTES_MAX: u64 = 64 << 20;

/// Who waits for room looks again after so long at the latest.
const PATIENCE: Duration = Duration::from_millis(100);

/// Bodies in files.
pub struct DiskBodies {
    folder: Folder,
    register: Mutex<Register>,
    /// Numbers of bodies that nobody has any more, of which the register has not heard.
    released: Mutex<Vec<u128>>,
    /// There is something to be done, or there is room. Who waits for a release looks again after a while, because that is told without
    /// the register's lock.
    news: Condvar,
    bytes_max: AtomicU64,
    counts: Counts,
}

/// What happened so far.
#[derive(Default)]
struct Counts {
    evictions: AtomicU64,
    errors: AtomicU64,
    lost: AtomicU64,
}

/// What there is, and what happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BodySums {
    /// Bodies that have a file or wait for one.
    pub bodies: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes in memory that wait for their file.
    pub waiting_bytes: u64,
    /// Files that nobody has any more and that are still there.
    pub removals: u64,
    /// Bodies that had to make room for others.
    pub evictions: u64,
    /// Files that could not be written or removed.
    pub errors: u64,
    /// Bodies whose files were missing, damaged or could not be read.
    pub lost: u64,
}

/// How somebody stands to a body that can't get its file soon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// It stays in memory.
    None,
    /// He waits until there is room: he loads more than fits into memory.
    Waits,
}

impl DiskBodies {
    /// Opens a folder of bodies, which is made if it isn't there. Until somebody [starts](DiskBodies::start) it, bodies are only
    /// read: no file is written or removed.
    pub fn open(vfs: Arc<dyn Vfs>, path: &Path, bytes_max: u64, seed: u64) -> io::Result<Arc<DiskBodies>> {
        Ok(Arc::new(DiskBodies {
            folder: Folder::open(vfs, path)?,
            register: Mutex::new(Register::new(Entropy::new(seed))),
            released: Mutex::default(),
            news: Condvar::new(),
            bytes_max: AtomicU64::new(bytes_max),
            counts: Counts::default(),
        }))
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        let mut register = crate::lock(&self.register);
        self.hear(&mut register);
        register
    }

    /// Waits until there may be room.
    fn wait_for_news<'r>(&'r self, register: MutexGuard<'r, Register>) -> MutexGuard<'r, Register> {
        let waited = self.news.wait_timeout(register, PATIENCE);
        let (mut register, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.hear(&mut register);
        register
    }

    /// Lets the register hear which bodies nobody has any more.
    fn hear(&self, register: &mut Register) {
        for id in std::mem::take(&mut *crate::lock(&self.released)) {
            register.release(id);
        }
    }

    /// Lets files be written: somebody is about to call [`work`](DiskBodies::work) again and again, and a data set is going to be
    /// loaded.
    pub fn start(&self) {
        self.register().stage = Stage::Loading;
        self.news.notify_all();
    }

    /// Another data set is going to be loaded, which may name files of this one.
    pub fn begin_loading(&self) {
        let mut register = self.register();
        if register.stage == Stage::Running {
            register.stage = Stage::Loading;
        }
    }

    /// The data set is loaded: files that it doesn't have go, and entries whose files are missing.
    pub fn end_loading(&self) {
        let mut register = self.register();
        if register.stage == Stage::Loading {
            register.stage = Stage::Running;
            register.is_to_clean = true;
        }
        drop(register);
        self.news.notify_all();
    }

    /// From now on no file is written or removed.
    pub fn close(&self) {
        self.register().stage = Stage::Closed;
        self.news.notify_all();
    }

    /// How many bytes all files may have.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max.load(Ordering::Relaxed)
    }

    /// Changes how many bytes all files may have. What is too much goes when a file is written next.
    pub fn set_bytes_max(&self, bytes_max: u64) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Whether a body of so many bytes under a key fits in at all.
    pub fn fits(&self, length: u64, key: &[u8]) -> bool {
        file_bytes(length, key.len()) <= self.bytes_max()
    }

    /// What there is, and what happened so far.
    pub fn sums(&self) -> BodySums {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { evictions, errors, lost } = &self.counts;
        let register = self.register();
        BodySums {
            bodies: register.places.len() as u64,
            bytes: register.used,
            waiting_bytes: register.waiting_bytes,
            removals: register.removals.len() as u64,
            evictions: count(evictions),
            errors: count(errors),
            lost: count(lost),
        }
    }

    /// Bytes in memory that wait for their file, which are no part of what entries take.
    pub fn waiting_bytes(&self) -> u64 {
        self.register().waiting_bytes
    }

    /// Starts counting again.
    pub fn reset_counts(&self) {
        let Counts { evictions, errors, lost } = &self.counts;
        for count in [evictions, errors, lost] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Gives the body of a variant that is stored under a key a place among the files, if it is meant to have one. Nothing if
    /// it stays where it is. O(1), but for a body that is compressed.
    pub(crate) fn place(
        self: &Arc<Self>,
        (db, key): (DbIndex, &[u8]),
        variant: &Variant,
        patience: Patience,
    ) -> Option<Body> {
        let length = variant.body().len() as u64;
        if !variant.is_for_disk || length == 0 || !self.fits(length, key) {
            return None;
        }
        let bytes: Blob = match variant.shared_body() {
            Body::Plain(bytes) => bytes,
            Body::Packed(_) => (*variant.body().bytes().ok()?).into(),
            Body::Filed(_) => return None,
        };
        let mut register = self.register();
        while !register.has_room(length) {
            let waits = patience == Patience::Waits || register.stage == Stage::Loading;
            if !waits || !register.stage.is_working() {
                return None;
            }
            register = self.wait_for_news(register);
        }
        let id = register.draw();
        let filed = Arc::new(Filed::waiting(id, bytes, Arc::clone(self) as Arc<dyn Shelf>));
        filed.note_use(variant.stored_at);
        register.add(id, Place::waiting(&filed, (db, key)));
        drop(register);
        self.news.notify_all();
        Some(Body::Filed(filed))
    }

    /// Finds the body of a file that is written down as one of a variant under a key.
    fn claim(self: &Arc<Self>, (db, key): (DbIndex, &[u8]), label: &Label, used_at: i64) -> Body {
        let mut register = self.register();
        if let Some(filed) = register.find(label.id) {
            drop(register);
            let is_same = filed.label().is_none_or(|other| other == *label);
            return Body::Filed(if is_same { filed } else { Arc::new(Filed::lost(label)) });
        }
        let filed = Arc::new(Filed::stored(label, Arc::clone(self) as Arc<dyn Shelf>));
        filed.note_use(used_at);
        register.add(label.id, Place::stored(&filed, (db, key)));
        drop(register);
        Body::Filed(filed)
    }

    /// Takes an entry in that comes from a file or a payload: finds bodies that are only named, and has those kept that are for
    /// files.
    pub(crate) fn take_in(self: &Arc<Self>, at: (DbIndex, &[u8]), cache: &mut HttpCache, patience: Patience) {
        cache.move_bodies(|variant| match variant.body() {
            BodyRef::Filed(filed) => {
                let label = filed.label()?;
                filed.is_lost().then(|| self.claim(at, &label, variant.stored_at))
            }
            _ => self.place(at, variant, patience),
        });
    }

    /// Hears that an entry has a variant whose body is lost.
    pub(crate) fn report(&self, db: DbIndex, key: &[u8]) {
        self.register().stale.push((db, key.into()));
        self.news.notify_all();
    }
}

impl Shelf for DiskBodies {
    fn open(&self, label: &Label) -> Result<Box<dyn Opened>, Lost> {
        let stored = self.folder.read(label.id, label.length, label.checksum).map_err(|_| Lost)?;
        Ok(Box::new(OpenBody(stored)))
    }

    fn miss(&self, id: u128) {
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
        self.register().note_stale(id);
        self.news.notify_all();
    }

    fn release(&self, id: u128) {
        crate::lock(&self.released).push(id);
        self.news.notify_all();
    }
}

struct OpenBody(StoredBody);

impl Opened for OpenBody {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Lost> {
        self.0.read(offset, bytes).map_err(|_| Lost)
    }

    fn is_sound(&self) -> bool {
        self.0.is_sound().unwrap_or(false)
    }
}

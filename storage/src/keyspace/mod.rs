//! The keyspace: numbered databases, each cut into shards behind short locks.
//!
//! ```text
//! gate ── database 0 ── shard 0 … 255, each a lock around a table
//!      └─ database 1 ── …
//! ```
//!
//! A key's hash chooses the shard (bits 8 to 15) and its place in the shard's table (bits 24 up). A command
//! holds the shared side of the [`gate`] and locks the shards of its keys in ascending order; whoever holds
//! the exclusive side may lock in any order, because nobody else is inside.

pub mod access;
pub(crate) mod chores;
mod collections;
pub mod event;
pub mod gate;
mod growth;
pub mod guard;
mod http_cache;
pub(crate) mod interest;
pub(crate) mod lapse;
mod lapsing;
pub(crate) mod locks;
pub mod members;
pub mod news;
mod policies;
pub(crate) mod prewarming;
pub(crate) mod purges;
pub mod reclaim;
mod residence;
pub(crate) mod saving;
mod seen;
pub mod shard;
mod streams;
pub mod survey;
mod sweep;
mod telling;
pub mod thresholds;
pub(crate) mod union;
pub mod view;

use crate::bodies::DiskBodies;
use gate::Gate;
pub use http_cache::Due;
use http_cache::Refresher;
use interest::Ticket;
pub use purges::Epoch;
use purges::{Noted, PurgeNumber};
use reclaim::Reclaim;
pub use residence::Position;
use saving::Saving;
use shard::Shard;
use spinel_persistence::rdb::Forms;
use spinel_types::HashSeed;
pub use spinel_types::Location;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
pub use sweep::DbStatistics;
use thresholds::{Threshold, Thresholds};

/// Shards per database.
pub const SHARDS: usize = 256;

/// The number of a database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct DbIndex(pub u16);

/// All databases of one engine.
pub struct Keyspace {
    pub(crate) gate: Gate,
    databases: Vec<Database>,
    seed: HashSeed,
    reclaim: Reclaim,
    saving: Saving,
    thresholds: Thresholds,
    /// Whether expired keys are removed without anybody asking for them.
    is_expiring: AtomicBool,
    /// Whether somebody else says when keys go.
    is_copy: AtomicBool,
    /// How many wait for keys.
    waiters: AtomicUsize,
    last_ticket: AtomicU64,
    purge_number: PurgeNumber,
    policies: policies::Current,
    refresher: Refresher,
    growth: Growth,
    /// Where bodies of HTTP cache entries go that are for files, if anywhere.
    bodies: OnceLock<Arc<DiskBodies>>,
}

/// By how much memory has grown, on a cache line of its own: many threads add to it.
#[derive(Default)]
#[repr(align(128))]
struct Growth(AtomicI64);

/// A line of its own per lock, so that neighbours don't slow each other.
#[repr(align(128))]
struct Cell(Mutex<Shard>);

struct Database {
    shards: Box<[Cell]>,
    /// Whether anything in it has had an expiry since it was last emptied.
    has_expiries: AtomicBool,
    /// How often it was emptied or exchanged with another.
    generation: AtomicU64,
    /// Purges of entries of HTTP caches.
    noted: Noted,
    /// Locks of entries of HTTP caches.
    locks: locks::Locks,
}

/// The shard a hash belongs to.
#[inline]
pub(crate) fn shard_of(hash: u64) -> usize {
    (hash >> 8) as usize % SHARDS
}

impl Keyspace {
    /// Makes empty databases.
    pub fn new(databases: u16, seed: HashSeed) -> Keyspace {
        let database = |_| Database {
            shards: (0..SHARDS).map(|_| Cell(Mutex::new(Shard::new(seed)))).collect(),
            has_expiries: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            noted: Noted::default(),
            locks: locks::Locks::default(),
        };
        Keyspace {
            gate: Gate::default(),
            databases: (0..databases).map(database).collect(),
            seed,
            reclaim: Reclaim::default(),
            saving: Saving::default(),
            thresholds: Thresholds::default(),
            is_expiring: AtomicBool::new(true),
            is_copy: AtomicBool::new(false),
            waiters: AtomicUsize::new(0),
            last_ticket: AtomicU64::new(0),
            purge_number: PurgeNumber::default(),
            policies: policies::Current::default(),
            refresher: Refresher::default(),
            growth: Growth::default(),
            bodies: OnceLock::new(),
        }
    }

    /// Makes as many empty databases, for values of the forms that they have here.
    pub(crate) fn empty_twin(&self) -> Keyspace {
        let twin = Keyspace::new(self.databases(), self.seed);
        for (threshold, ..) in Threshold::all() {
            twin.thresholds.set(threshold, self.thresholds.value(threshold));
        }
        if let Some(bodies) = self.bodies() {
            twin.keep_bodies(Arc::clone(bodies));
        }
        twin
    }

    /// How many databases there are.
    pub fn databases(&self) -> u16 {
        self.databases.len() as u16
    }

    /// The sizes at which values change their form.
    #[inline]
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// How values that come from outside are built.
    pub fn forms(&self) -> Forms {
        let thresholds = &self.thresholds;
        Forms {
            seed: self.seed,
            hash: thresholds.hash(),
            list: thresholds.list(),
            set: thresholds.set_limits(),
            sorted_set: thresholds.sorted_set(),
            string_bytes_max: guard::STRING_BYTES_MAX,
        }
    }

    /// Names where bodies of HTTP cache entries go that are for files. Only the first one named counts.
    pub fn keep_bodies(&self, bodies: Arc<DiskBodies>) {
        self.bodies.get_or_init(|| bodies);
    }

    /// Where bodies of HTTP cache entries go that are for files, if anywhere.
    #[inline]
    pub fn bodies(&self) -> Option<&Arc<DiskBodies>> {
        self.bodies.get()
    }

    /// What gives the memory of flushed keys back.
    pub fn reclaim(&self) -> &Reclaim {
        &self.reclaim
    }

    /// The keyspace's part in snapshots.
    #[inline]
    pub(crate) fn saving(&self) -> &Saving {
        &self.saving
    }

    /// Whether expired keys are removed in the background.
    pub fn is_expiring(&self) -> bool {
        self.is_expiring.load(Ordering::Relaxed)
    }

    /// Lets expired keys be removed in the background, or not; they are invisible either way.
    pub fn set_active_expiry(&self, is_active: bool) {
        self.is_expiring.store(is_active, Ordering::Relaxed);
    }

    /// Whether the keyspace is a copy of another one, whose owner says when keys and members go. Until then, what has
    /// expired is invisible and stays.
    #[inline]
    pub fn is_copy(&self) -> bool {
        self.is_copy.load(Ordering::Relaxed)
    }

    /// Makes the keyspace a copy of another one, or its own master.
    pub fn set_copy(&self, is_copy: bool) {
        self.is_copy.store(is_copy, Ordering::Relaxed);
    }

    /// Whether a key or a member of a database may have an expiry.
    pub(crate) fn has_expiries(&self, db: DbIndex) -> bool {
        self.databases[usize::from(db.0)].has_expiries.load(Ordering::Relaxed)
    }

    /// Notes whether something in a database has an expiry. The lock of its shard, or the gate, orders this before
    /// whoever looks for it.
    pub(crate) fn note_expiries(&self, db: DbIndex, has_expiries: bool) {
        let flag = &self.databases[usize::from(db.0)].has_expiries;
        if flag.load(Ordering::Relaxed) != has_expiries {
            flag.store(has_expiries, Ordering::Relaxed);
        }
    }

    /// A number that changes when the keys of a database become others all at once. The caller is inside the gate.
    pub(crate) fn generation(&self, db: DbIndex) -> u64 {
        self.databases[usize::from(db.0)].generation.load(Ordering::Relaxed)
    }

    /// Notes that the keys of a database become others all at once. The caller holds the gate alone.
    fn renew_generation(&self, db: DbIndex) {
        self.databases[usize::from(db.0)].generation.fetch_add(1, Ordering::Relaxed);
    }

    /// By how many bytes the memory of keys has grown, or shrunk, since a moment long ago: two readings tell what happened
    /// between them, as far as commands did it while [`Observed::GROWTH`](news::Observed::GROWTH) was wanted.
    #[inline]
    pub fn growth(&self) -> i64 {
        self.growth.0.load(Ordering::Relaxed)
    }

    /// Notes that the memory of keys has grown, or shrunk.
    #[inline]
    pub(crate) fn note_growth(&self, bytes: i64) {
        self.growth.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many wait for keys. Whoever comes or goes holds a shard's lock, which orders this for who looks for them.
    pub(crate) fn waiters(&self) -> &AtomicUsize {
        &self.waiters
    }

    /// A ticket that nobody has yet.
    pub(crate) fn draw_ticket(&self) -> Ticket {
        self.last_ticket.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Checks a database number that came from outside.
    pub fn db(&self, number: i64) -> Option<DbIndex> {
        u16::try_from(number).ok().filter(|index| usize::from(*index) < self.databases.len()).map(DbIndex)
    }

    /// The secret of the key hash, which large collections use for their members, too.
    #[inline]
    pub(crate) fn seed(&self) -> HashSeed {
        self.seed
    }

    /// Hashes a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(key)
    }

    /// Locks the shard of a hash. The caller holds the gate.
    #[inline]
    pub(crate) fn lock(&self, db: DbIndex, shard: usize) -> MutexGuard<'_, Shard> {
        self.databases[usize::from(db.0)].shards[shard].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the shard of a hash unless somebody has it. The caller holds the gate.
    #[inline]
    pub(crate) fn try_lock(&self, db: DbIndex, shard: usize) -> Option<MutexGuard<'_, Shard>> {
        match self.databases[usize::from(db.0)].shards[shard].0.try_lock() {
            Ok(shard) => Some(shard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

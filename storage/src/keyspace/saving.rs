//! What a running snapshot and those who change keys do for each other.
//!
//! Every entry has a parity, and so has the keyspace; while no snapshot runs, all are the same. At the cut the keyspace
//! takes the other parity, and with it all that is written from then on. So an entry whose parity is not the keyspace's
//! is as it was at the cut, and the snapshot doesn't have it yet. Whoever is about to change such an entry copies it
//! into its shard first, and gives it the parity of the keyspace; the walk does the same with all that is left.
//!
//! Databases may be exchanged or emptied meanwhile. Each shard goes on belonging to the database it belonged to at the
//! cut; what an emptied one had that the snapshot doesn't is given to the snapshot as a whole.

use super::purges::Purges;
use super::shard::Shard;
use super::{DbIndex, Keyspace, SHARDS};
use spinel_cache::policy::Policies;
use spinel_types::{Copies, Parity, Slot, Values};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A shard that has copied so many bytes gives them to the snapshot: few enough that all shards together hold little,
/// enough that giving them away costs little.
const HANDED_OVER_BYTES: usize = 16 << 10;
/// What the copies of a shard start with.
const FIRST_BYTES: usize = 1 << 10;

/// A shard of a database as they were at the cut.
pub(crate) type Origin = (DbIndex, usize);

/// The keyspace's part in snapshots.
#[derive(Default)]
pub(crate) struct Saving {
    /// The parity of what is written. Changes only while the gate is held alone.
    is_odd: AtomicBool,
    running: Mutex<Option<Arc<Cut>>>,
    /// Bytes that are kept only for a snapshot.
    held: AtomicU64,
    peak: AtomicU64,
}

/// Entries of one database that a snapshot must have and that are in the keyspace no more.
pub(crate) type Kept = (DbIndex, Box<Copies>);

/// One snapshot, as far as those have to do with it who change keys.
pub(crate) struct Cut {
    places: Mutex<Places>,
    queue: Mutex<VecDeque<Kept>>,
    /// Entries in the queue and those being visited, in as many portions.
    unvisited: AtomicUsize,
    /// Whether each shard has no entry any more that the snapshot lacks.
    passed: Box<[AtomicBool]>,
    /// How many shards have.
    left: AtomicUsize,
    is_cancelled: AtomicBool,
    /// The purges of each database that were not done at the cut: what they are meant for is not in the snapshot.
    purges: Vec<Purges>,
    /// The policies of HTTP caches at the cut.
    policies: Arc<Policies>,
}

/// Where the databases of the cut are.
struct Places {
    /// Where each is now; nowhere if it was emptied.
    now: Vec<Option<DbIndex>>,
    /// Which of them each database is now.
    origins: Vec<Option<DbIndex>>,
    /// What emptied ones had.
    taken: BTreeMap<Origin, Taken>,
}

/// What a shard had.
pub(crate) struct Taken {
    pub(crate) values: Values,
    pub(crate) kept: Option<Box<Copies>>,
}

impl Saving {
    /// The parity of what is written.
    #[inline]
    pub(crate) fn parity(&self) -> Parity {
        // The gate orders this.
        if self.is_odd.load(Ordering::Relaxed) { Parity::Odd } else { Parity::Even }
    }

    /// Whether a snapshot lacks entries.
    pub(crate) fn is_running(&self) -> bool {
        self.running().is_some()
    }

    /// Makes the cut through databases with these purges and policies, unless another snapshot is running. The caller holds the gate
    /// alone.
    pub(crate) fn begin(&self, purges: Vec<Purges>, policies: Arc<Policies>) -> Option<Arc<Cut>> {
        let mut running = self.running();
        if running.is_some() {
            return None;
        }
        self.is_odd.fetch_xor(true, Ordering::Relaxed);
        self.peak.store(self.held.load(Ordering::Relaxed), Ordering::Relaxed);
        let cut = Arc::new(Cut::new(purges, policies));
        *running = Some(Arc::clone(&cut));
        Some(cut)
    }

    /// Exchanges what is right for entries, which are exchanged with it. No snapshot is running.
    pub(super) fn exchange_parities(&self, other: &Saving) {
        let mine = self.is_odd.load(Ordering::Relaxed);
        self.is_odd.store(other.is_odd.swap(mine, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Lets the next snapshot begin.
    pub(crate) fn end(&self) {
        *self.running() = None;
    }

    /// Bytes that are kept only for a snapshot, and the most of them since it began.
    pub(crate) fn held_bytes(&self) -> (u64, u64) {
        (self.held.load(Ordering::Relaxed), self.peak.load(Ordering::Relaxed))
    }

    /// Counts bytes that are kept only for a snapshot.
    fn hold(&self, bytes: usize) {
        let bytes = bytes as u64;
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(held, Ordering::Relaxed);
    }

    /// Counts bytes that were kept and are not any more.
    pub(crate) fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    fn hand_over(&self, db: DbIndex, kept: Box<Copies>) {
        let running = self.running().clone();
        if let Some(cut) = running {
            let origin = cut.places().origins[usize::from(db.0)];
            cut.push((origin.expect("only what was there at the cut is kept"), kept));
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<Cut>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Keeps what an entry of this shard, which is one of `db`, has for a running snapshot that lacks it.
    /// O(size of the value), less for large ones.
    pub(crate) fn keep(&mut self, saving: &Saving, db: DbIndex, slot: Slot) {
        let parity = saving.parity();
        if self.values.table().entry(slot).parity() == parity {
            return;
        }
        let before = self.kept.as_ref().map_or(0, |kept| kept.memory_bytes());
        let kept = self.kept.get_or_insert_with(|| Box::new(Copies::with_room(FIRST_BYTES)));
        self.values.renew(slot, parity, kept);
        let after = kept.memory_bytes();
        if after != before {
            saving.hold(after - before);
        }
        if kept.entry_bytes() + FIRST_BYTES > HANDED_OVER_BYTES || kept.large_bytes() > HANDED_OVER_BYTES {
            self.kept.take().into_iter().for_each(|kept| saving.hand_over(db, kept));
        }
    }
}

impl Keyspace {
    /// Gives what a shard had, and is about to lose as a whole, to the running snapshot if that lacks any of it;
    /// returns it otherwise. The caller holds the gate alone.
    pub(super) fn give_away(&self, (db, shard): Origin, taken: Taken) -> Option<Values> {
        let running = self.saving.running();
        let lacking = running.as_ref().and_then(|cut| {
            let origin = (cut.places().origins[usize::from(db.0)]?, shard);
            (!cut.has_passed(origin)).then_some((cut, origin))
        });
        let Some((cut, origin)) = lacking else { return Some(taken.values) };
        self.saving.hold(taken.values.memory_bytes());
        cut.places().taken.insert(origin, taken);
        None
    }

    /// Remembers that a database has been emptied. The caller holds the gate alone.
    pub(super) fn forget_place(&self, db: DbIndex) {
        if let Some(cut) = &*self.saving.running() {
            let mut places = cut.places();
            if let Some(origin) = places.origins[usize::from(db.0)].take() {
                places.now[usize::from(origin.0)] = None;
            }
        }
    }

    /// Remembers that two databases have been exchanged. The caller holds the gate alone.
    pub(super) fn exchange_places(&self, one: DbIndex, other: DbIndex) {
        if let Some(cut) = &*self.saving.running() {
            let mut places = cut.places();
            places.origins.swap(usize::from(one.0), usize::from(other.0));
            for db in [one, other] {
                if let Some(origin) = places.origins[usize::from(db.0)] {
                    places.now[usize::from(origin.0)] = Some(db);
                }
            }
        }
    }
}

impl Cut {
    fn new(purges: Vec<Purges>, policies: Arc<Policies>) -> Cut {
        let databases = purges.len() as u16;
        let shards = usize::from(databases) * SHARDS;
        let same: Vec<Option<DbIndex>> = (0..databases).map(|db| Some(DbIndex(db))).collect();
        Cut {
            places: Mutex::new(Places { now: same.clone(), origins: same, taken: BTreeMap::new() }),
            queue: Mutex::default(),
            unvisited: AtomicUsize::new(0),
            passed: (0..shards).map(|_| AtomicBool::new(false)).collect(),
            left: AtomicUsize::new(shards),
            is_cancelled: AtomicBool::new(false),
            purges,
            policies,
        }
    }

    /// The policies of HTTP caches at the cut.
    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The purges of a database that were not done at the cut.
    pub(crate) fn purges(&self, origin: DbIndex) -> &Purges {
        &self.purges[usize::from(origin.0)]
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.passed.len()
    }

    /// Where a database of the cut is now, if it was not emptied. The caller holds the gate.
    pub(crate) fn place(&self, origin: DbIndex) -> Option<DbIndex> {
        self.places().now[usize::from(origin.0)]
    }

    /// What a shard of an emptied database had; nothing if it had nothing or somebody has taken it.
    pub(crate) fn take(&self, origin: Origin) -> Option<Taken> {
        self.places().taken.remove(&origin)
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&self, origin: Origin, taken: Taken) {
        self.places().taken.insert(origin, taken);
    }

    /// Whether the snapshot lacks nothing of a shard.
    pub(crate) fn has_passed(&self, origin: Origin) -> bool {
        self.passed[index(origin)].load(Ordering::Relaxed)
    }

    /// Notes that the snapshot lacks nothing of a shard any more; whether that was the last one. The caller holds the
    /// gate.
    pub(crate) fn pass(&self, origin: Origin) -> bool {
        let is_first = !self.passed[index(origin)].swap(true, Ordering::Relaxed);
        is_first && self.left.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether the snapshot lacks nothing of any shard.
    pub(crate) fn has_passed_all(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Keeps entries until they are visited.
    pub(crate) fn push(&self, kept: Kept) {
        self.unvisited.fetch_add(1, Ordering::AcqRel);
        self.queue().push_back(kept);
    }

    /// Whether all that was kept has been visited.
    pub(crate) fn is_visited(&self) -> bool {
        self.unvisited.load(Ordering::Acquire) == 0
    }

    /// Notes that what [`pop`](Cut::pop) returned has been visited.
    pub(crate) fn note_visited(&self) {
        self.unvisited.fetch_sub(1, Ordering::AcqRel);
    }

    /// Entries to be visited.
    pub(crate) fn pop(&self) -> Option<Kept> {
        self.queue().pop_front()
    }

    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index((db, shard): Origin) -> usize {
    usize::from(db.0) * SHARDS + shard
}

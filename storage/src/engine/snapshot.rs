//! A copy of the whole keyspace as it was at one moment, taken while commands go on.
//!
//! The cut takes microseconds with the gate held alone. Then any number of threads walk over the shards, a bounded step
//! at a time: entries are copied under the shard's lock and visited when it is free again. What commands are about to
//! change meanwhile they copy first; see `keyspace/saving.rs`.

use super::Engine;
use super::execute::Turn;
use super::journal::{Journal, Offset};
use crate::keyspace::access::AccessPolicy;
use crate::keyspace::gate::Exclusive;
use crate::keyspace::news::Observed;
use crate::keyspace::saving::{Cut, Kept, Origin};
use crate::keyspace::{DbIndex, SHARDS};
use crate::time::UnixMillis;
use spinel_cache::policy::Policies;
use spinel_types::{Copies, Cursor, HttpCache, Parity, Value, Values};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A step goes through so many buckets of a table at most: some thousand entries, copied in 30 µs.
const BUCKETS_PER_STEP: usize = 96;
/// No bucket is begun after so many bytes of entries are copied.
const BYTES_PER_STEP: usize = 64 << 10;
/// No bucket is begun after large values of so many bytes are cloned. They share their memory, page by page.
const LARGE_BYTES_PER_STEP: usize = 4 << 20;
/// No stripe of a thread, nor that of the upkeep.
pub(super) const STRIPE: usize = usize::MAX - 1;

/// A snapshot cannot begin because another one is not over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotRunning;

/// A snapshot was given up before all of it was visited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotCancelled;

/// One key of a snapshot.
#[derive(Clone, Copy)]
pub struct SnapshotEntry<'a> {
    /// The database.
    pub db: DbIndex,
    /// The key.
    pub key: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
    /// When it expires. That may be before the cut if nobody had noticed.
    pub expiry: Option<UnixMillis>,
    /// Its access clock, which is the one thing that may have moved on since the cut.
    pub clock: u32,
}

/// Somebody to whom a snapshot is shown.
pub trait SnapshotVisitor {
    /// Looks at one key. No lock is held, so this may take its time; but what is changed meanwhile takes memory.
    ///
    /// Breaking off gives the whole snapshot up.
    fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()>;
}

/// How much of a database is in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotSize {
    /// The database.
    pub db: DbIndex,
    /// About how many keys it has.
    pub keys: usize,
    /// About how many of them have an expiry.
    pub expires: usize,
}

/// The keyspace as it was when the snapshot began.
///
/// Somebody has to [`walk`](Snapshot::walk) over it; as long as that is not done no other snapshot can begin. If it is
/// dropped before, dropping it takes as long as a walk that looks at nothing; don't do that inside a [`Turn`].
///
/// ```
/// use spinel_storage::{Db, SnapshotEntry, SnapshotVisitor};
/// use std::ops::ControlFlow;
///
/// struct Keys(Vec<Vec<u8>>);
///
/// impl SnapshotVisitor for Keys {
///     fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
///         self.0.push(entry.key.to_vec());
///         ControlFlow::Continue(())
///     }
/// }
///
/// let db = Db::memory();
/// db.execute(["SET", "before", "1"])?;
/// let snapshot = db.engine().begin_snapshot().expect("no other is running");
/// db.execute(["SET", "after", "1"])?;
/// db.execute(["DEL", "before"])?;
/// let mut keys = Keys(Vec::new());
/// snapshot.walk(&mut keys).expect("nobody gave it up");
/// assert_eq!(keys.0, [b"before".to_vec()]);
/// # Ok::<(), spinel_storage::Error>(())
/// ```
pub struct Snapshot {
    engine: Arc<Engine>,
    cut: Arc<Cut>,
    parity: Parity,
    journal_offset: Offset,
    /// Whether it is walked over while the keyspace is closed, so that nobody need pass the gate.
    is_of_closed: bool,
    sizes: Vec<SnapshotSize>,
    /// The shard that the next walker begins with.
    next: AtomicUsize,
    /// Shards that were not visited yet.
    unvisited: AtomicUsize,
    keys: AtomicU64,
}

impl Engine {
    /// Keeps the keyspace as it is now. Waits until everybody is out of the gate for a moment, so the calling thread
    /// must not be inside a [`Turn`]; see [`Turn::begin_snapshot`].
    pub fn begin_snapshot(self: &Arc<Engine>) -> Result<Arc<Snapshot>, SnapshotRunning> {
        self.begin_snapshot_with(|_| ()).map(|(snapshot, ())| snapshot)
    }

    /// As [`begin_snapshot`](Engine::begin_snapshot), and calls `at_cut` at the very moment of which the snapshot is:
    /// all that happened before is in the journal, and nothing happens meanwhile. A reader that is attached there reads
    /// what leads from the snapshot to the state of any later time.
    pub fn begin_snapshot_with<R>(
        self: &Arc<Engine>,
        at_cut: impl FnOnce(&Arc<Journal>) -> R,
    ) -> Result<(Arc<Snapshot>, R), SnapshotRunning> {
        if self.keyspace.saving().is_running() {
            // Nobody need stop for that.
            return Err(SnapshotRunning);
        }
        let alone = self.keyspace.gate.exclusive();
        let cut = self.cut(&alone, at_cut);
        drop(alone);
        cut.map(|(cut, offset, result)| (Snapshot::new(self, cut, offset), result))
    }

    fn cut<R>(
        &self,
        _alone: &Exclusive<'_>,
        at_cut: impl FnOnce(&Arc<Journal>) -> R,
    ) -> Result<(Arc<Cut>, Offset, R), SnapshotRunning> {
        let (purges, policies) = (self.keyspace.all_purges(), self.keyspace.policies());
        let cut = self.keyspace.saving().begin(purges, policies).ok_or(SnapshotRunning)?;
        self.keyspace.gate.use_stripe(STRIPE);
        self.attention.set(Observed::SNAPSHOT, true);
        let offset = self.journal.cut();
        Ok((cut, offset, at_cut(&self.journal)))
    }

    /// Bytes that are kept only for a snapshot, and the most of them since it began. Of large values that were changed
    /// all is counted, though they share what has not changed.
    pub fn snapshot_bytes(&self) -> (u64, u64) {
        self.keyspace.saving().held_bytes()
    }
}

impl Turn<'_> {
    /// As [`Engine::begin_snapshot_with`], from inside a turn, which leaves the gate for that. `engine` is the turn's.
    ///
    /// No claim may be held: what it does is recorded as a whole when it is released, and must not be cut in two.
    pub fn begin_snapshot<R>(
        &mut self,
        engine: &Arc<Engine>,
        at_cut: impl FnOnce(&Arc<Journal>) -> R,
    ) -> Result<(Arc<Snapshot>, R), SnapshotRunning> {
        if engine.keyspace.saving().is_running() {
            return Err(SnapshotRunning);
        }
        let alone = self.step_aside();
        let cut = engine.cut(&alone, at_cut);
        self.step_back(alone);
        cut.map(|(cut, offset, result)| (Snapshot::new(engine, cut, offset), result))
    }
}

impl Snapshot {
    /// Of a keyspace that stays closed while it is walked over.
    pub(super) fn of_closed(
        engine: &Arc<Engine>,
        alone: &Exclusive<'_>,
    ) -> Result<Arc<Snapshot>, SnapshotRunning> {
        let (cut, offset, ()) = engine.cut(alone, |_| ())?;
        let mut snapshot = Snapshot::new(engine, cut, offset);
        Arc::get_mut(&mut snapshot).expect("nobody else has it yet").is_of_closed = true;
        Ok(snapshot)
    }

    fn new(engine: &Arc<Engine>, cut: Arc<Cut>, journal_offset: Offset) -> Arc<Snapshot> {
        let keyspace = &engine.keyspace;
        let size = |db: u16| {
            let statistics = keyspace.statistics(DbIndex(db));
            SnapshotSize { db: DbIndex(db), keys: statistics.keys, expires: statistics.expires }
        };
        Arc::new(Snapshot {
            engine: Arc::clone(engine),
            parity: keyspace.saving().parity(),
            journal_offset,
            is_of_closed: false,
            sizes: (0..keyspace.databases()).map(size).filter(|size| size.keys > 0).collect(),
            next: AtomicUsize::new(0),
            unvisited: AtomicUsize::new(cut.shards()),
            keys: AtomicU64::new(0),
            cut,
        })
    }

    /// Shows what the snapshot holds to a visitor, in no particular order: all of it, or the part that falls to this
    /// thread if several walk at once. Returns when nothing is left for this thread, which must not be inside a
    /// [`Turn`].
    ///
    /// If a visitor breaks off or the snapshot is [cancelled](Snapshot::cancel), all walkers only pass over what is
    /// left, so that the next snapshot can begin.
    pub fn walk(&self, visitor: &mut dyn SnapshotVisitor) -> Result<(), SnapshotCancelled> {
        let mut walker = Walker { snapshot: self, visitor, copies: Copies::with_room(BYTES_PER_STEP) };
        loop {
            let shard = self.next.fetch_add(1, Ordering::Relaxed);
            if shard >= self.cut.shards() {
                break;
            }
            walker.walk_shard((DbIndex((shard / SHARDS) as u16), shard % SHARDS));
        }
        walker.visit_kept();
        if self.is_cancelled() { Err(SnapshotCancelled) } else { Ok(()) }
    }

    /// Gives the snapshot up. Those who walk over it visit nothing more, and return soon.
    pub fn cancel(&self) {
        self.cut.cancel();
    }

    /// Whether the snapshot was given up.
    pub fn is_cancelled(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Whether nothing is left to be visited. The next snapshot may begin by then, at times a little before.
    pub fn is_done(&self) -> bool {
        self.unvisited.load(Ordering::Acquire) == 0 && self.cut.is_visited()
    }

    /// The policies of HTTP caches at the cut.
    pub fn policies(&self) -> &Policies {
        self.cut.policies()
    }

    /// What access clocks mean.
    pub(crate) fn access_policy(&self) -> AccessPolicy {
        self.engine.access_policy()
    }

    /// About how many keys there are in all.
    pub fn all_keys(&self) -> u64 {
        self.sizes.iter().map(|size| size.keys as u64).sum()
    }

    /// Where the journal stood at the cut: the snapshot, and what the journal has from here on, make the state.
    pub fn journal_offset(&self) -> Offset {
        self.journal_offset
    }

    /// How many keys have been visited so far.
    pub fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    /// About how much each database has that is not empty. It was counted right after the cut.
    pub fn sizes(&self) -> &[SnapshotSize] {
        &self.sizes
    }

    /// Copies some of what a shard has that the snapshot lacks, and says where to go on.
    fn step(&self, origin: Origin, cursor: Cursor, copies: &mut Copies) -> Option<Cursor> {
        let keyspace = &self.engine.keyspace;
        let _inside = (!self.is_of_closed).then(|| keyspace.gate.shared(STRIPE));
        let (next, kept) = match self.cut.place(origin.0) {
            Some(db) => {
                let mut shard = keyspace.lock(db, origin.1);
                let next = self.renew(&mut shard.values, cursor, copies);
                (next, next.is_none().then(|| shard.kept.take()).flatten())
            }
            None => self.step_in_taken(origin, cursor, copies),
        };
        if next.is_none() {
            self.pass(origin, kept.map(|kept| (origin.0, kept)));
        }
        next
    }

    /// Does that with a shard of a database that was emptied.
    fn step_in_taken(
        &self,
        origin: Origin,
        cursor: Cursor,
        copies: &mut Copies,
    ) -> (Option<Cursor>, Option<Box<Copies>>) {
        let keyspace = &self.engine.keyspace;
        let Some(mut taken) = self.cut.take(origin) else { return (None, None) };
        let next = self.renew(&mut taken.values, cursor, copies);
        if next.is_some() {
            self.cut.put_back(origin, taken);
            return (next, None);
        }
        keyspace.saving().let_go(taken.values.memory_bytes());
        keyspace.reclaim().databases(vec![taken.values]);
        (None, taken.kept)
    }

    fn renew(&self, values: &mut Values, cursor: Cursor, copies: &mut Copies) -> Option<Cursor> {
        let is_cancelled = self.is_cancelled();
        let mut next = Some(cursor);
        for _ in 0..BUCKETS_PER_STEP {
            let is_enough =
                copies.entry_bytes() > BYTES_PER_STEP || copies.large_bytes() > LARGE_BYTES_PER_STEP;
            let Some(cursor) = next.filter(|_| !is_enough) else { break };
            next = if is_cancelled {
                values.renew_unseen(cursor, self.parity)
            } else {
                values.renew_bucket(cursor, self.parity, copies)
            };
        }
        next
    }

    /// Notes that nothing of a shard is lacking any more but what was kept. After the last one the next snapshot may
    /// begin.
    fn pass(&self, origin: Origin, kept: Option<Kept>) {
        if let Some(kept) = kept {
            self.cut.push(kept);
        }
        if self.cut.pass(origin) {
            self.engine.attention.set(Observed::SNAPSHOT, false);
            self.engine.keyspace.saving().end();
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if !self.cut.has_passed_all() {
            // Nobody walks any more. Some shards may have been passed in part.
            self.cancel();
            self.next.store(0, Ordering::Relaxed);
            let unseen = self.walk(&mut Nobody);
            debug_assert_eq!(unseen, Err(SnapshotCancelled));
        }
        while let Some((_, kept)) = self.cut.pop() {
            self.engine.keyspace.saving().let_go(kept.memory_bytes());
        }
    }
}

/// Whom nothing is shown, because the snapshot was given up.
struct Nobody;

impl SnapshotVisitor for Nobody {
    fn visit(&mut self, _entry: SnapshotEntry<'_>) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// One thread on its way over a snapshot.
struct Walker<'s> {
    snapshot: &'s Snapshot,
    visitor: &'s mut dyn SnapshotVisitor,
    copies: Copies,
}

impl Walker<'_> {
    fn walk_shard(&mut self, origin: Origin) {
        let mut next = Some(Cursor::default());
        while let Some(cursor) = next {
            // What others keep comes first, so that it doesn't pile up.
            self.visit_kept();
            next = self.snapshot.step(origin, cursor, &mut self.copies);
            let copies = std::mem::take(&mut self.copies);
            self.visit(origin.0, &copies);
            self.reuse(copies);
        }
        self.snapshot.unvisited.fetch_sub(1, Ordering::AcqRel);
    }

    fn visit_kept(&mut self) {
        while let Some((db, kept)) = self.snapshot.cut.pop() {
            self.visit(db, &kept);
            self.snapshot.engine.keyspace.saving().let_go(kept.memory_bytes());
            drop(kept);
            self.snapshot.cut.note_visited();
        }
    }

    fn visit(&mut self, db: DbIndex, copies: &Copies) {
        let purges = self.snapshot.cut.purges(db);
        for (entry, value) in copies.iter() {
            if self.snapshot.is_cancelled() {
                return;
            }
            let purged = match value {
                Value::HttpCache(cache) => purges.applied(entry.key(), cache),
                _ => None,
            };
            let value = purged.as_ref().map_or(value, Value::HttpCache);
            if purged.as_ref().is_some_and(HttpCache::is_empty) {
                continue;
            }
            let (key, expiry, clock) = (entry.key(), entry.stamp().map(UnixMillis), entry.clock());
            if self.visitor.visit(SnapshotEntry { db, key, value, expiry, clock }).is_break() {
                self.snapshot.cancel();
            }
            self.snapshot.engine.delays.save.wait(|| self.snapshot.is_cancelled());
        }
        self.snapshot.keys.fetch_add(copies.len() as u64, Ordering::Relaxed);
    }

    /// Uses the memory of copies that were visited for the next ones.
    fn reuse(&mut self, mut copies: Copies) {
        copies.clear();
        copies.shrink_to(2 * BYTES_PER_STEP);
        self.copies = copies;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::CommandTable;
    use crate::commands;
    use crate::engine::{EngineOptions, Executor, Setting};
    use spinel_resp::{Protocol, ReplyWriter};

    /// Entries that a bucket has room for.
    const PLACES: usize = 12;

    #[test]
    fn a_step_copies_a_bounded_number_of_entries_and_bytes() {
        let rows: Vec<_> = commands::all().collect();
        let engine =
            Arc::new(Engine::new(&EngineOptions { databases: 1, seed: (1, 2) }, CommandTable::new(&rows)));
        let mut executor = Executor::new(Arc::clone(&engine), 1);
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        for number in 0..400_000 {
            let key = format!("key:{number}").into_bytes();
            let value = vec![b'v'; if number % 1_000 == 0 { 100_000 } else { 5 }];
            let words: [&[u8]; 3] = [b"SET", &key, &value];
            let prepared = engine.prepare(&words).expect("it is a command");
            executor.begin(UnixMillis(0)).execute(&prepared, Setting::default(), &words, &mut reply);
        }

        let snapshot = engine.begin_snapshot().expect("no other is running");
        let (mut keys, mut steps) = (0, 0);
        for shard in 0..SHARDS {
            let mut next = Some(Cursor::default());
            while let Some(cursor) = next {
                let mut copies = Copies::new();
                next = snapshot.step((DbIndex(0), shard), cursor, &mut copies);
                (keys, steps) = (keys + copies.len(), steps + 1);
                // Those that had to move on from a full bucket come with it.
                assert!(copies.len() < (BUCKETS_PER_STEP + 8) * PLACES);
                assert!(copies.entry_bytes() < BYTES_PER_STEP + 2 * PLACES * 100_000);
            }
        }
        assert_eq!(keys, 400_000);
        assert!(steps > SHARDS, "{steps} steps are no test");
    }
}

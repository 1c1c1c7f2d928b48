//! Going through whole databases, one shard after another.

use super::lapse::{Lapse, Lapsed};
use super::saving::Taken;
use super::{DbIndex, Keyspace, SHARDS, shard_of};
use crate::entropy::Entropy;
use crate::time::UnixMillis;
use spinel_types::{Cursor, Entry, Remains, Slot, TableStatistics, ValueType, Values};
use std::sync::atomic::Ordering;

/// Sizes of one database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DbStatistics {
    /// Keys, those included that have expired but not been removed yet.
    pub keys: usize,
    /// Keys with an expiry.
    pub expires: usize,
    /// Keys whose value has members with an expiry.
    pub expiring_in_part: usize,
    /// Bytes of entries and index, entries rounded up to their size classes.
    pub memory_bytes: usize,
    /// Bytes taken from the allocator.
    pub allocated_bytes: usize,
    /// Bytes of the index of keys alone.
    pub index_bytes: usize,
}

/// The shard's part of a scan cursor stands above the table's.
const CURSOR_SHARD: u32 = Cursor::BITS;

impl Keyspace {
    /// Counts keys and bytes of a database. O(shards).
    pub fn statistics(&self, db: DbIndex) -> DbStatistics {
        let mut sum = DbStatistics::default();
        for shard in 0..SHARDS {
            let shard = self.lock(db, shard);
            sum.keys += shard.values.table().len();
            sum.expires += shard.values.table().stamped();
            sum.expiring_in_part += shard.values.expiring_in_part();
            sum.memory_bytes += shard.values.memory_bytes();
            sum.index_bytes += shard.values.table().index_bytes();
            sum.allocated_bytes += shard.values.allocated_bytes();
        }
        sum
    }

    /// Measures the tables of a database. O(keys).
    pub fn table_statistics(&self, db: DbIndex) -> TableStatistics {
        let mut sum = TableStatistics::default();
        for shard in 0..SHARDS {
            sum += self.lock(db, shard).values.table().statistics();
        }
        sum
    }

    /// How many keys a database has, expired ones included that have not been removed yet. O(shards).
    pub fn len(&self, db: DbIndex) -> usize {
        (0..SHARDS).map(|shard| self.lock(db, shard).values.table().len()).sum()
    }

    /// Estimates for how much longer keys with an expiry live, in milliseconds: the mean over all of them in a small
    /// database, over some from each shard in a large one. `None` if there are none, or too few to meet any. O(shards).
    ///
    /// Keys stand in the order of their hashes, so that the first are as good as any.
    pub fn mean_time_to_live(&self, db: DbIndex, now: UnixMillis) -> Option<i64> {
        const BUCKETS_PER_SHARD: usize = 4;
        let (mut keys, mut sum) = (0_i128, 0_i128);
        for shard in 0..SHARDS {
            let held = self.lock(db, shard);
            let table = held.values.table();
            let mut next = (table.stamped() > 0).then(Cursor::default);
            for _ in 0..BUCKETS_PER_SHARD {
                let Some(cursor) = next else { break };
                next = table.scan(cursor, |entry| {
                    if let Some(expiry) = entry.stamp().filter(|expiry| *expiry > now.0) {
                        keys += 1;
                        sum += i128::from(expiry) - i128::from(now.0);
                    }
                });
            }
        }
        // A mean of 64-bit numbers is one.
        (keys > 0).then(|| (sum / keys) as i64)
    }

    /// Visits every key of a database that has not expired, shard by shard.
    pub fn for_each(&self, db: DbIndex, now: UnixMillis, visit: impl FnMut(Entry<'_>, &Values)) {
        self.for_each_up_to(db, now, usize::MAX, visit);
    }

    /// As [`for_each`](Self::for_each), but ends before the first shard with which it would have looked at more than
    /// `keys_max`, and returns the cursor with which [`scan`](Self::scan) goes on there.
    pub(crate) fn for_each_up_to(
        &self,
        db: DbIndex,
        now: UnixMillis,
        keys_max: usize,
        mut visit: impl FnMut(Entry<'_>, &Values),
    ) -> Option<u64> {
        let mut left = keys_max;
        for shard in 0..SHARDS {
            let values = &self.lock(db, shard).values;
            let Some(rest) = left.checked_sub(values.table().len()) else {
                return Some((shard as u64) << CURSOR_SHARD);
            };
            left = rest;
            values.table().for_each(|entry| {
                if is_alive(entry, now) {
                    visit(entry, values);
                }
            });
        }
        None
    }

    /// Visits at least `count` keys from a cursor on, or as many buckets times ten, and returns the next
    /// cursor; 0 starts and 0 ends. Keys that are there throughout are visited once.
    pub fn scan(
        &self,
        db: DbIndex,
        cursor: u64,
        count: u64,
        now: UnixMillis,
        mut visit: impl FnMut(Entry<'_>),
    ) -> u64 {
        self.scan_values(db, cursor, count, now, |entry, _| visit(entry))
    }

    /// As [`scan`](Self::scan), with the values beside the keys.
    pub(crate) fn scan_values(
        &self,
        db: DbIndex,
        cursor: u64,
        count: u64,
        now: UnixMillis,
        mut visit: impl FnMut(Entry<'_>, &Values),
    ) -> u64 {
        let (mut shard, mut at) = ((cursor >> CURSOR_SHARD) as usize, Cursor::from_bits(cursor));
        let (mut visited, mut steps) = (0, 0);
        while shard < SHARDS && visited < count && steps < count.saturating_mul(10) {
            let held = self.lock(db, shard);
            let mut next = Some(at);
            while let Some(cursor) = next.filter(|_| visited < count && steps < count.saturating_mul(10)) {
                next = held.values.table().scan(cursor, |entry| {
                    visited += 1;
                    if is_alive(entry, now) {
                        visit(entry, &held.values);
                    }
                });
                steps += u64::from(!held.values.table().is_empty());
            }
            (shard, at) = next.map_or((shard + 1, Cursor::default()), |next| (shard, next));
        }
        if shard < SHARDS { (shard as u64) << CURSOR_SHARD | at.bits() } else { 0 }
    }

    /// Chooses a key that has not expired, nearly evenly; `None` if there is none. O(shards), unless most keys
    /// have expired.
    pub fn random_key(&self, db: DbIndex, now: UnixMillis, entropy: &mut Entropy) -> Option<Vec<u8>> {
        const TRIES: usize = 100;
        let lens: Vec<usize> = (0..SHARDS).map(|shard| self.lock(db, shard).values.table().len()).collect();
        let len: usize = lens.iter().sum();
        if len == 0 {
            return None;
        }
        let chosen = (0..TRIES).find_map(|_| {
            let shard = shard_of_rank(&lens, entropy.below(len as u64) as usize);
            self.pick(db, shard, now, entropy)
        });
        // Hardly any key can be alive, so that going through all is the way to find it.
        chosen.or_else(|| self.first_key(db, now))
    }

    /// Chooses a key of one shard; `None` if it hit an expired one.
    fn pick(&self, db: DbIndex, shard: usize, now: UnixMillis, entropy: &mut Entropy) -> Option<Vec<u8>> {
        let held = self.lock(db, shard);
        let slot = held.values.table().choose(|| entropy.word())?;
        let entry = held.values.table().entry(slot);
        is_alive(entry, now).then(|| entry.key().to_vec())
    }

    fn first_key(&self, db: DbIndex, now: UnixMillis) -> Option<Vec<u8>> {
        (0..SHARDS).find_map(|shard| {
            let mut found = None;
            self.lock(db, shard).values.table().for_each(|entry| {
                if found.is_none() && is_alive(entry, now) {
                    found = Some(entry.key().to_vec());
                }
            });
            found
        })
    }

    /// Takes all keys out of a database, adds them to `emptied`, to be dropped by whoever has the time, unless a running
    /// snapshot wants them, and says how many there were.
    ///
    /// The caller holds the gate alone.
    pub(crate) fn empty(&self, db: DbIndex, emptied: &mut Vec<Values>) -> usize {
        self.note_expiries(db, false);
        self.renew_generation(db);
        self.forget_purges(db, u64::MAX);
        let mut keys = 0;
        for shard in 0..SHARDS {
            let mut held = self.lock(db, shard);
            held.rouse_watchers(self.seed);
            keys += held.values.table().len();
            self.note_growth(-(held.values.memory_bytes() as i64));
            if !held.values.table().is_empty() || held.kept.is_some() {
                let values = std::mem::replace(&mut held.values, Values::new(self.seed));
                let taken = Taken { values, kept: held.kept.take() };
                emptied.extend(self.give_away((db, shard), taken));
            }
        }
        self.forget_place(db);
        keys
    }

    /// The keys of a database that somebody waits for. The caller holds the gate alone.
    pub(crate) fn awaited(&self, db: DbIndex) -> Vec<Box<[u8]>> {
        if self.waiters.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let in_shard = |shard| {
            let held = self.lock(db, shard);
            let awaited = held.interest.iter().flat_map(|interest| interest.awaited()).map(Box::from);
            awaited.collect::<Vec<_>>()
        };
        (0..SHARDS).flat_map(in_shard).collect()
    }

    /// Exchanges the contents of two databases. The caller holds the gate alone.
    pub(crate) fn swap(&self, one: DbIndex, other: DbIndex) {
        if one == other {
            return;
        }
        let (one_has, other_has) = (self.has_expiries(one), self.has_expiries(other));
        self.note_expiries(one, other_has);
        self.note_expiries(other, one_has);
        self.exchange_places(one, other);
        self.swap_purges(one, other);
        self.renew_generation(one);
        self.renew_generation(other);
        for shard in 0..SHARDS {
            let (mut one, mut other) = (self.lock(one, shard), self.lock(other, shard));
            for held in [&one, &other] {
                held.rouse_watchers(self.seed);
            }
            std::mem::swap(&mut one.values, &mut other.values);
            std::mem::swap(&mut one.kept, &mut other.kept);
            for held in [&one, &other] {
                held.rouse_watchers(self.seed);
            }
        }
    }

    /// Exchanges all databases with those of a [twin](Keyspace::empty_twin), whose entries all have its parity. The caller holds the
    /// gates of both alone, and no snapshot is running.
    pub(crate) fn exchange(&self, twin: &Keyspace) {
        self.saving.exchange_parities(&twin.saving);
        self.exchange_policies(twin);
        for db in (0..self.databases()).map(DbIndex) {
            let (mine, other) = (self.has_expiries(db), twin.has_expiries(db));
            self.note_expiries(db, other);
            twin.note_expiries(db, mine);
            self.renew_generation(db);
            // They were meant for what goes; what comes has numbers of its own.
            self.forget_purges(db, u64::MAX);
            for shard in 0..SHARDS {
                let (mut held, mut other) = (self.lock(db, shard), twin.lock(db, shard));
                held.rouse_watchers(self.seed);
                self.note_growth(other.values.memory_bytes() as i64 - held.values.memory_bytes() as i64);
                std::mem::swap(&mut held.values, &mut other.values);
                held.rouse_watchers(self.seed);
            }
        }
    }

    /// Removes up to about `keys_max` expired keys of one shard and reports each, and whether anybody waits
    /// for it. Says whether more may be due:
    /// keys, and members of values.
    pub(crate) fn expire_shard(
        &self,
        db: DbIndex,
        shard: usize,
        now: UnixMillis,
        keys_max: usize,
        mut report: impl FnMut(&[u8], bool),
    ) -> (bool, bool) {
        let mut held = self.lock(db, shard);
        let mut due: Vec<Slot> = Vec::new();
        let before = held.values.memory_bytes() as i64;
        let has_more = held.values.collect_due(now.0, keys_max, &mut due);
        for slot in due {
            let key = held.values.table().entry(slot).key();
            report(key, held.lapse(key));
            let hash = self.hash(key);
            debug_assert_eq!(shard_of(hash), shard);
            held.keep(&self.saving, db, slot);
            self.reclaim.value(held.values.remove(hash, slot));
        }
        self.note_growth(held.values.memory_bytes() as i64 - before);
        (has_more, held.values.first_due(now.0).is_some())
    }

    /// Removes up to about `members_max` expired members of one value of a shard and reports them, or that the key
    /// went with them, and whether anybody waits for it. Whether there was such a value, so that there may be more.
    pub(crate) fn expire_members(
        &self,
        db: DbIndex,
        shard: usize,
        now: UnixMillis,
        members_max: usize,
        report: impl FnOnce(Lapse, u64, bool),
    ) -> bool {
        let mut held = self.lock(db, shard);
        let Some(key) = held.values.first_due(now.0).map(<[u8]>::to_vec) else { return false };
        let hash = self.hash(&key);
        let found = held.values.table().find(hash, &key);
        let mut slot = found.expect("a value whose members expire is there");
        held.keep(&self.saving, db, slot);
        let values = &mut held.values;
        let before = values.memory_bytes() as i64;
        let value_type = ValueType::of(values.table().entry(slot));
        let mut members = Vec::new();
        let remains = values
            .expire_members(hash, &mut slot, now.0, members_max, |member| members.push(member.to_vec()));
        let expired = expired_members(value_type, members.len(), &remains);
        self.note_growth(values.memory_bytes() as i64 - before);
        let what = match remains {
            Remains::Members if members.is_empty() => return true,
            Remains::Members => Lapsed::Members(value_type, members),
            Remains::Nothing(large) => {
                if let Some(large) = &large {
                    large.for_each_field(|field| members.push(field.to_vec()));
                }
                self.reclaim.value(large);
                Lapsed::AllMembers(value_type, members)
            }
        };
        let is_awaited = held.lapse(&key);
        report(Lapse { db, key, what }, expired, is_awaited);
        true
    }
}

/// How many members have expired, if so many were told of; the entries of a stream that are due have not.
pub(super) fn expired_members(value_type: ValueType, told: usize, remains: &Remains) -> u64 {
    let untold = match remains {
        Remains::Nothing(Some(large)) => large.len(),
        Remains::Nothing(None) | Remains::Members => 0,
    };
    if value_type == ValueType::Stream { 0 } else { (told + untold) as u64 }
}

fn is_alive(entry: Entry<'_>, now: UnixMillis) -> bool {
    entry.stamp().is_none_or(|expiry| expiry > now.0)
}

/// The shard of the key that has `rank` keys before it.
fn shard_of_rank(lens: &[usize], mut rank: usize) -> usize {
    let is_here = |len: &usize| {
        let is_here = rank < *len;
        rank = rank.saturating_sub(*len);
        is_here
    };
    lens.iter().position(is_here).expect("the rank is below the sum")
}

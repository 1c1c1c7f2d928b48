//! Making room: removing the keys that are most likely not missed.
//!
//! Which those are is found out by looking at some. The best candidates of all that were looked at are kept, so that in time
//! the worst keys of a whole database gather, though each look is at a single bucket:
//!
//! ```text
//! a bucket of a shard ─ looked at ─ candidates, the 16 best so far ─ the best ─ looked at again ─ removed
//! ```
//!
//! A bucket costs one load that misses the caches and as many side by side as there are entries, so it is looked at as a
//! whole, however few keys were asked for.

use super::execute::Turn;
use crate::entropy::Entropy;
use crate::keyspace::access::AccessPolicy;
use crate::keyspace::lapse::{Lapse, Lapsed};
use crate::keyspace::{DbIndex, Keyspace, SHARDS, shard_of};
use crate::time::UnixMillis;
use spinel_types::Entry;

/// How many candidates are kept.
const CANDIDATES_MAX: usize = 16;
/// Removals until it is looked again which databases have how many keys.
const CENSUS_INTERVAL: u32 = 4096;
/// Candidates that turned out to be of use, after which a key is removed that isn't the best one.
const TRIES: u32 = 8;

/// Which keys go first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvictionOrder {
    /// Those that were not used, or changed, for the longest time; with [`AccessPolicy::Frequency`] those that are used least.
    Coldest,
    /// Those that expire first.
    SoonestToExpire,
    /// Any.
    Random,
}

/// Which keys may be removed to make room, and in which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EvictionPolicy {
    /// Which go first.
    pub order: EvictionOrder,
    /// Only keys that expire.
    pub only_expiring: bool,
    /// How many keys are looked at, at least, for each that is removed.
    pub samples: usize,
}

/// A key that may have to go.
struct Candidate {
    /// The higher, the sooner.
    score: u64,
    db: DbIndex,
    hash: u64,
    key: Box<[u8]>,
}

/// What a thread knows of keys that may have to go.
#[derive(Default)]
pub(super) struct Candidates {
    /// By score, the best last.
    best: Vec<Candidate>,
    policy: Option<(EvictionPolicy, AccessPolicy)>,
    /// The databases that have keys, and how many.
    census: Vec<(DbIndex, u64)>,
    /// Removals since the census.
    removals: u32,
}

/// What decides about an entry.
#[derive(Clone, Copy)]
struct Judge {
    policy: EvictionPolicy,
    access: AccessPolicy,
    now: UnixMillis,
}

impl Judge {
    /// How little an entry is of use; `None` if it has to stay.
    fn score(self, entry: Entry<'_>) -> Option<u64> {
        let expiry = entry.stamp();
        if self.policy.only_expiring && expiry.is_none() {
            return None;
        }
        if expiry.is_some_and(|expiry| expiry <= self.now.0) {
            return Some(u64::MAX);
        }
        Some(match (self.policy.order, self.access) {
            (EvictionOrder::Random, _) => 0,
            (EvictionOrder::SoonestToExpire, _) => {
                u64::MAX - 1 - expiry.unwrap_or(i64::MAX).max(0).unsigned_abs()
            }
            (EvictionOrder::Coldest, AccessPolicy::Frequency { .. }) => {
                let rarity = u64::from(u8::MAX) - u64::from(self.access.frequency(entry.clock(), self.now));
                rarity << 16 | u64::from(AccessPolicy::idle_minutes(entry.clock(), self.now))
            }
            (EvictionOrder::Coldest, AccessPolicy::Recency | AccessPolicy::Modification) => {
                AccessPolicy::idle_millis(entry.clock(), self.now).unsigned_abs()
            }
        })
    }
}

impl Candidates {
    /// Forgets what was found out by another policy.
    fn begin(&mut self, policy: EvictionPolicy, access: AccessPolicy) {
        if self.policy != Some((policy, access)) {
            self.best.clear();
            self.policy = Some((policy, access));
        }
    }

    /// Looks which databases have keys, now and then.
    fn take_census(&mut self, keyspace: &Keyspace) {
        self.removals = 0;
        let databases = (0..keyspace.databases()).map(DbIndex);
        self.census.clear();
        self.census.extend(databases.map(|db| (db, keyspace.len(db) as u64)).filter(|(_, keys)| *keys > 0));
    }

    /// Whether a candidate with this score would be among the best.
    fn wants(&self, score: u64) -> bool {
        self.best.len() < CANDIDATES_MAX || self.best[0].score < score
    }

    /// Keeps a candidate, in place of the worst if there are too many.
    fn offer(&mut self, score: u64, db: DbIndex, hash: u64, key: &[u8]) {
        if self.best.iter().any(|other| other.hash == hash && other.db == db && *other.key == *key) {
            return;
        }
        if self.best.len() >= CANDIDATES_MAX {
            self.best.remove(0);
        }
        let at = self.best.partition_point(|other| other.score <= score);
        self.best.insert(at, Candidate { score, db, hash, key: key.into() });
    }

    /// Chooses a database, each key with the same chance.
    fn choose_database(&self, entropy: &mut Entropy) -> Option<DbIndex> {
        let keys: u64 = self.census.iter().map(|(_, keys)| keys).sum();
        let mut rank = (keys > 0).then(|| entropy.below(keys))?;
        let holds = |(_, keys): &&(DbIndex, u64)| {
            let is_here = rank < *keys;
            rank = rank.saturating_sub(*keys);
            is_here
        };
        self.census.iter().find(holds).map(|(db, _)| *db)
    }

    /// Looks at some keys of a shard.
    fn look(&mut self, keyspace: &Keyspace, (db, shard): (DbIndex, usize), judge: Judge, random: u64) {
        let held = keyspace.lock(db, shard);
        let (samples, only_expiring) = (judge.policy.samples, judge.policy.only_expiring);
        held.values.table().sample(random, samples, only_expiring, |entry| {
            if let Some(score) = judge.score(entry).filter(|score| self.wants(*score)) {
                self.offer(score, db, keyspace.hash(entry.key()), entry.key());
            }
        });
    }

    /// Looks at some keys of a shard that chance chooses, and of others if there are none that may go.
    fn gather(&mut self, keyspace: &Keyspace, judge: Judge, entropy: &mut Entropy) {
        if self.census.is_empty() || self.removals >= CENSUS_INTERVAL {
            self.take_census(keyspace);
        }
        let shard = entropy.below(SHARDS as u64) as usize;
        if let Some(db) = self.choose_database(entropy) {
            self.look(keyspace, (db, shard), judge, entropy.word());
        }
        if !self.best.is_empty() {
            return;
        }
        self.take_census(keyspace);
        let databases: Vec<DbIndex> = self.census.iter().map(|(db, _)| *db).collect();
        let shards = databases.iter().flat_map(|db| (0..SHARDS).map(|step| (*db, (shard + step) % SHARDS)));
        for place in shards {
            self.look(keyspace, place, judge, entropy.word());
            if !self.best.is_empty() {
                break;
            }
        }
    }
}

impl Turn<'_> {
    /// Removes one key to make room, and tells who listens; whether there was one that the policy lets go.
    ///
    /// The turn holds no shard, and has passed the gate. O(samples); where hardly any key may go, up to O(keys / 12).
    pub fn evict(&mut self, policy: EvictionPolicy) -> bool {
        let judge = Judge { policy, access: self.engine.access_policy(), now: self.now };
        let keyspace = &self.engine.keyspace;
        let mut candidates = std::mem::take(&mut self.notes.candidates);
        candidates.begin(policy, judge.access);
        let mut tries = 0;
        let has_evicted = loop {
            candidates.gather(keyspace, judge, self.entropy);
            let Some(candidate) = candidates.best.pop() else { break false };
            tries += 1;
            match self.remove_candidate(&candidate, judge, tries >= TRIES) {
                Verdict::Removed => break true,
                Verdict::Gone => {}
                Verdict::OfUse(score) => {
                    candidates.offer(score, candidate.db, candidate.hash, &candidate.key);
                }
            }
        };
        candidates.removals += 1;
        if policy.order == EvictionOrder::Random {
            candidates.best.clear();
        }
        self.notes.candidates = candidates;
        has_evicted
    }

    /// Removes a candidate, unless it has been of use since it became one.
    fn remove_candidate(&mut self, candidate: &Candidate, judge: Judge, is_final: bool) -> Verdict {
        let Candidate { db, hash, ref key, .. } = *candidate;
        let (engine, keyspace) = (self.engine, &self.engine.keyspace);
        let mut held = keyspace.lock(db, shard_of(hash));
        let Some(slot) = held.values.table().find(hash, key) else { return Verdict::Gone };
        let Some(score) = judge.score(held.values.table().entry(slot)) else { return Verdict::Gone };
        if score < candidate.score && !is_final {
            return Verdict::OfUse(score);
        }
        let has_expired = score == u64::MAX;
        let what = if has_expired { Lapsed::Key } else { Lapsed::Evicted };
        let lapse = Lapse { db, key: key.to_vec(), what };
        engine.record_lapse(&lapse);
        engine.tell_lapse(&lapse, held.lapse(key));
        let before = held.values.memory_bytes();
        held.keep(keyspace.saving(), db, slot);
        keyspace.reclaim().value(held.values.remove(hash, slot));
        keyspace.note_growth(held.values.memory_bytes() as i64 - before as i64);
        let counter = if has_expired { &self.scene.counters.expired } else { &self.scene.counters.evicted };
        counter.add(1);
        Verdict::Removed
    }
}

/// What became of a candidate.
enum Verdict {
    Removed,
    /// It isn't there any more, or has to stay.
    Gone,
    /// It was used meanwhile, and has this score now.
    OfUse(u64),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::CommandTable;
    use crate::commands;
    use crate::engine::{Engine, EngineOptions, Executor, Setting};
    use crate::keyspace::news::Observed;
    use spinel_resp::{Protocol, ReplyWriter};
    use std::sync::Arc;

    fn executor() -> Executor {
        let rows: Vec<_> = commands::all().collect();
        let table = CommandTable::new(&rows);
        let engine = Engine::new(&EngineOptions { databases: 2, seed: (1, 2) }, table);
        engine.observe(Observed::GROWTH, true);
        Executor::new(Arc::new(engine), 3)
    }

    fn run(executor: &mut Executor, now: i64, text: &str) {
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        let prepared = executor.engine().clone().prepare(&words).expect("there is such a command");
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        executor.begin(UnixMillis(now)).execute(&prepared, Setting::default(), &words, &mut reply);
        assert_ne!(
            reply.bytes().first(),
            Some(&b'-'),
            "{text}: {:?}",
            String::from_utf8_lossy(reply.bytes())
        );
    }

    fn memory_bytes(executor: &Executor) -> i64 {
        executor.engine().keyspace().statistics(DbIndex(0)).memory_bytes as i64
    }

    /// What commands noted is what an account of everything finds, but for what a thread keeps back.
    #[test]
    fn growth_is_noted_as_it_happens() {
        let mut executor = executor();
        let mut entropy = Entropy::new(5);
        let (mut now, start) = (1_700_000_000_000, memory_bytes(&executor));
        for step in 0..20_000 {
            now += 1;
            let key = entropy.below(400);
            let text = match entropy.below(12) {
                0 => format!("SET s{key} {}", "x".repeat(entropy.below(3000) as usize + 1)),
                1 => format!("APPEND s{key} {}", "y".repeat(entropy.below(300) as usize + 1)),
                2 => format!("RPUSH l{key} {}", "z".repeat(entropy.below(200) as usize + 1)),
                3 => format!("LPOP l{key}"),
                4 => format!("HSET h{key} f{} {step}", entropy.below(300)),
                5 => format!("HDEL h{key} f{}", entropy.below(300)),
                6 => format!("ZADD z{key} {step} {}", entropy.below(500)),
                7 => format!("SUNIONSTORE u{key} u{} u{}", entropy.below(400), entropy.below(400)),
                8 => format!("SADD u{key} {}", entropy.below(1000)),
                9 => format!("DEL s{key} l{key}"),
                10 => format!("PEXPIRE h{key} {}", entropy.below(2000)),
                _ => format!("XADD x{key} * f {step}"),
            };
            run(&mut executor, now, &text);
            if step % 2000 == 1999 {
                run(&mut executor, now, "DEL none");
                executor.engine().expire_round(UnixMillis(now), usize::MAX);
                let noted = executor.engine().keyspace().growth();
                let found = memory_bytes(&executor) - start;
                assert!((noted - found).abs() < 5000, "step {step}: {noted} noted, {found} found");
            }
        }
        run(&mut executor, now, "FLUSHALL");
        assert!(executor.engine().keyspace().growth().abs() < 5000);
    }

    #[test]
    fn the_coldest_and_the_soonest_go_first() {
        for (order, only_expiring) in [
            (EvictionOrder::Coldest, false),
            (EvictionOrder::Coldest, true),
            (EvictionOrder::SoonestToExpire, true),
        ] {
            let mut executor = executor();
            let start = 1_700_000_000_000;
            for number in 0..2000 {
                // The lower the number, the longer ago, and the sooner it expires.
                let expiry =
                    if number % 2 == 0 { format!(" PXAT {}", start * 2 + number) } else { String::new() };
                run(&mut executor, start + number * 10_000, &format!("SET {number} v{expiry}"));
            }
            let now = start + 2000 * 10_000;
            let policy = EvictionPolicy { order, only_expiring, samples: 5 };
            for _ in 0..500 {
                assert!(executor.begin(UnixMillis(now)).evict(policy));
            }
            let mut left = Vec::new();
            executor.engine().keyspace().for_each(DbIndex(0), UnixMillis(now), |entry, _| {
                left.push(String::from_utf8_lossy(entry.key()).parse::<u32>().expect("a number"));
            });
            assert_eq!(left.len(), 1500);
            assert!(!only_expiring || left.iter().filter(|number| **number % 2 == 1).count() == 1000);
            // As many from the cold end should have gone; chance alone would leave 250 or 375 of them.
            let candidates = if only_expiring { 1000 } else { 2000 };
            let line = 2000 * 500 / candidates;
            let is_out_of_order =
                |number: &&u32| **number < line && (!only_expiring || number.is_multiple_of(2));
            let kept = left.iter().filter(is_out_of_order).count();
            assert!(kept < 150, "{kept} of 500 should have gone first");
        }
    }

    #[test]
    fn nothing_goes_that_has_to_stay_and_all_databases_are_looked_at() {
        let mut executor = executor();
        let now = 1_700_000_000_000;
        run(&mut executor, now, "SET stays v");
        let policy = EvictionPolicy { order: EvictionOrder::Random, only_expiring: true, samples: 1 };
        assert!(!executor.begin(UnixMillis(now)).evict(policy));
        run(&mut executor, now, "SET goes v PX 100000");
        run(&mut executor, now, "MOVE goes 1");
        assert!(executor.begin(UnixMillis(now)).evict(policy));
        assert!(!executor.begin(UnixMillis(now)).evict(policy));
        assert_eq!(executor.engine().counters().evicted, 1);
        assert_eq!(executor.engine().keyspace().len(DbIndex(0)), 1);
    }
}

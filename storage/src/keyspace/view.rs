//! The part of the keyspace that one running command may touch.

use super::access::AccessPolicy;
use super::guard::KeyGuard;
use super::shard::Shard;
use super::{DbIndex, Keyspace, shard_of};
use crate::engine::counters::Counters;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::{Entry, Slot, Str};
use std::sync::MutexGuard;

/// The shards a command holds.
pub(crate) enum Held<'a> {
    /// The shard of its only key.
    One(&'a mut Shard),
    /// Those of several keys, ascending. With the gate closed, more are locked as they are needed.
    Several { shards: Vec<(ShardId, MutexGuard<'a, Shard>)>, is_alone: bool },
}

/// Where a shard is.
pub(crate) type ShardId = (DbIndex, usize);

/// What all commands of a turn share.
pub(crate) struct Scene<'a> {
    pub(crate) keyspace: &'a Keyspace,
    pub(crate) counters: &'a Counters,
    pub(crate) access: AccessPolicy,
    /// The access clock of a new key, and of a used one unless frequencies are counted.
    pub(crate) clock: u32,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        keyspace: &'a Keyspace,
        counters: &'a Counters,
        access: AccessPolicy,
        now: UnixMillis,
    ) -> Scene<'a> {
        Scene { keyspace, counters, access, clock: access.fresh(now) }
    }
}

/// Keys as a handler sees them: expired ones are invisible, writes go through guards.
pub struct View<'a> {
    pub(crate) scene: &'a Scene<'a>,
    /// Whether reads leave access clocks alone.
    pub(crate) is_untouching: bool,
    /// Whether keys that lapsed must be reported to the journal.
    pub(crate) is_recorded: bool,
    pub(crate) held: Held<'a>,
    pub(crate) db: DbIndex,
    pub(crate) now: UnixMillis,
    /// A key whose hash is known already, by identity.
    pub(crate) known: (&'a [u8], u64),
    /// The source of chance.
    pub entropy: &'a mut Entropy,
    /// Changes made through guards.
    pub(crate) changes: u64,
    /// Keys that were found expired and removed.
    pub(crate) lapsed: Vec<(DbIndex, Vec<u8>)>,
}

impl<'a> View<'a> {
    /// The database the command runs in.
    pub fn db(&self) -> DbIndex {
        self.db
    }

    /// The time of the batch.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// The whole keyspace, for commands that reach beyond keys.
    pub fn keyspace(&self) -> &'a Keyspace {
        self.scene.keyspace
    }

    /// What the access clocks mean.
    pub fn access_policy(&self) -> AccessPolicy {
        self.scene.access
    }

    /// Counts changes that no guard made: of whole databases.
    pub fn count_changes(&mut self, changes: u64) {
        self.changes += changes;
    }

    /// Looks at a key, counting a hit or a miss and marking it used.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.consult(key, !self.is_untouching)
    }

    /// Looks at a key, counting a hit or a miss without marking it used.
    pub fn look(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.consult(key, false)
    }

    /// Marks a key used, also for a client whose reads don't, counting a hit or a miss; whether it exists.
    pub fn touch(&mut self, key: &[u8]) -> bool {
        self.consult(key, true).is_some()
    }

    #[inline]
    fn consult(&mut self, key: &[u8], marks_used: bool) -> Option<Entry<'_>> {
        let hash = self.hash(key);
        let Some(slot) = self.find(self.db, hash, key) else {
            self.scene.counters.misses.add(1);
            return None;
        };
        self.scene.counters.hits.add(1);
        let clock = if self.scene.access == AccessPolicy::Recency {
            self.scene.clock
        } else {
            self.frequency_clock(hash, slot)
        };
        let shard = self.shard(self.db, hash);
        if marks_used {
            shard.table.entry_mut(slot).set_clock(clock);
        }
        Some(shard.table.entry(slot))
    }

    fn frequency_clock(&mut self, hash: u64, slot: Slot) -> u32 {
        let clock = self.shard(self.db, hash).table.entry(slot).clock();
        self.scene.access.touched(clock, self.now, self.entropy)
    }

    /// Looks at a string, counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<Str<'_>>, Error> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => Str::of(entry).map(Some).ok_or(Error::WrongType),
        }
    }

    /// Looks at a key without any trace.
    pub fn peek(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.peek_in(self.db, key)
    }

    /// Looks at a key of any database without any trace.
    pub fn peek_in(&mut self, db: DbIndex, key: &[u8]) -> Option<Entry<'_>> {
        let hash = self.hash(key);
        let slot = self.find(db, hash, key)?;
        Some(self.shard(db, hash).table.entry(slot))
    }

    /// Opens a key for writing.
    #[inline]
    pub fn write<'v>(&'v mut self, key: &'v [u8]) -> KeyGuard<'v, 'a> {
        self.write_in(self.db, key)
    }

    /// Opens a key of any database for writing.
    pub fn write_in<'v>(&'v mut self, db: DbIndex, key: &'v [u8]) -> KeyGuard<'v, 'a> {
        let hash = self.hash(key);
        let slot = self.find(db, hash, key);
        KeyGuard::new(self, db, key, hash, slot)
    }

    /// Memory of a key in bytes, its share of the index included.
    pub fn memory_bytes(&mut self, key: &[u8]) -> Option<usize> {
        let hash = self.hash(key);
        let slot = self.find(self.db, hash, key)?;
        Some(self.shard(self.db, hash).table.entry_bytes(slot))
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let (known, hash) = self.known;
        if std::ptr::eq(known, key) { hash } else { self.scene.keyspace.hash(key) }
    }

    /// Finds a key that has not expired; one that has is removed.
    #[inline]
    fn find(&mut self, db: DbIndex, hash: u64, key: &[u8]) -> Option<Slot> {
        let now = self.now.0;
        let shard = self.shard(db, hash);
        let slot = shard.table.find(hash, key)?;
        match shard.table.entry(slot).stamp() {
            Some(expiry) if expiry <= now => {
                shard.table.remove(hash, slot);
                self.lapse(db, key);
                None
            }
            _ => Some(slot),
        }
    }

    #[cold]
    fn lapse(&mut self, db: DbIndex, key: &[u8]) {
        self.scene.counters.expired.add(1);
        if self.is_recorded {
            self.lapsed.push((db, key.to_vec()));
        }
    }

    /// The shard of a hash, which the command holds.
    #[expect(
        clippy::inline_always,
        reason = "three calls per read, each of which is two instructions in place"
    )]
    #[inline(always)]
    pub(crate) fn shard(&mut self, db: DbIndex, hash: u64) -> &mut Shard {
        let id = (db, shard_of(hash));
        let keyspace = self.scene.keyspace;
        match &mut self.held {
            Held::One(shard) => {
                debug_assert_eq!(id, (self.db, shard_of(self.known.1)), "a single command has one key");
                shard
            }
            Held::Several { shards, is_alone } => {
                let place = match shards.binary_search_by_key(&id, |(held, _)| *held) {
                    Ok(place) => place,
                    Err(place) => {
                        assert!(*is_alone, "a command touches only keys its specifications name");
                        shards.insert(place, (id, keyspace.lock(db, id.1)));
                        place
                    }
                };
                &mut shards[place].1
            }
        }
    }
}

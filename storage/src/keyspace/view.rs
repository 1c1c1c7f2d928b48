//! The part of the keyspace that one running command may touch.

use super::access::AccessPolicy;
use super::chores::Chores;
use super::event::Event;
use super::guard::{Detached, KeyGuard};
use super::news::Observed;
use super::shard::Shard;
use super::union::Shards;
use super::{DbIndex, Keyspace, shard_of};
use crate::engine::counters::Counters;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::{Entry, Guess, OwnedValue, Parity, Slot, Str, Value, Values};

/// The shards a command holds.
pub(crate) enum Held<'a> {
    /// The shard of its only key, and where in it the key probably is.
    One { shard: &'a mut Shard, guess: Option<Guess> },
    /// Those of several keys.
    Several(&'a mut (dyn Shards + 'a)),
}

impl Held<'_> {
    /// The same, for no longer than a call.
    #[inline]
    pub(crate) fn lend(&mut self) -> Held<'_> {
        match self {
            Held::One { shard, guess } => Held::One { shard, guess: *guess },
            Held::Several(shards) => Held::Several(*shards),
        }
    }
}

/// Where a shard is.
pub(crate) type ShardId = (DbIndex, usize);

/// What all commands of a turn share.
pub(crate) struct Scene<'a> {
    pub(crate) keyspace: &'a Keyspace,
    pub(crate) counters: &'a Counters,
    pub(crate) access: AccessPolicy,
    /// The time of day, for what keeps a time. It is not what decides whether something has expired: while a log is
    /// replayed nothing has.
    pub(crate) today: UnixMillis,
    /// The access clock of a new key, and of a used one unless frequencies are counted.
    pub(crate) clock: u32,
    /// The parity of what is written.
    pub(crate) parity: Parity,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        keyspace: &'a Keyspace,
        counters: &'a Counters,
        access: AccessPolicy,
        now: UnixMillis,
    ) -> Scene<'a> {
        let (clock, parity) = (access.fresh(now), keyspace.saving().parity());
        Scene { keyspace, counters, access, today: now, clock, parity }
    }
}

/// Keys as a handler sees them: expired ones are invisible, writes go through guards.
pub struct View<'a> {
    pub(crate) scene: &'a Scene<'a>,
    /// Whether reads leave access clocks alone.
    pub(crate) is_untouching: bool,
    /// What must be told.
    pub(crate) observed: Observed,
    pub(crate) held: Held<'a>,
    pub(crate) db: DbIndex,
    pub(crate) now: UnixMillis,
    /// The client that calls, by its number; 0 if it is none.
    pub(crate) client: u64,
    /// A key whose hash is known already, by identity.
    pub(crate) known: (&'a [u8], u64),
    /// The source of chance.
    pub entropy: &'a mut Entropy,
    /// Changes made through guards.
    pub(crate) changes: u64,
    /// What has to be done when the command is.
    pub(crate) chores: &'a mut Chores,
    /// Values without members that have expired, as they are shown of a copy.
    pub(crate) trimmed: Vec<OwnedValue>,
}

#[inline]
pub(super) fn entry_of((slot, values): (Slot, &Values)) -> Entry<'_> {
    values.table().entry(slot)
}

#[inline]
pub(super) fn value_of((slot, values): (Slot, &Values)) -> Value<'_> {
    Value::of(values.table().entry(slot), values)
}

impl<'a> View<'a> {
    /// The database the command runs in.
    pub fn db(&self) -> DbIndex {
        self.db
    }

    /// The client that calls, by its number; 0 if it is none.
    pub(crate) fn client(&self) -> u64 {
        self.client
    }

    /// The time of the batch.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// The time of day for what a value keeps of it, as when an entry of a stream was delivered. Differs from the time of
    /// the batch only while a log is replayed.
    pub fn today(&self) -> UnixMillis {
        self.scene.today
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
    #[expect(clippy::inline_always, reason = "commands that read strings are little more than this")]
    #[inline(always)]
    pub fn read(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        let hash = self.hash(key);
        let slot = self.seek(hash, key, true)?;
        if self.is_untouching {
            return Some(self.shard(self.db, hash).values.table().entry(slot));
        }
        let clock = self.clock_of_use(self.db, hash, slot);
        let mut entry = self.shard(self.db, hash).values.entry_mut(slot);
        entry.set_clock(clock);
        Some(entry.into_entry())
    }

    /// Looks at a key, counting a hit or a miss without marking it used.
    pub fn look(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.consult(key, false, true).map(entry_of)
    }

    /// Marks a key used, also for a client whose reads don't, counting a hit or a miss; whether it exists.
    pub fn touch(&mut self, key: &[u8]) -> bool {
        self.consult(key, true, true).is_some()
    }

    #[expect(
        clippy::inline_always,
        reason = "the path of every read; each kind of read is a function of its own"
    )]
    #[inline(always)]
    pub(super) fn consult(
        &mut self,
        key: &[u8],
        marks_used: bool,
        tells_misses: bool,
    ) -> Option<(Slot, &Values)> {
        let hash = self.hash(key);
        let slot = self.seek(hash, key, tells_misses)?;
        if marks_used {
            self.mark_used(self.db, hash, slot);
        }
        Some((slot, &self.shard(self.db, hash).values))
    }

    /// Finds a key, counting a hit or a miss, which is told if `tells_misses`.
    #[expect(clippy::inline_always, reason = "the path of every read")]
    #[inline(always)]
    fn seek(&mut self, hash: u64, key: &[u8], tells_misses: bool) -> Option<Slot> {
        let slot = self.find(self.db, hash, key);
        if slot.is_some() {
            self.scene.counters.hits.add(1);
        } else {
            self.miss(key, tells_misses);
        }
        slot
    }

    #[inline(never)]
    fn miss(&mut self, key: &[u8], tells: bool) {
        self.scene.counters.misses.add(1);
        if tells && self.observed.has(Observed::MISSES) {
            self.chores.news.event(self.db, key, Event::KEY_MISS);
        }
    }

    /// Notes that a key is being used.
    #[inline]
    fn mark_used(&mut self, db: DbIndex, hash: u64, slot: Slot) {
        let clock = self.clock_of_use(db, hash, slot);
        self.shard(db, hash).values.entry_mut(slot).set_clock(clock);
    }

    /// The access clock of a key that is being used.
    #[inline]
    fn clock_of_use(&mut self, db: DbIndex, hash: u64, slot: Slot) -> u32 {
        match self.scene.access {
            AccessPolicy::Recency | AccessPolicy::Modification => self.scene.clock,
            AccessPolicy::Frequency { .. } => self.frequency_clock(db, hash, slot),
        }
    }

    #[inline(never)]
    fn frequency_clock(&mut self, db: DbIndex, hash: u64, slot: Slot) -> u32 {
        let clock = self.shard(db, hash).values.table().entry(slot).clock();
        self.scene.access.touched(clock, self.now, self.entropy)
    }

    /// Looks at a string, counting a hit or a miss and marking it used.
    #[expect(clippy::inline_always, reason = "commands that read strings are little more than this")]
    #[inline(always)]
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<Str<'_>>, Error> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => Str::of(entry).map(Some).ok_or(Error::WrongType),
        }
    }

    /// Looks at a value [as it is](Self::read_value_as_is), counting a hit or a miss without marking it used or telling of a miss.
    pub fn look_at_value(&mut self, key: &[u8]) -> Option<Value<'_>> {
        self.consult(key, false, false).map(value_of)
    }

    /// As [`look`](Self::look), and tells nobody of a miss.
    pub fn look_quietly(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.consult(key, false, false).map(entry_of)
    }

    /// Looks at an entry and its value [as it is](Self::read_value_as_is), without any trace.
    pub fn inspect(&mut self, key: &[u8]) -> Option<(Entry<'_>, Value<'_>)> {
        let hash = self.hash(key);
        let slot = self.find(self.db, hash, key)?;
        let values = &self.shard(self.db, hash).values;
        Some((entry_of((slot, values)), value_of((slot, values))))
    }

    /// Looks at a key without any trace.
    pub fn peek(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.peek_in(self.db, key)
    }

    /// Looks at a key of any database without any trace.
    pub fn peek_in(&mut self, db: DbIndex, key: &[u8]) -> Option<Entry<'_>> {
        let hash = self.hash(key);
        let slot = self.find(db, hash, key)?;
        Some(self.shard(db, hash).values.table().entry(slot))
    }

    /// Opens a key for writing.
    #[inline]
    pub fn write<'v>(&'v mut self, key: &'v [u8]) -> KeyGuard<'v, 'a> {
        self.write_in(self.db, key)
    }

    /// Opens a key of any database for writing.
    pub fn write_in<'v>(&'v mut self, db: DbIndex, key: &'v [u8]) -> KeyGuard<'v, 'a> {
        let hash = self.hash(key);
        let mut slot = self.find(db, hash, key);
        if self.scene.keyspace.is_copy() {
            slot = self.expire_kept(db, hash, slot, key);
        }
        if self.observed.has_any(Observed::UNDO.with(Observed::SNAPSHOT).with(Observed::GROWTH)) {
            self.before_write(db, (hash, slot), key);
        }
        // Reads leave clocks alone that tell of changes.
        let is_marked = !self.is_untouching || self.scene.access == AccessPolicy::Modification;
        if let Some(slot) = slot.filter(|_| is_marked) {
            self.mark_used(db, hash, slot);
        }
        KeyGuard::new(self, db, key, hash, slot)
    }

    /// Keeps what a key has for those who want it as it was, and notes how much memory there was.
    #[cold]
    fn before_write(&mut self, db: DbIndex, (hash, slot): (u64, Option<Slot>), key: &[u8]) {
        self.leave_memory(db, hash);
        if let Some(slot) = slot {
            self.keep_for_snapshot(db, hash, slot);
        }
        if self.observed.has(Observed::UNDO) {
            self.keep_former(db, (hash, slot), key);
        }
    }

    /// Keeps what an entry has for a running snapshot that lacks it.
    pub(super) fn keep_for_snapshot(&mut self, db: DbIndex, hash: u64, slot: Slot) {
        let saving = self.scene.keyspace.saving();
        self.shard(db, hash).keep(saving, db, slot);
    }

    /// Keeps what a key has, in case it must be taken back. Costs as [`Values::copy`].
    fn keep_former(&mut self, db: DbIndex, (hash, slot): (u64, Option<Slot>), key: &[u8]) {
        if self.chores.undo.as_ref().is_none_or(|undo| undo.knows(db, key)) {
            return;
        }
        let values = &mut self.shard(db, hash).values;
        let former = slot.map(|slot| Detached::copy(values, slot));
        if let Some(undo) = &mut self.chores.undo {
            undo.keep(db, key, former);
        }
    }

    /// Memory of a key in bytes, its share of the index included.
    pub fn memory_bytes(&mut self, key: &[u8]) -> Option<usize> {
        let hash = self.hash(key);
        let slot = self.find(self.db, hash, key)?;
        Some(self.shard(self.db, hash).values.entry_bytes(slot))
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let (known, hash) = self.known;
        if std::ptr::eq(known, key) { hash } else { self.scene.keyspace.hash(key) }
    }

    /// Finds a key that has not expired; one that has is removed.
    #[expect(clippy::inline_always, reason = "the path of every command, and short")]
    #[inline(always)]
    fn find(&mut self, db: DbIndex, hash: u64, key: &[u8]) -> Option<Slot> {
        let guess = match self.held {
            Held::One { guess, .. } => guess,
            Held::Several(_) => None,
        };
        let table = self.shard(db, hash).values.table();
        let (slot, entry) = table.find_guessed(guess, hash, key)?;
        if Values::may_expire(entry) { self.unless_expired(db, hash, slot, key) } else { Some(slot) }
    }

    /// The slot of a key that was found, unless it or all of its value has expired.
    #[inline(never)]
    fn unless_expired(&mut self, db: DbIndex, hash: u64, slot: Slot, key: &[u8]) -> Option<Slot> {
        let (now, is_copy) = (self.now.0, self.scene.keyspace.is_copy());
        let values = &self.shard(db, hash).values;
        let entry = values.table().entry(slot);
        if entry.stamp().is_some_and(|expiry| expiry <= now) {
            if !is_copy {
                self.expire(db, hash, slot, key);
            }
            return None;
        }
        // A purge may let the time of a variant come.
        let has_purges = self.scene.keyspace.has_purges(db);
        let slot = if has_purges { self.apply_purges(db, hash, slot, key)? } else { slot };
        let values = &self.shard(db, hash).values;
        if values.member_due(values.table().entry(slot)) <= now && !is_copy {
            self.expire_members(db, hash, slot, key)
        } else {
            Some(slot)
        }
    }

    /// The shard of a hash that was looked at before.
    pub(super) fn held_shard(&self, db: DbIndex, hash: u64) -> &Shard {
        match &self.held {
            Held::One { shard, .. } => shard,
            Held::Several(shards) => shards.shard((db, shard_of(hash))),
        }
    }

    /// The shard of a hash, which the command holds.
    #[expect(
        clippy::inline_always,
        reason = "three calls per read, each of which is two instructions in place"
    )]
    #[inline(always)]
    pub(crate) fn shard(&mut self, db: DbIndex, hash: u64) -> &mut Shard {
        match &mut self.held {
            Held::One { shard, .. } => {
                debug_assert_eq!(
                    (db, shard_of(hash)),
                    (self.db, shard_of(self.known.1)),
                    "a single command has one key"
                );
                shard
            }
            Held::Several(shards) => shards.shard_mut((db, shard_of(hash))),
        }
    }
}

//! What commands come across that has expired, and remove.

use super::DbIndex;
use super::event::Event;
use super::lapse::{Lapse, Lapsed};
use super::news::Observed;
use super::sweep::expired_members;
use super::view::View;
use spinel_types::{Kind, Remains, Slot, ValueType};

impl View<'_> {
    /// Removes a key in whose place nothing comes, on behalf of the command even if it has expired.
    pub fn erase(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        let found = self.shard(self.db, hash).values.table().find(hash, key);
        // What may be taken back is not the command's.
        let is_certain = !self.observed.has(Observed::UNDO);
        match found.filter(|slot| is_certain && self.has_expired(hash, *slot)) {
            Some(slot) => self.erase_expired(hash, slot, key),
            None => _ = self.write(key).remove(),
        }
    }

    fn has_expired(&mut self, hash: u64, slot: Slot) -> bool {
        let now = self.now.0;
        let entry = self.shard(self.db, hash).values.table().entry(slot);
        entry.stamp().is_some_and(|expiry| expiry <= now)
    }

    #[cold]
    fn erase_expired(&mut self, hash: u64, slot: Slot, key: &[u8]) {
        let db = self.db;
        self.keep_for_snapshot(db, hash, slot);
        self.leave_memory(db, hash);
        let shard = self.shard(db, hash);
        let is_awaited = shard.lapse(key);
        let large = shard.values.remove(hash, slot);
        self.take_memory(db, hash);
        self.scene.keyspace.reclaim().value(large);
        if is_awaited {
            self.chores.roused.push_back((db, key.into()));
        }
        if self.observed.has(Observed::KEYS) {
            self.chores.news.change(db, key);
        }
        self.tell_event(db, key, Event::DEL);
        self.changes += 1;
    }

    /// Removes what has expired and stayed, a key or members of its value, because it is to be written there: nobody who owns the
    /// keyspace writes so. The slot, if there is still a key.
    #[inline(never)]
    pub(super) fn expire_kept(
        &mut self,
        db: DbIndex,
        hash: u64,
        slot: Option<Slot>,
        key: &[u8],
    ) -> Option<Slot> {
        let now = self.now.0;
        let values = &self.shard(db, hash).values;
        let Some(slot) = slot else {
            if let Some(expired) = values.table().find(hash, key) {
                self.expire(db, hash, expired, key);
            }
            return None;
        };
        let entry = values.table().entry(slot);
        // When entries of a stream come into sight, only the primary says.
        if values.member_due(entry) <= now && ValueType::of(entry) != ValueType::Stream {
            return self.expire_members(db, hash, slot, key);
        }
        Some(slot)
    }

    /// Removes a key that has expired.
    #[cold]
    pub(super) fn expire(&mut self, db: DbIndex, hash: u64, slot: Slot, key: &[u8]) {
        // A command may have copied it since the cut, and who repeats that must find it.
        self.keep_for_snapshot(db, hash, slot);
        self.leave_memory(db, hash);
        let large = self.shard(db, hash).values.remove(hash, slot);
        self.take_memory(db, hash);
        self.scene.keyspace.reclaim().value(large);
        self.scene.counters.expired.add(1);
        if self.observed.has(Observed::JOURNAL) {
            self.chores.lapsed.push(Lapse { db, key: key.to_vec(), what: Lapsed::Key });
        }
        self.tell_lapse(db, hash, key);
        self.tell_event(db, key, Event::EXPIRED);
    }

    /// Removes the members of a value that have expired, and the key if nothing is left; the slot otherwise. Entries of a
    /// stream that are due come into sight.
    #[cold]
    pub(super) fn expire_members(
        &mut self,
        db: DbIndex,
        hash: u64,
        mut slot: Slot,
        key: &[u8],
    ) -> Option<Slot> {
        let (now, is_recorded) = (self.now.0, self.observed.has(Observed::JOURNAL));
        self.keep_for_snapshot(db, hash, slot);
        let is_named = is_recorded || self.observed.has(Observed::PARTS);
        self.leave_memory(db, hash);
        let values = &mut self.shard(db, hash).values;
        let value_type = Kind::of(values.table().entry(slot)).value_type();
        let (mut members, mut told) = (Vec::new(), 0);
        let remains = values.expire_members(hash, &mut slot, now, usize::MAX, |member| {
            told += 1;
            if is_named {
                members.push(member.to_vec());
            }
        });
        self.scene.counters.expired_members.add(expired_members(value_type, told, &remains));
        self.take_memory(db, hash);
        let is_left = matches!(remains, Remains::Members);
        let is_told = !(is_left && members.is_empty());
        let what = match remains {
            Remains::Members => Lapsed::Members(value_type, members),
            Remains::Nothing(large) => {
                if let Some(large) = large.as_ref().filter(|_| self.observed.has(Observed::PARTS)) {
                    large.for_each_field(|field| members.push(field.to_vec()));
                }
                self.scene.keyspace.reclaim().value(large);
                Lapsed::AllMembers(value_type, members)
            }
        };
        let lapse = Lapse { db, key: key.to_vec(), what };
        self.tell_lapse(db, hash, key);
        let (event, is_gone) = lapse.events();
        if let Some(event) = event {
            self.name_parts(lapse.members().iter().map(Vec::as_slice));
            self.tell_event(db, key, event);
        }
        if is_gone {
            self.tell_event(db, key, Event::DEL);
        }
        if is_recorded && is_told {
            self.chores.lapsed.push(lapse);
        }
        is_left.then_some(slot)
    }
}

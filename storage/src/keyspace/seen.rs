//! Values as commands see them: without members that have expired.
//!
//! In a keyspace that says itself what goes, such members are removed before anything is looked at. In a
//! [copy](super::Keyspace::is_copy) they stay, and are hidden: whoever asks for single members looks at their times, all others get
//! a value that was made for the command, which shares the memory of the one that is there.

use super::guard::Detached;
use super::view::{View, entry_of, value_of};
use crate::error::Error;
use spinel_types::{Entry, Slot, Unexpired, Value, ValueType};

/// Where what is to be seen of a value is.
#[derive(Clone, Copy)]
enum Seen {
    /// In the keyspace.
    Whole(Slot),
    /// Among the values made for the command.
    Trimmed(usize),
}

impl View<'_> {
    /// Looks at a value, counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_value(&mut self, key: &[u8]) -> Option<Value<'_>> {
        let slot = self.consult(key, !self.is_untouching, true)?.0;
        let seen = self.see(slot, key)?;
        Some(self.seen(seen, key))
    }

    /// As [`read_value`](Self::read_value), but in a copy members are there that have expired: for those who look at the time of each.
    #[inline]
    pub fn read_value_as_is(&mut self, key: &[u8]) -> Option<Value<'_>> {
        self.consult(key, !self.is_untouching, true).map(value_of)
    }

    /// How many members the collection of a type has under a key, 0 if there is none; counts a hit or a miss and marks it used. O(1),
    /// or a walk over what may have expired.
    pub fn cardinality(&mut self, key: &[u8], value_type: ValueType) -> Result<usize, Error> {
        let Some(found) = self.consult(key, !self.is_untouching, true) else { return Ok(0) };
        let (slot, values) = found;
        let len = match value_of(found) {
            value if value.value_type() != value_type => return Err(Error::WrongType),
            Value::Hash(hash) => hash.len(),
            Value::Set(set) => set.len(),
            Value::SortedSet(set) => set.len(),
            Value::String(_) | Value::List(_) | Value::Stream(_) | Value::HttpCache(_) => {
                return Err(Error::WrongType);
            }
        };
        let (due, now) = (values.member_due(entry_of(found)), self.now.0);
        if due > now {
            return Ok(len);
        }
        let hash = self.hash(key);
        Ok(len - self.shard(self.db, hash).values.count_expired(slot, now))
    }

    /// Looks at the values of several keys at once, counting hits and misses and marking them used. Misses behind
    /// a value that `is_wanted` doesn't want are not told of: the command fails there.
    pub fn read_values<'v>(
        &'v mut self,
        keys: &[&[u8]],
        is_wanted: fn(Entry<'_>) -> bool,
    ) -> Vec<Option<Value<'v>>> {
        let mut tells_misses = true;
        let mut find = |key: &&[u8]| {
            let found = self.consult(key, !self.is_untouching, tells_misses)?;
            tells_misses &= is_wanted(entry_of(found));
            let slot = found.0;
            self.see(slot, key)
        };
        let found: Vec<_> = keys.iter().map(&mut find).collect();
        let view = &*self;
        found.iter().zip(keys).map(|(seen, key)| seen.map(|seen| view.seen(seen, key))).collect()
    }

    /// Copies a value with its expiry, counting a hit or a miss and marking it used. Costs as
    /// [`Values::copy`](spinel_types::Values::copy).
    pub fn copy_of(&mut self, key: &[u8]) -> Option<Detached> {
        let slot = self.consult(key, !self.is_untouching, true)?.0;
        let (seen, hash) = (self.see(slot, key)?, self.hash(key));
        let trimmed = match seen {
            Seen::Whole(_) => None,
            Seen::Trimmed(index) => Some(self.trimmed[index].share()),
        };
        let values = &mut self.shard(self.db, hash).values;
        let value = trimmed.unwrap_or_else(|| values.copy(slot));
        Some(Detached::new(value, values.table().entry(slot)))
    }

    /// What is to be seen of a value that is there; nothing if all its members have expired.
    #[inline]
    fn see(&mut self, slot: Slot, key: &[u8]) -> Option<Seen> {
        // Elsewhere they went when the key was found.
        if self.keyspace().is_copy() { self.trim(slot, self.hash(key)) } else { Some(Seen::Whole(slot)) }
    }

    #[inline(never)]
    fn trim(&mut self, slot: Slot, hash: u64) -> Option<Seen> {
        let now = self.now.0;
        let values = &self.shard(self.db, hash).values;
        if values.member_due(values.table().entry(slot)) > now {
            return Some(Seen::Whole(slot));
        }
        let value = match self.shard(self.db, hash).values.copy_unexpired(slot, now) {
            Unexpired::All => return Some(Seen::Whole(slot)),
            Unexpired::None => return None,
            Unexpired::Some(value) => value,
        };
        self.trimmed.push(value);
        Some(Seen::Trimmed(self.trimmed.len() - 1))
    }

    #[inline]
    fn seen(&self, seen: Seen, key: &[u8]) -> Value<'_> {
        match seen {
            Seen::Whole(slot) => value_of((slot, &self.held_shard(self.db, self.hash(key)).values)),
            Seen::Trimmed(index) => Value::of_owned(&self.trimmed[index]),
        }
    }
}

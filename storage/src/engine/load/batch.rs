//! Keys that were read and are not in their tables yet.
//!
//! They belong to all shards of a database. So they wait until there are many, are ordered by shards, and go into the
//! tables shard by shard: that takes each lock once per batch, and the loads of a shard's buckets overlap, which would
//! take most of the time one after the other.

use super::{LoadError, PresentKeys};
use crate::bodies::Patience;
use crate::keyspace::shard::Shard;
use crate::keyspace::{DbIndex, Keyspace, SHARDS, shard_of};
use spinel_persistence::rdb::{Decoded, Record};
use spinel_types::{Fields, Kind, Large, Marks, OwnedValue, Slot, StringEncoding};
use std::ops::Range;

/// No more strings wait than have room in the caches.
const STRINGS_MAX: usize = 1 << 14;
/// None waits behind so many bytes of strings.
const BYTES_MAX: usize = 256 << 10;
/// No more collections wait than this.
const COLLECTIONS_MAX: usize = 1 << 10;

/// Keys of one database.
pub(super) struct Batch {
    pub(super) db: DbIndex,
    strings: Vec<WaitingString>,
    collections: Vec<WaitingCollection>,
    /// The names of all keys, each string's value behind its key.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct WaitingString {
    hash: u64,
    stamp: Option<i64>,
    /// Where its key begins; its value follows.
    start: usize,
    key_len: usize,
    value_len: usize,
    clock: u32,
    kind: u8,
}

struct WaitingCollection {
    hash: u64,
    stamp: Option<i64>,
    key: Range<usize>,
    clock: u32,
    value: OwnedValue,
}

impl Batch {
    pub(super) fn new(db: DbIndex) -> Batch {
        Batch { db, strings: Vec::new(), collections: Vec::new(), bytes: Vec::new() }
    }

    /// The same, which must be empty, for keys of this database.
    pub(super) fn of(self, db: DbIndex) -> Batch {
        debug_assert!(self.is_empty());
        Batch { db, ..self }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.strings.is_empty() && self.collections.is_empty()
    }

    /// Whether nothing more should wait.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.strings.len() >= STRINGS_MAX
            || self.bytes.len() >= BYTES_MAX
            || self.collections.len() >= COLLECTIONS_MAX
    }

    /// Adds a key.
    #[inline]
    pub(super) fn add(&mut self, record: Record<'_>, clock: u32, keyspace: &Keyspace) {
        let Record { key, value, marks } = record;
        let (hash, stamp, start) = (keyspace.hash(key), marks.expiry_ms, self.bytes.len());
        self.bytes.extend_from_slice(key);
        match value {
            Decoded::String(string) => {
                let room = &mut [0; 8];
                let (encoding, value): (StringEncoding, &[u8]) = string.stored(room);
                self.bytes.extend_from_slice(value);
                let (key_len, value_len, kind) = (key.len(), value.len(), Kind::String(encoding).number());
                self.strings.push(WaitingString { hash, stamp, start, key_len, value_len, clock, kind });
            }
            Decoded::Collection(value) => {
                let key = start..self.bytes.len();
                self.collections.push(WaitingCollection { hash, stamp, key, clock, value });
            }
        }
    }

    fn clear(&mut self) {
        self.strings.clear();
        self.collections.clear();
        self.bytes.clear();
        self.bytes.shrink_to(2 * BYTES_MAX);
    }
}

/// Where keys go, and what happens to those that are there.
pub(super) type Target<'k> = (&'k Keyspace, PresentKeys);

/// Puts batches into the tables. Several may do so at the same time.
pub(super) struct Filler<'k> {
    keyspace: &'k Keyspace,
    present: PresentKeys,
    /// Which strings wait, ordered by their shards.
    order: Vec<u32>,
}

impl<'k> Filler<'k> {
    pub(super) fn new((keyspace, present): Target<'k>) -> Filler<'k> {
        Filler { keyspace, present, order: Vec::new() }
    }

    /// Puts all that waits into the tables; the batch is empty then.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<(), LoadError> {
        let mut expires = false;
        let ends = self.sort(&batch.strings);
        let mut start = 0;
        for (shard, end) in ends.into_iter().enumerate() {
            if start < end {
                expires |= self.put_strings(batch, shard, start..end)?;
            }
            start = end;
        }
        for collection in batch.collections.drain(..) {
            expires |= self.put_collection(collection, batch.db, &batch.bytes)?;
        }
        if expires {
            self.keyspace.note_expiries(batch.db, true);
        }
        batch.clear();
        Ok(())
    }

    /// Orders what waits by shards, and says where each shard's end in that order.
    fn sort(&mut self, strings: &[WaitingString]) -> [usize; SHARDS] {
        let mut ends = [0; SHARDS];
        for string in strings {
            ends[shard_of(string.hash)] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum - *end;
        }
        // They are where the shards begin now; each string moves that of its shard on, up to the end.
        self.order.clear();
        self.order.resize(strings.len(), 0);
        for (index, string) in strings.iter().enumerate() {
            let place = &mut ends[shard_of(string.hash)];
            self.order[*place] = index as u32;
            *place += 1;
        }
        ends
    }

    /// Puts strings of one shard into its table; whether one of them expires.
    fn put_strings(&self, batch: &Batch, shard: usize, places: Range<usize>) -> Result<bool, LoadError> {
        let parity = self.keyspace.saving().parity();
        let mut shard = self.keyspace.lock(batch.db, shard);
        let strings = || self.order[places.clone()].iter().map(|index| batch.strings[*index as usize]);
        for string in strings() {
            shard.values.table().prefetch_bucket(string.hash);
        }
        let mut expires = false;
        for string in strings() {
            let WaitingString { hash, stamp, clock, kind, .. } = string;
            let (key, behind) = batch.bytes[string.start..].split_at(string.key_len);
            let value = &behind[..string.value_len];
            let slot = self.place(&shard, hash, key)?;
            shard.values.put_inline(hash, slot, key, &Fields { kind, value, stamp, clock, parity });
            expires |= stamp.is_some();
        }
        Ok(expires)
    }

    /// Finds what a key takes the place of.
    #[inline]
    fn place(&self, shard: &Shard, hash: u64, key: &[u8]) -> Result<Option<Slot>, LoadError> {
        match shard.values.table().find(hash, key) {
            Some(_) if self.present != PresentKeys::Replace => Err(LoadError::Duplicate(key.to_vec())),
            found => Ok(found),
        }
    }

    /// Finds the bodies of an entry of an HTTP cache that are in files.
    fn take_in(&self, db: DbIndex, key: &[u8], value: &mut OwnedValue) {
        if let (OwnedValue::Large(Large::HttpCache(cache)), Some(bodies)) = (value, self.keyspace.bodies()) {
            bodies.take_in((db, key), cache, Patience::Waits);
        }
    }

    /// Puts a collection into its table; whether it or a member of it expires.
    fn put_collection(
        &self,
        collection: WaitingCollection,
        db: DbIndex,
        bytes: &[u8],
    ) -> Result<bool, LoadError> {
        let WaitingCollection { hash, stamp, key, clock, mut value } = collection;
        self.keyspace.number(&mut value);
        self.take_in(db, &bytes[key.clone()], &mut value);
        let (key, parity) = (&bytes[key], self.keyspace.saving().parity());
        let mut shard = self.keyspace.lock(db, shard_of(hash));
        let slot = self.place(&shard, hash, key)?;
        let (slot, _) = shard.values.put(hash, slot, key, value, Marks { stamp, clock, parity });
        Ok(stamp.is_some() || shard.values.expires_in_part(slot))
    }
}

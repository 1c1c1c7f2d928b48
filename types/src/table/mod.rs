//! The hash table under every keyed structure of the engine.
//!
//! ```text
//! hash      63 … 24 position | 23 … 8 free for the user (shards) | 7 … 0 tag
//!
//! directory [0][0][1][2]           upper `depth` bits of the position choose a segment
//!            │     │   └─ segment 2   buckets[0..n]
//!            │     └───── segment 1   buckets[0..n]
//!            └─────────── segment 0   buckets[0..n], shares one bit less
//! bucket    one cache line: 12 tags, 12 slots of 4 bytes
//! slot      header, stamp, key and value, packed (see [`crate::entry`])
//! ```
//!
//! **Lookup** touches two cold cache lines: the bucket and the entry. The bucket is the position's remaining
//! bits scaled to the number of buckets; a full bucket overflows into the next one and counts what passed.
//!
//! **Growth** never touches the whole table. A segment that is seven eighths full is rebuilt with up to a
//! quarter more buckets, and splits in two at 128 of them; both cost some 30 µs. Because segments grow in
//! small steps, the index takes 6.1 to 7.6 bytes per entry at any size: no doubling, no cliff.
//!
//! **Scans** go in the order of positions. Buckets and segments are position ranges, so a cursor is simply
//! the first position not yet visited, and stays right across growth, splits and shrinking.
//!
//! **Stamps** (expiry times) are found without an index of their own; see `due`.
//!
//! Worked example: with depth 1, the position `1011…` goes to the upper segment; its remaining bits `011…`
//! are 3/8 of the range, so among 10 buckets its home is `floor(10 × 3/8) = 3`. After growth to 12 buckets
//! it is 4; entries before it in the scan order are before it still.

mod ahead;
mod backfill;
mod bucket;
mod choose;
mod compact;
mod due;
mod layout;
mod renew;
mod scan;
mod segment;
mod statistics;

use crate::arena::{Arena, Slot};
use crate::entry::{self, EntryMut, Keys};
use crate::hash_seed::HashSeed;
use crate::member::Members;
use crate::string::Str;
pub use ahead::{Guess, Home, Look};
use bucket::Bucket;
pub use layout::Layout;
pub use scan::Cursor;
use segment::{BUCKETS_MAX, DEPTH_MAX, POSITION_BITS, Segment, Segments, State, position, vacant_buckets};
pub use statistics::TableStatistics;
use std::marker::PhantomData;

/// A map from keys to what belongs to them, each pair packed into one run of bytes by its [`Layout`].
///
/// Callers hash a key once and pass the hash along; passing a hash of another key is a logic error that
/// loses entries but nothing worse.
// What a lookup needs comes first, so that it is in the first two cache lines.
#[repr(C)]
pub struct Table<L = Keys> {
    /// 2^depth segment numbers; empty while the table is.
    directory: Vec<u32>,
    segments: Segments,
    arena: Arena,
    /// How far a position is shifted to be an index of the directory.
    directory_shift: u32,
    seed: HashSeed,
    len: usize,
    stamped: usize,
    /// Buckets of all segments.
    buckets: usize,
    /// No segment has ever had more buckets than this.
    widest: usize,
    due: due::Schedule,
    layout: PhantomData<L>,
}

impl<L: Layout> Table<L> {
    /// Makes an empty table, which owns no memory.
    pub const fn new(seed: HashSeed) -> Table<L> {
        Table {
            seed,
            arena: Arena::new(),
            directory: Vec::new(),
            segments: Segments::new(),
            directory_shift: POSITION_BITS,
            len: 0,
            stamped: 0,
            buckets: 0,
            widest: 0,
            due: due::Schedule::new(),
            layout: PhantomData,
        }
    }

    /// Makes an empty table that `entries` entries don't make grow, but for chance. O(entries).
    pub fn with_room(seed: HashSeed, entries: usize) -> Table<L> {
        let mut table = Table::new(seed);
        if entries == 0 {
            return table;
        }
        let buckets = |depth: u32| Segment::size_for(entries.div_ceil(1 << depth));
        let depth = (0..DEPTH_MAX).find(|depth| buckets(*depth) <= BUCKETS_MAX).unwrap_or(DEPTH_MAX);
        table.set_directory((0..1 << depth).collect());
        for _ in 0..1 << depth {
            table.segments.push(vacant_buckets(buckets(depth)), State::vacant(depth));
        }
        table.widest = buckets(depth);
        table.buckets = table.widest << depth;
        table
    }

    /// Hashes a key as this table expects it.
    #[inline]
    pub fn hash(&self, key: L::Key<'_>) -> u64 {
        L::hash(self.seed, key)
    }

    /// The secret of the hash.
    #[inline]
    pub fn seed(&self) -> HashSeed {
        self.seed
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many entries have a stamp.
    pub fn stamped(&self) -> usize {
        self.stamped
    }

    /// Finds a key's slot. O(1), two cache misses.
    #[inline]
    pub fn find(&self, hash: u64, key: L::Key<'_>) -> Option<Slot> {
        let segment = self.segments.get(self.segment_index(hash)?)?;
        let tag = Bucket::tag(hash);
        let home = segment.home(position(hash));
        let mut at = home;
        loop {
            let bucket = &segment[at];
            for place in bucket.matches(tag) {
                let slot = bucket.slot(place);
                if L::is_at(self.arena.tail(slot), key) {
                    return Some(slot);
                }
            }
            if !bucket.is_passed() {
                return None;
            }
            at = segment.after(at);
            // Entries that left may have made all buckets passed ones.
            if at == home {
                return None;
            }
        }
    }

    /// The entry in a slot.
    #[inline]
    pub fn entry(&self, slot: Slot) -> L::View<'_> {
        L::view(self.arena.tail(slot))
    }

    /// Adds a key, which must be absent. O(1), at times a rebuild of one segment.
    pub fn insert(&mut self, hash: u64, key: L::Key<'_>, fields: &L::Fields<'_>) -> Slot {
        debug_assert!(self.find(hash, key).is_none());
        let slot = self.arena.allocate(L::len_of(key, fields));
        let stamp = L::write(self.arena.tail_mut(slot), key, fields);

        let index = self.segment_with_room(hash);
        let bucket = self.segments[index].place(hash, slot);
        self.len += 1;
        if let Some(stamp) = stamp {
            self.stamped += 1;
            self.due.note(&mut self.segments[index], bucket, stamp);
        }
        slot
    }

    /// Gives a key new fields. The entry may move: the slot to use from now on is returned. O(1).
    pub fn replace(&mut self, hash: u64, slot: Slot, key: L::Key<'_>, fields: &L::Fields<'_>) -> Slot {
        let old = self.arena.tail(slot);
        debug_assert!(L::is_at(old, key));
        let (old_len, was_stamped) = (L::encoded_len(old), L::stamp(old).is_some());
        let len = L::len_of(key, fields);
        let slot = if Arena::same_class(old_len, len) || self.arena.resize(slot, len) {
            slot
        } else {
            self.arena.free(slot);
            let new = self.arena.allocate(len);
            self.rename(hash, slot, new);
            new
        };
        let stamp = L::write(self.arena.tail_mut(slot), key, fields);
        self.stamp_changed(hash, slot, was_stamped, stamp);
        slot
    }

    /// Sets or clears an entry's stamp. O(1).
    pub fn set_stamp(&mut self, hash: u64, slot: Slot, stamp: Option<i64>) -> Slot {
        let old = self.arena.tail(slot);
        let (was_stamped, len) = (L::stamp(old).is_some(), L::len_stamped(old, stamp));
        let slot = self.reshape(hash, slot, len, |slot| L::restamp(slot, stamp));
        self.stamp_changed(hash, slot, was_stamped, stamp);
        slot
    }

    /// Removes an entry. O(1), at times a rebuild of one segment.
    pub fn remove(&mut self, hash: u64, slot: Slot) {
        let index = self.segment_index(hash).expect("the slot is in the table");
        self.stamped -= usize::from(L::stamp(self.arena.tail(slot)).is_some());
        self.arena.free(slot);
        self.len -= 1;
        if self.len == 0 {
            self.clear();
            return;
        }
        let segment = &mut self.segments[index];
        let bucket = segment.displace(hash, slot);
        if segment.is_sparse() {
            self.rebuild(index, Segment::size_for(self.segments[index].entries()));
        } else {
            self.backfill(index, bucket);
        }
    }

    /// Makes a second table with the same entries. Both share their memory, and copy parts of some kilobytes before
    /// the first write to them. O(those parts).
    pub fn share(&mut self) -> Table<L> {
        Table {
            directory: self.directory.clone(),
            segments: self.segments.share(),
            arena: self.arena.share(),
            due: self.due.clone(),
            ..*self
        }
    }

    /// Visits every entry, in no particular order.
    pub fn for_each(&self, mut visit: impl FnMut(L::View<'_>)) {
        for segment in &*self.segments {
            for slot in segment.slots() {
                visit(self.entry(slot));
            }
        }
    }

    /// Memory in bytes, entries rounded up to their size classes.
    pub fn memory_bytes(&self) -> usize {
        self.arena.live_bytes() + self.index_bytes()
    }

    /// Memory in bytes as taken from the allocator.
    pub fn allocated_bytes(&self) -> usize {
        self.arena.allocated_bytes() + self.index_bytes()
    }

    /// Memory in bytes of one entry with its share of the index.
    pub fn entry_bytes(&self, slot: Slot) -> usize {
        self.arena.capacity(slot) + self.index_bytes().div_ceil(self.len.max(1)).min(size_of::<Bucket>())
    }

    fn clear(&mut self) {
        *self = Table { due: self.due.emptied(), arena: self.arena.emptied(), ..Table::new(self.seed) };
    }

    /// Memory in bytes of everything but the entries.
    pub fn index_bytes(&self) -> usize {
        self.buckets * size_of::<Bucket>()
            + self.segments.row_bytes()
            + self.directory.capacity() * size_of::<u32>()
    }

    /// The segment a hash belongs to; none while the table has no memory.
    #[inline]
    fn segment_index(&self, hash: u64) -> Option<usize> {
        let index = position(hash) >> self.directory_shift;
        self.directory.get(index as usize).map(|segment| *segment as usize)
    }

    fn set_directory(&mut self, directory: Vec<u32>) {
        debug_assert!(directory.len().is_power_of_two());
        self.directory_shift = POSITION_BITS - directory.len().ilog2();
        self.directory = directory;
    }

    fn segment_with_room(&mut self, hash: u64) -> usize {
        loop {
            let Some(index) = self.segment_index(hash) else {
                self.directory.push(0);
                self.segments.push(vacant_buckets(1), State::vacant(0));
                (self.buckets, self.widest) = (1, 1);
                return 0;
            };
            let segment = &self.segments[index];
            if !segment.is_full() {
                return index;
            }
            if segment.len() < BUCKETS_MAX || segment.state.depth >= DEPTH_MAX {
                self.rebuild(index, Segment::next_size(segment.len()));
                return index;
            }
            self.split(index, position(hash));
        }
    }

    /// Moves a segment's entries to fresh buckets.
    fn rebuild(&mut self, index: usize, buckets: usize) {
        let old = self.vacate(index, buckets, self.segments[index].state.depth);
        self.buckets = self.buckets + buckets - old.len();
        self.widest = self.widest.max(buckets);
        self.refill(&old, |_| index);
    }

    /// Gives a segment fresh buckets and returns those it had.
    fn vacate(&mut self, index: usize, buckets: usize, depth: u32) -> Box<[Bucket]> {
        let old = self.segments.take(index);
        self.segments.replace(index, vacant_buckets(buckets));
        *self.segments.state_mut(index) = State::vacant(depth);
        old
    }

    /// Splits a segment by the next bit of its entries' positions.
    fn split(&mut self, index: usize, within: u64) {
        let depth = self.segments[index].state.depth + 1;
        if 1 << depth > self.directory.len() {
            self.set_directory(self.directory.iter().flat_map(|segment| [*segment; 2]).collect());
        }
        let upper = self.segments.len();
        let share = self.directory.len() >> depth;
        let first = (within >> (POSITION_BITS - depth + 1)) as usize * 2 * share;
        self.directory[first + share..first + 2 * share].fill(upper as u32);

        let buckets = Segment::size_for(self.segments[index].entries() / 2);
        let old = self.vacate(index, buckets, depth);
        self.segments.push(vacant_buckets(buckets), State::vacant(depth));
        self.buckets = self.buckets + 2 * buckets - old.len();
        self.widest = self.widest.max(buckets);
        let bit = POSITION_BITS - depth;
        self.refill(&old, |position| if position >> bit & 1 == 0 { index } else { upper });
    }

    /// Places the entries of a former segment anew. Entries are loaded a bucket ahead of their use.
    fn refill(&mut self, old: &[Bucket], segment_of: impl Fn(u64) -> usize) {
        for (at, bucket) in old.iter().enumerate() {
            if let Some(next) = old.get(at + 1) {
                next.occupied().for_each(|place| self.arena.prefetch(next.slot(place)));
            }
            for place in bucket.occupied() {
                let slot = bucket.slot(place);
                let bytes = self.arena.tail(slot);
                let (hash, stamp) = (L::hash(self.seed, L::key(bytes)), L::stamp(bytes));
                let index = segment_of(position(hash));
                if self.segments[index].is_full() {
                    // Only a split as uneven as chance never makes it gets here.
                    self.rebuild(index, Segment::next_size(self.segments[index].len()));
                }
                let bucket = self.segments[index].place(hash, slot);
                if let Some(stamp) = stamp {
                    self.due.note(&mut self.segments[index], bucket, stamp);
                }
            }
        }
    }

    /// Changes an entry to take `len` bytes from now on; `change` gets room for the longer of both shapes.
    fn reshape(&mut self, hash: u64, slot: Slot, len: usize, change: impl FnOnce(&mut [u8])) -> Slot {
        let old_len = L::encoded_len(self.arena.tail(slot));
        // Both shapes must fit while the bytes move, so a slot of its own shrinks only afterwards.
        if Arena::same_class(old_len, len) {
            change(self.arena.tail_mut(slot));
            return slot;
        }
        let mut kept = Vec::new();
        if self.arena.resize(slot, len.max(old_len)) {
            change(self.arena.tail_mut(slot));
            if len >= old_len || self.arena.resize(slot, len) {
                return slot;
            }
            kept.extend_from_slice(&self.arena.tail(slot)[..len]);
        } else {
            kept.extend_from_slice(&self.arena.tail(slot)[..old_len]);
            kept.resize(len.max(old_len), 0);
            change(&mut kept);
        }
        self.arena.free(slot);
        let new = self.arena.allocate(len);
        self.rename(hash, slot, new);
        self.arena.tail_mut(new)[..len].copy_from_slice(&kept[..len]);
        new
    }

    fn rename(&mut self, hash: u64, from: Slot, to: Slot) {
        if from != to {
            let index = self.segment_index(hash).expect("the slot is in the table");
            let segment = &mut self.segments[index];
            let (bucket, place) = segment.locate(hash, from);
            segment[bucket].rename(place, to);
        }
    }

    fn stamp_changed(&mut self, hash: u64, slot: Slot, was_stamped: bool, stamp: Option<i64>) {
        self.stamped = self.stamped - usize::from(was_stamped) + usize::from(stamp.is_some());
        if let Some(stamp) = stamp {
            let index = self.segment_index(hash).expect("the slot is in the table");
            let (bucket, _) = self.segments[index].locate(hash, slot);
            self.due.note(&mut self.segments[index], bucket, stamp);
        }
    }
}

/// So far ahead of its removal a member is loaded.
const REMOVED_AHEAD: usize = 12;

impl Table<Members> {
    /// Removes the members in some slots and reports each.
    pub fn remove_all(&mut self, slots: &[Slot], mut report: impl FnMut(Str<'_>)) {
        for (index, slot) in slots.iter().enumerate() {
            if let Some(ahead) = slots.get(index + REMOVED_AHEAD) {
                self.prefetch_entry(*ahead);
            }
            let member = self.entry(*slot).key();
            report(member);
            self.remove(self.hash(member), *slot);
        }
    }
}

impl Table<Keys> {
    /// The entry in a slot, to be changed in place.
    #[inline]
    pub fn entry_mut(&mut self, slot: Slot) -> EntryMut<'_> {
        EntryMut::new(self.arena.tail_mut(slot))
    }

    /// Gives a value another length, keeping its start; added bytes are zero. O(1) amortised over growth.
    pub fn resize_value(&mut self, hash: u64, slot: Slot, value_len: usize) -> Slot {
        let entry = self.entry(slot);
        let len = entry::encoded_len(entry.key().len(), value_len, entry.stamp());
        self.reshape(hash, slot, len, |slot| entry::resize_value(slot, value_len))
    }
}

#[cfg(test)]
mod tests;

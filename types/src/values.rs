//! Keys with values of all types: the table of keys, and beside it what is too large for its entries.
//!
//! ```text
//! table   key → kind, value bytes        small values, in their documented layouts
//!         key → Large, [type u8][number u32]
//!                                  └─ larges[number]
//! dues    (earliest expiry of a member, key), for values whose members expire
//! ```
//!
//! Whatever replaces or removes an entry goes through here, so that what hangs off it is freed with it.

mod ahead;

pub use ahead::LargeNumber;

use crate::arena::Slot;
use crate::buffer::Buffer;
use crate::copies::Copies;
use crate::entry::{Entry, EntryMut, Fields, Parity};
use crate::hash::{FieldPack, FieldPackMut};
use crate::hash_seed::HashSeed;
use crate::http_cache::HttpCache;
use crate::kind::{Kind, ValueType};
use crate::large::{Expiration, Large, Larges};
use crate::owned::{OwnedValue, is_emptied};
use crate::pages::Location;
use crate::place::Place;
use crate::string::Str;
use crate::table::{Cursor, Table};
use std::collections::BTreeSet;

/// Bytes of an entry's value that name what hangs off it.
const REFERENCE_BYTES: usize = 5;

/// A map from keys to values of all types.
pub struct Values {
    table: Table,
    larges: Larges,
    /// Memory of the large values that are not being edited.
    larges_bytes: usize,
    dues: BTreeSet<(i64, Box<[u8]>)>,
}

/// What is left of a value after its expired members were removed.
pub enum Remains {
    /// Other members.
    Members,
    /// Nothing: the key is gone, and this hung off it.
    Nothing(Option<Large>),
}

/// What an entry holds beside its value.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// The entry's stamp.
    pub stamp: Option<i64>,
    /// The entry's clock.
    pub clock: u32,
    /// The entry's parity.
    pub parity: Parity,
}

impl Values {
    /// Makes an empty map, which owns no memory.
    pub const fn new(seed: HashSeed) -> Values {
        Values { table: Table::new(seed), larges: Larges::new(), larges_bytes: 0, dues: BTreeSet::new() }
    }

    /// Makes room for so many entries, which then don't make the table grow, but for chance; nothing if there are
    /// entries. O(entries).
    pub fn make_room(&mut self, entries: usize) {
        if self.table.is_empty() {
            self.table = Table::with_room(self.table.seed(), entries);
        }
    }

    /// The keys; reading what hangs off an entry takes [`Values::large`].
    #[inline]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What hangs off an entry, if something does.
    #[inline]
    pub fn large(&self, entry: Entry<'_>) -> Option<&Large> {
        large_of(&self.larges, entry)
    }

    /// The entry in a slot, to be changed in place.
    #[inline]
    pub fn entry_mut(&mut self, slot: Slot) -> EntryMut<'_> {
        self.table.entry_mut(slot)
    }

    /// Gives a key a value that lies in its entry, whether or not the key is there already (in `slot`).
    /// Returns the slot to use from now on and what hung off the entry.
    #[inline]
    pub fn put_inline(
        &mut self,
        hash: u64,
        slot: Option<Slot>,
        key: &[u8],
        fields: &Fields<'_>,
    ) -> (Slot, Option<Large>) {
        match slot {
            None => (self.table.insert(hash, key, fields), None),
            Some(slot) => {
                let large = self.detach(slot);
                (self.table.replace(hash, slot, key, fields), large)
            }
        }
    }

    /// Gives a key a value taken from elsewhere. Returns as [`Values::put_inline`].
    pub fn put(
        &mut self,
        hash: u64,
        slot: Option<Slot>,
        key: &[u8],
        value: OwnedValue,
        marks: Marks,
    ) -> (Slot, Option<Large>) {
        let Marks { stamp, clock, parity } = marks;
        let (slot, former) = match value {
            OwnedValue::Inline { kind, bytes } => {
                let fields = Fields { kind: kind.number(), value: &bytes, stamp, clock, parity };
                self.put_inline(hash, slot, key, &fields)
            }
            OwnedValue::Large(large) => {
                let (kind, reference) = self.attach(large);
                let fields = Fields { kind: kind.number(), value: &reference, stamp, clock, parity };
                self.put_inline(hash, slot, key, &fields)
            }
        };
        self.settle(slot);
        (slot, former)
    }

    /// Sets or clears an entry's stamp.
    pub fn set_stamp(&mut self, hash: u64, slot: Slot, stamp: Option<i64>) -> Slot {
        self.table.set_stamp(hash, slot, stamp)
    }

    /// Gives a value that lies in its entry another length; see [`Table::resize_value`].
    pub fn resize_value(&mut self, hash: u64, slot: Slot, value_len: usize) -> Slot {
        self.table.resize_value(hash, slot, value_len)
    }

    /// Removes an entry and returns what hung off it.
    #[inline]
    pub fn remove(&mut self, hash: u64, slot: Slot) -> Option<Large> {
        let large = self.detach(slot);
        self.table.remove(hash, slot);
        large
    }

    /// Removes an entry and returns its value.
    pub fn take(&mut self, hash: u64, slot: Slot) -> OwnedValue {
        let entry = self.table.entry(slot);
        let kind = Kind::of(entry);
        let bytes = if Kind::is_large(entry) { Vec::new() } else { entry.value().to_vec() };
        match self.remove(hash, slot) {
            Some(large) => OwnedValue::Large(large),
            None => OwnedValue::Inline { kind, bytes },
        }
    }

    /// Copies the value in a slot. What hangs off the entry is shared; see [`Large::share`].
    pub fn copy(&mut self, slot: Slot) -> OwnedValue {
        let entry = self.table.entry(slot);
        match Kind::of(entry) {
            Kind::Large(_) => OwnedValue::Large(self.large_mut(slot).share()),
            kind => OwnedValue::Inline { kind, bytes: entry.value().to_vec() },
        }
    }

    /// Copies an entry that doesn't have this parity yet, with its value, and gives it the parity. O(size of the value);
    /// what hangs off it is shared, see [`Large::share`].
    pub fn renew(&mut self, slot: Slot, parity: Parity, copies: &mut Copies) {
        let entry = self.table.entry(slot);
        if entry.parity() != parity {
            copies.push(entry, share_of(&mut self.larges, entry));
            self.table.entry_mut(slot).set_parity(parity);
        }
    }

    /// Does that with the entries of one bucket, and says where to go on; see [`Table::renew`].
    pub fn renew_bucket(&mut self, cursor: Cursor, parity: Parity, copies: &mut Copies) -> Option<Cursor> {
        let larges = &mut self.larges;
        self.table.renew(cursor, parity, |entry| copies.push(entry, share_of(larges, entry)))
    }

    /// Gives the entries of one bucket this parity, and says where to go on; see [`Table::renew`].
    pub fn renew_unseen(&mut self, cursor: Cursor, parity: Parity) -> Option<Cursor> {
        self.table.renew(cursor, parity, |_| {})
    }

    /// Takes a value out of the accounts, to be edited; [`Values::settle`] takes it in again. O(1), or O(log n)
    /// over the values whose members expire.
    #[inline]
    pub fn unsettle(&mut self, slot: Slot) {
        let entry = self.table.entry(slot);
        if !Kind::may_expire_in_part(entry) {
            return;
        }
        let (large_bytes, due) = self.account(entry);
        if due != i64::MAX {
            let key = entry.key().into();
            self.dues.remove(&(due, key));
        }
        self.larges_bytes -= large_bytes;
    }

    /// Takes a value into the accounts: its memory, and when the first of its members expires.
    #[inline]
    pub fn settle(&mut self, slot: Slot) {
        let entry = self.table.entry(slot);
        if !Kind::may_expire_in_part(entry) {
            return;
        }
        let (large_bytes, due) = self.account(entry);
        if due != i64::MAX {
            let key = entry.key().into();
            self.dues.insert((due, key));
        }
        self.larges_bytes += large_bytes;
    }

    /// Opens the collection in a slot, which must be [unsettled](Values::unsettle), for editing.
    ///
    /// The entry may move: `slot` is kept right. `changes` counts what changed.
    pub fn place<'a>(&'a mut self, hash: u64, slot: &'a mut Slot, changes: &'a mut u64) -> Place<'a> {
        Place::in_entry(self, hash, slot, changes)
    }

    /// What a value whose members may expire is accounted as: memory beside the table, and when the first is due.
    #[inline]
    fn account(&self, entry: Entry<'_>) -> (usize, i64) {
        (self.large(entry).map_or(0, Large::memory_bytes), self.next_due(entry))
    }

    /// When the first member of a value whose members may expire is due.
    #[inline]
    fn next_due(&self, entry: Entry<'_>) -> i64 {
        match self.large(entry) {
            Some(large) => large.next_due(),
            None => FieldPack::new(Kind::ExpiringHashPack, entry.value()).next_due(),
        }
    }

    /// Whether an entry, or a member of its value, may have an expiry time.
    #[inline]
    pub fn may_expire(entry: Entry<'_>) -> bool {
        entry.is_stamped() || Kind::may_expire_in_part(entry)
    }

    /// A lower bound of the expiry times of a value's members; `i64::MAX` when there is none.
    #[inline]
    pub fn member_due(&self, entry: Entry<'_>) -> i64 {
        if !Kind::may_expire_in_part(entry) {
            return i64::MAX;
        }
        self.next_due(entry)
    }

    /// Whether members of the value in a slot may expire.
    #[inline]
    pub fn expires_in_part(&self, slot: Slot) -> bool {
        self.member_due(self.table.entry(slot)) != i64::MAX
    }

    /// The key whose members expire next, if they do by `now`.
    pub fn first_due(&self, now: i64) -> Option<&[u8]> {
        self.dues.first().filter(|(due, _)| *due <= now).map(|(_, key)| &**key)
    }

    /// How many keys have members that expire.
    pub fn expiring_in_part(&self) -> usize {
        self.dues.len()
    }

    /// Finds stamps of keys that are due; see [`Table::collect_due`].
    pub fn collect_due(&mut self, now: i64, slots_max: usize, due: &mut Vec<Slot>) -> bool {
        self.table.collect_due(now, slots_max, due)
    }

    /// Whether a collection has nothing left in it, so that its key should go. A stream may be empty.
    #[inline]
    pub fn is_emptied(&self, slot: Slot) -> bool {
        let entry = self.table.entry(slot);
        match self.large(entry) {
            Some(large) => large.is_empty() && large.value_type() != ValueType::Stream,
            None => is_emptied(Kind::of(entry), entry.value()),
        }
    }

    /// Removes members that have expired by `now`, at most about `members_max`, from the value in a slot. The key
    /// goes when nothing is left, and what hung off it is returned; else `report` has heard of each member.
    pub fn expire_members(
        &mut self,
        hash: u64,
        slot: &mut Slot,
        now: i64,
        members_max: usize,
        report: impl FnMut(Str<'_>),
    ) -> Remains {
        self.unsettle(*slot);
        let is_whole = match Kind::of(self.table.entry(*slot)) {
            Kind::Large(_) => {
                self.large_mut(*slot).expire_members(now, members_max, report) == Expiration::Whole
            }
            kind @ Kind::ExpiringHashPack => {
                FieldPackMut::new(kind, Buffer::Entry { values: self, hash, slot }).expire(now, report);
                self.is_emptied(*slot)
            }
            _ => false,
        };
        self.settle(*slot);
        if is_whole { Remains::Nothing(self.remove(hash, *slot)) } else { Remains::Members }
    }

    /// Changes the entry of an HTTP cache in a slot. The key goes when nothing is left, and what hung off it is returned.
    ///
    /// # Panics
    /// If another type is there.
    pub fn edit_http_cache(&mut self, hash: u64, slot: Slot, edit: impl FnOnce(&mut HttpCache)) -> Remains {
        self.unsettle(slot);
        let cache = self.large_mut(slot).as_http_cache_mut();
        edit(cache);
        let is_empty = cache.is_empty();
        self.settle(slot);
        if is_empty { Remains::Nothing(self.remove(hash, slot)) } else { Remains::Members }
    }

    /// Elements of all large values, O(their number).
    pub fn large_elements(&self) -> usize {
        self.larges.elements()
    }

    /// Memory in bytes, entries rounded up to their size classes, large values included.
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.larges_bytes + self.larges.table_bytes()
    }

    /// Memory in bytes as taken from the allocator.
    pub fn allocated_bytes(&self) -> usize {
        self.table.allocated_bytes() + self.larges_bytes + self.larges.table_bytes()
    }

    /// Bytes taken for entries that aren't in use.
    pub fn spare_bytes(&self) -> usize {
        self.table.spare_bytes()
    }

    /// Moves entries out of sparse pages; see [`Table::compact`].
    pub fn compact(&mut self, entries_max: usize) -> usize {
        self.table.compact(entries_max)
    }

    /// Puts pages of the table into other memory; see [`Table::relocate`].
    pub fn relocate(
        &mut self,
        first: usize,
        limits: (usize, usize),
        is_misplaced: impl FnMut(Location) -> bool,
        moved: impl FnMut(Location),
    ) -> Option<usize> {
        self.table.relocate(first, limits, is_misplaced, moved)
    }

    /// Memory in bytes of one entry with its value and its share of the index.
    pub fn entry_bytes(&self, slot: Slot) -> usize {
        let large = self.large(self.table.entry(slot));
        self.table.entry_bytes(slot) + large.map_or(0, |large| large.memory_bytes() + size_of::<Large>())
    }

    /// Replaces an entry's value in place, with its kind; what hung off the entry is returned.
    pub(crate) fn replace_value(
        &mut self,
        hash: u64,
        slot: &mut Slot,
        kind: Kind,
        bytes: &[u8],
    ) -> Option<Large> {
        let entry = self.table.entry(*slot);
        let former = Kind::is_large(entry).then(|| self.larges.take(number_of(entry)));
        *slot = self.table.resize_value(hash, *slot, bytes.len());
        let mut entry = self.table.entry_mut(*slot);
        entry.set_kind(kind.number());
        entry.value_mut().copy_from_slice(bytes);
        former
    }

    pub(crate) fn replace_by_large(&mut self, hash: u64, slot: &mut Slot, large: Large) {
        let (kind, reference) = self.attach(large);
        self.replace_value(hash, slot, kind, &reference);
    }

    #[inline]
    pub(crate) fn large_mut(&mut self, slot: Slot) -> &mut Large {
        self.larges.at_mut(number_of(self.table.entry(slot)))
    }

    /// Takes a large value in and makes what the entry says of it.
    fn attach(&mut self, large: Large) -> (Kind, [u8; REFERENCE_BYTES]) {
        let value_type = large.value_type();
        let [a, b, c, d] = self.larges.put(large).to_le_bytes();
        (Kind::Large(value_type), [value_type.number() as u8, a, b, c, d])
    }

    /// Takes away what hangs off an entry that is about to go or to be replaced.
    #[inline]
    fn detach(&mut self, slot: Slot) -> Option<Large> {
        let entry = self.table.entry(slot);
        if !Kind::may_expire_in_part(entry) {
            return None;
        }
        self.unsettle(slot);
        let entry = self.table.entry(slot);
        Kind::is_large(entry).then(|| self.larges.take(number_of(entry)))
    }
}

#[inline]
fn large_of<'a>(larges: &'a Larges, entry: Entry<'_>) -> Option<&'a Large> {
    Kind::is_large(entry).then(|| larges.at(number_of(entry)))
}

fn share_of(larges: &mut Larges, entry: Entry<'_>) -> Option<Large> {
    Kind::is_large(entry).then(|| larges.at_mut(number_of(entry)).share())
}

#[inline]
fn number_of(entry: Entry<'_>) -> u32 {
    let reference: [u8; REFERENCE_BYTES] = entry.value().try_into().expect("a large value's entry names it");
    let [_, a, b, c, d] = reference;
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{FieldExpiry, HashLimits, HashMut};

    const LIMITS: HashLimits = HashLimits { entries_max: 4, value_bytes_max: 20 };
    const MARKS: Marks = Marks { stamp: None, clock: 0, parity: Parity::Even };

    fn add_fields(values: &mut Values, key: &[u8], fields: std::ops::Range<u32>) -> u64 {
        let hash = values.table().hash(key);
        let mut slot = values
            .table()
            .find(hash, key)
            .unwrap_or_else(|| values.put(hash, None, key, HashMut::fresh(), MARKS).0);
        let mut changes = 0;
        values.unsettle(slot);
        let mut edit = HashMut::new(values.place(hash, &mut slot, &mut changes), LIMITS);
        for field in fields {
            edit.set(format!("field {field}").as_bytes(), b"value", FieldExpiry::Clear);
        }
        values.settle(slot);
        changes
    }

    #[test]
    fn values_grow_out_of_their_entries_and_leave_nothing_behind() {
        let mut values = Values::new(HashSeed::new(1, 2));
        for key in 0..100_u32 {
            let key = key.to_le_bytes();
            assert_eq!(add_fields(&mut values, &key, 0..3), 3);
            assert_eq!(
                add_fields(&mut values, &key, 2..1 + u32::from(key[0])),
                u64::from(key[0]).saturating_sub(1)
            );
        }
        let mut large = 0;
        for key in 0..100_u32 {
            let key = key.to_le_bytes();
            let (hash, fields) = (values.table().hash(&key[..]), u32::from(key[0]).max(2) + 1);
            let slot = values.table().find(hash, &key[..]).expect("it was put");
            let entry = values.table().entry(slot);
            let form = if fields > 4 { Kind::Large(ValueType::Hash) } else { Kind::HashPack };
            assert_eq!(Kind::of(entry), form);
            large += values.large(entry).map_or(0, Large::memory_bytes);
            assert_eq!(values.large(entry).map_or(fields as usize, Large::len), fields as usize);
        }
        assert_eq!(values.larges_bytes, large);
        for key in 0..100_u32 {
            let key = key.to_le_bytes();
            let hash = values.table().hash(&key[..]);
            let slot = values.table().find(hash, &key[..]).expect("it was put");
            let (copy, taken) = (values.copy(slot), values.take(hash, slot));
            assert_eq!(matches!(copy, OwnedValue::Large(_)), matches!(taken, OwnedValue::Large(_)));
        }
        assert_eq!((values.memory_bytes(), values.expiring_in_part()), (0, 0));
    }
}

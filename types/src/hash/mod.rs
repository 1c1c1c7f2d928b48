//! Hashes: fields with values, some of which may expire.
//!
//! ```text
//! listpack     field value | field value | …           in the order in which the fields were added
//! listpackex   field value expiry | …                  what expires comes first, the soonest at the front;
//!                                                      an expiry of 0 means never
//! hashtable    table of members: field → value, with the expiry as its stamp
//! ```
//!
//! A hash starts as a listpack, gets room for expiry times when it first hears of one, and becomes a table when
//! it has more fields, or a longer field or value, than its [limits](HashLimits) say. It never goes back.
//!
//! | | listpacks | table |
//! | --- | --- | --- |
//! | find, set, remove a field | O(fields) | O(1) |
//! | choose a field | O(fields) | O(1) |
//! | when the next field expires | O(1) | O(1), a lower bound |
//!
//! Invariants: no field stands twice; in a listpackex, expiry times rise and those without follow. Fields that
//! have expired are there until somebody removes them: no time is known here.

mod choose;
mod edit;
mod pack;
mod scan;
#[cfg(test)]
mod tests;

use crate::arena::Slot;
use crate::hash_seed::HashSeed;
use crate::kind::Kind;
use crate::large::Large;
use crate::member::{Member, MemberValue, Members};
use crate::string::Str;
use crate::table::{Table, TableStatistics};
pub use edit::{FieldExpiry, HashLimits, HashMut};
pub use pack::FieldPack;
pub(crate) use pack::FieldPackMut;

/// A hash in its large form: a table of fields.
pub struct Hash {
    table: Table<Members>,
}

/// A hash, to be read in the form it has.
#[derive(Clone, Copy)]
pub enum HashRef<'a> {
    /// A listpack, with or without expiry times.
    Compact(FieldPack<'a>),
    /// A table.
    Large(&'a Hash),
}

impl<'a> HashRef<'a> {
    /// The hash of this kind, which lies in these bytes unless it is large.
    #[inline]
    pub(crate) fn of(kind: Kind, bytes: &'a [u8], large: Option<&'a Large>) -> HashRef<'a> {
        match large {
            Some(Large::Hash(hash)) => HashRef::Large(hash),
            _ => HashRef::Compact(FieldPack::new(kind, bytes)),
        }
    }

    /// How many fields there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashRef::Compact(pack) => pack.len(),
            HashRef::Large(hash) => hash.len(),
        }
    }

    /// Whether there is no field.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[inline]
    pub fn value(self, field: &[u8]) -> Option<Str<'a>> {
        match self {
            HashRef::Compact(pack) => pack.find(field).map(|at| pack.value(at)),
            HashRef::Large(hash) => hash.member(Str::parse(field)).map(value_of),
        }
    }

    /// Whether there is such a field.
    #[inline]
    pub fn contains(self, field: &[u8]) -> bool {
        match self {
            HashRef::Compact(pack) => pack.find(field).is_some(),
            HashRef::Large(hash) => hash.member(Str::parse(field)).is_some(),
        }
    }

    /// The value of a field that has not expired by `now`.
    #[inline]
    pub fn value_at(self, field: &[u8], now: i64) -> Option<Str<'a>> {
        let (value, expiry) = match self {
            HashRef::Compact(pack) => pack.find(field).map(|at| (pack.value(at), pack.expiry(at)))?,
            HashRef::Large(hash) => {
                hash.member(Str::parse(field)).map(|member| (value_of(member), member.stamp()))?
            }
        };
        expiry.is_none_or(|at| at > now).then_some(value)
    }

    /// When a field expires; nothing if there is no such field.
    pub fn expiry(self, field: &[u8]) -> Option<Option<i64>> {
        match self {
            HashRef::Compact(pack) => pack.find(field).map(|at| pack.expiry(at)),
            HashRef::Large(hash) => hash.member(Str::parse(field)).map(Member::stamp),
        }
    }

    /// Visits every field with its value and its expiry time. O(fields).
    #[inline]
    pub fn for_each(self, mut visit: impl FnMut(Str<'a>, Str<'a>, Option<i64>)) {
        match self {
            HashRef::Compact(pack) => {
                pack.iter().for_each(|(field, value, expiry)| visit(field, value, expiry));
            }
            HashRef::Large(hash) => {
                hash.table.iter().for_each(|member| visit(member.key(), value_of(member), member.stamp()));
            }
        }
    }
}

impl Hash {
    /// Makes a hash without fields.
    pub const fn new(seed: HashSeed) -> Hash {
        Hash { table: Table::new(seed) }
    }

    /// Makes a second hash that shares memory with this one; see [`Table::share`].
    pub fn share(&mut self) -> Hash {
        Hash { table: self.table.share() }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Measures the table of fields. O(fields).
    pub fn statistics(&self) -> TableStatistics {
        self.table.statistics()
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Hash>() + self.table.memory_bytes()
    }

    /// Collects the slots of fields that have expired by `now`; see [`Table::collect_due`].
    pub(crate) fn collect_due(&mut self, now: i64, fields_max: usize, due: &mut Vec<Slot>) -> bool {
        self.table.collect_due(now, fields_max, due)
    }

    /// Lists the slots of fields that have expired by `now` and stay; see [`Table::list_due`].
    pub(crate) fn list_due(&mut self, now: i64) -> Vec<Slot> {
        self.table.list_due(now)
    }

    /// Removes the fields in some slots and reports each.
    pub(crate) fn remove_all(&mut self, slots: &[Slot], report: impl FnMut(Str<'_>)) {
        self.table.remove_all(slots, report);
    }

    /// A lower bound of the fields' expiry times; `i64::MAX` when there is none.
    pub fn next_due(&self) -> i64 {
        self.table.next_due()
    }

    #[inline]
    fn member(&self, field: Str<'_>) -> Option<Member<'_>> {
        let slot = self.table.find(self.table.hash(field), field)?;
        Some(self.table.entry(slot))
    }
}

#[inline]
fn value_of(member: Member<'_>) -> Str<'_> {
    match member.value() {
        MemberValue::Content(value) => value,
        other => unreachable!("a field's value is no {other:?}"),
    }
}

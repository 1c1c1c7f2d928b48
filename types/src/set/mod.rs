//! Sets of different strings.

mod edit;
mod sample;
#[cfg(test)]
mod tests;

use crate::arena::Slot;
use crate::hash_seed::HashSeed;
use crate::intset::Intset;
use crate::kind::Kind;
use crate::listpack::Listpack;
use crate::member::{Member, MemberFields, MemberValue, Members};
use crate::owned::OwnedValue;
use crate::string::Str;
use crate::table::{Cursor, Table, TableStatistics};
pub use edit::{SetLimits, SetMut};

/// A set in its large form: a table of members.
pub struct Set {
    table: Table<Members>,
}

/// A set, to be read in the form it has.
///
/// Members are given and found as collections store them: a text that is an integer's decimal is that integer
/// ([`Str::parse`]).
#[derive(Clone, Copy)]
pub enum SetRef<'a> {
    /// Integers, ascending.
    Integers(Intset<'a>),
    /// Members in the order in which they were added.
    Compact(Listpack<'a>),
    /// A table.
    Large(&'a Set),
}

impl<'a> SetRef<'a> {
    /// The compact set of this kind that lies in these bytes.
    #[inline]
    pub(crate) fn of_bytes(kind: Kind, bytes: &'a [u8]) -> SetRef<'a> {
        match kind {
            Kind::IntSet => SetRef::Integers(Intset::new(bytes)),
            _ => SetRef::Compact(Listpack::new(bytes)),
        }
    }

    /// The set in a value on its own.
    ///
    /// # Panics
    /// If it is large and no set.
    pub fn of_value(value: &'a OwnedValue) -> SetRef<'a> {
        match value {
            OwnedValue::Inline { kind, bytes } => SetRef::of_bytes(*kind, bytes),
            OwnedValue::Large(large) => SetRef::Large(large.as_set()),
        }
    }

    /// How many members there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        match self {
            SetRef::Integers(integers) => integers.len(),
            SetRef::Compact(pack) => pack.len(),
            SetRef::Large(set) => set.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether a string is a member. O(log n) among integers, O(n) in a compact set, else O(1).
    #[inline]
    pub fn contains(self, member: Str<'_>) -> bool {
        match self {
            SetRef::Integers(integers) => {
                matches!(member, Str::Integer(integer) if integers.contains(integer))
            }
            SetRef::Compact(pack) => pack.find(member, pack.start(), 0).is_some(),
            SetRef::Large(set) => set.contains(member),
        }
    }

    /// When a member expires; nothing if there is no such member. Costs as [`SetRef::contains`].
    pub fn expiry(self, member: Str<'_>) -> Option<Option<i64>> {
        match self {
            SetRef::Large(set) => set.expiry(member),
            compact => compact.contains(member).then_some(None),
        }
    }

    /// Whether a string is a member that has not expired by `now`. Costs as [`SetRef::contains`].
    #[inline]
    pub fn contains_at(self, member: Str<'_>, now: i64) -> bool {
        match self {
            SetRef::Large(set) => set.expiry(member).is_some_and(|expiry| expiry.is_none_or(|at| at > now)),
            compact => compact.contains(member),
        }
    }

    /// Visits every member. O(n).
    #[inline]
    pub fn for_each(self, mut visit: impl FnMut(Str<'a>)) {
        match self {
            SetRef::Integers(integers) => integers.iter().for_each(|integer| visit(Str::Integer(integer))),
            SetRef::Compact(pack) => pack.iter().for_each(visit),
            SetRef::Large(set) => set.table.iter().for_each(|member| visit(member.key())),
        }
    }

    /// All members: integers ascending, those of a compact set as they were added, else in no order.
    pub fn iter(self) -> impl Iterator<Item = Str<'a>> {
        let (integers, pack, set) = match self {
            SetRef::Integers(integers) => (Some(integers.iter()), None, None),
            SetRef::Compact(pack) => (None, Some(pack.iter()), None),
            SetRef::Large(set) => (None, None, Some(set.table.iter())),
        };
        let integers = integers.into_iter().flatten().map(Str::Integer);
        integers.chain(pack.into_iter().flatten()).chain(set.into_iter().flatten().map(Member::key))
    }

    /// Visits some members that have not expired by `now` and says where to go on, `None` at the end.
    ///
    /// From the default cursor until `None`, a member that is there throughout is visited at least once, whatever
    /// else comes or goes meanwhile. Sets that aren't large are visited at once; else O(1).
    pub fn scan(self, cursor: Cursor, now: i64, mut visit: impl FnMut(Str<'_>)) -> Option<Cursor> {
        match self {
            SetRef::Large(set) => set.table.scan(cursor, |member| {
                if member.stamp().is_none_or(|at| at > now) {
                    visit(member.key());
                }
            }),
            compact => {
                compact.for_each(visit);
                None
            }
        }
    }
}

impl Set {
    /// Makes a set without members that `members` members don't make grow.
    pub fn with_room(members: usize, seed: HashSeed) -> Set {
        Set { table: Table::with_room(seed, members) }
    }

    /// Makes a second set that shares memory with this one; see [`Table::share`].
    pub fn share(&mut self) -> Set {
        Set { table: self.table.share() }
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether a string is a member. O(1).
    #[inline]
    pub fn contains(&self, member: Str<'_>) -> bool {
        self.table.find(self.table.hash(member), member).is_some()
    }

    /// When a member expires; nothing if there is no such member. O(1).
    pub fn expiry(&self, member: Str<'_>) -> Option<Option<i64>> {
        let slot = self.table.find(self.table.hash(member), member)?;
        Some(self.table.entry(slot).stamp())
    }

    /// Adds a member; whether it was not there. O(1).
    pub fn add(&mut self, member: Str<'_>) -> bool {
        let hash = self.table.hash(member);
        let is_new = self.table.find(hash, member).is_none();
        if is_new {
            self.table.insert(hash, member, &MemberFields { value: MemberValue::None, stamp: None });
        }
        is_new
    }

    /// Removes a member; whether it was there. O(1).
    pub fn remove(&mut self, member: Str<'_>) -> bool {
        let hash = self.table.hash(member);
        let found = self.table.find(hash, member);
        if let Some(slot) = found {
            self.table.remove(hash, slot);
        }
        found.is_some()
    }

    /// The members that expire, with their stamps. O(members).
    pub fn stamped(&self) -> impl Iterator<Item = (Str<'_>, i64)> {
        self.table.iter().filter_map(|member| Some((member.key(), member.stamp()?)))
    }

    /// Measures the table of members. O(members).
    pub fn statistics(&self) -> TableStatistics {
        self.table.statistics()
    }

    /// Sets or clears a member's stamp; whether the member is there. O(1).
    pub fn set_stamp(&mut self, member: Str<'_>, stamp: Option<i64>) -> bool {
        let hash = self.table.hash(member);
        let found = self.table.find(hash, member);
        if let Some(slot) = found {
            self.table.set_stamp(hash, slot, stamp);
        }
        found.is_some()
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Set>() + self.table.memory_bytes()
    }

    /// Collects the slots of members that have expired by `now`; see [`Table::collect_due`].
    pub(crate) fn collect_due(&mut self, now: i64, members_max: usize, due: &mut Vec<Slot>) -> bool {
        self.table.collect_due(now, members_max, due)
    }

    /// Lists the slots of members that have expired by `now` and stay; see [`Table::list_due`].
    pub(crate) fn list_due(&mut self, now: i64) -> Vec<Slot> {
        self.table.list_due(now)
    }

    /// Removes the members in some slots and reports each.
    pub(crate) fn remove_all(&mut self, slots: &[Slot], report: impl FnMut(Str<'_>)) {
        self.table.remove_all(slots, report);
    }

    /// A lower bound of the members' expiry times; `i64::MAX` when there is none.
    pub fn next_due(&self) -> i64 {
        self.table.next_due()
    }
}

//! Editing a sorted set in either form, and turning the compact form into the large one.

use super::compact::{self, Pairs};
use super::{Change, SortedSet, SortedSetRef};
use crate::fate::Fate;
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack::{self, Listpack};
use crate::owned::OwnedValue;
use crate::place::{Form, Place};
use crate::string::Str;
use std::ops::Range;

/// A listpack stays below 1 GiB, whatever the limits say.
pub(super) const PACK_BYTES_MAX: usize = 1 << 30;

/// How large a sorted set in compact form may be.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetLimits {
    /// Members at most.
    pub entries_max: usize,
    /// Length of a member in bytes at most.
    pub member_bytes_max: usize,
}

impl SortedSetLimits {
    pub(super) fn allow(self, entries: usize, member_bytes: usize) -> bool {
        entries <= self.entries_max && member_bytes <= self.member_bytes_max
    }
}

/// A sorted set that is being edited.
pub struct SortedSetMut<'a> {
    place: Place<'a>,
    limits: SortedSetLimits,
}

impl<'a> SortedSetMut<'a> {
    /// Opens the sorted set in a place.
    pub fn new(place: Place<'a>, limits: SortedSetLimits) -> SortedSetMut<'a> {
        SortedSetMut { place, limits }
    }

    /// A sorted set without members.
    pub fn fresh() -> OwnedValue {
        OwnedValue::Inline { kind: Kind::SortedSetPack, bytes: listpack::EMPTY.to_vec() }
    }

    /// The sorted set as it is.
    #[inline]
    pub fn view(&self) -> SortedSetRef<'_> {
        SortedSetRef::of(self.place.bytes(), self.place.large())
    }

    /// Prepares for having this many members, the longest of this length: if the limits do not allow them, the
    /// large form is made at once.
    pub fn expect(&mut self, entries: usize, member_bytes: usize) {
        if !self.limits.allow(entries, member_bytes) && self.place.large().is_none() {
            self.enlarge();
        }
    }

    /// Gives a member the score that `decide` makes of its present one, if it has one. O(log n), or O(n) in the
    /// compact form.
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) -> Change {
        let change = match self.place.form() {
            Form::Large(large) => large.as_sorted_set_mut().update(Str::parse(member), decide),
            Form::Compact(_, buffer) => match compact::update(buffer, Str::Text(member), decide) {
                Ok(change) => change,
                Err(decide) => match decide(None) {
                    Some(score) => self.add(member, score),
                    None => Change::Refused,
                },
            },
        };
        self.place.count_changes(u64::from(matches!(change, Change::Added | Change::Rescored)));
        change
    }

    /// Removes a member and returns its score. O(log n), or O(n) in the compact form.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let removed = match self.place.form() {
            Form::Large(large) => large.as_sorted_set_mut().remove(Str::parse(member)),
            Form::Compact(_, buffer) => compact::remove(buffer, Str::Text(member)),
        };
        self.place.count_changes(u64::from(removed.is_some()));
        removed
    }

    /// Lets `decide` say what happens to a member by its expiry time, and returns that; nothing if there is no such
    /// member. A sorted set in which a member expires becomes large. O(log n), or O(n) in the compact form.
    pub fn decide(&mut self, member: &[u8], decide: impl FnOnce(Option<i64>) -> Fate) -> Option<Fate> {
        let before = self.view().expiry(member)?;
        let fate = decide(before);
        match fate {
            Fate::Stays => {}
            Fate::Persists if before.is_none() => {}
            Fate::Goes => _ = self.remove(member),
            Fate::Expires(_) | Fate::Persists => {
                if self.place.large().is_none() {
                    self.enlarge();
                }
                let large = self.place.large_mut().expect("just made");
                large.as_sorted_set_mut().set_stamp(Str::parse(member), fate.stamp());
                self.place.count_changes(1);
            }
        }
        Some(fate)
    }

    /// Removes a range of ranks, which must be there. O(log n + k), or O(n) in the compact form.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        self.place.count_changes(ranks.len() as u64);
        match self.place.form() {
            Form::Large(large) => large.as_sorted_set_mut().remove_range(ranks),
            Form::Compact(_, buffer) => compact::remove_range(buffer, ranks),
        }
    }

    /// Adds a member that is not in the compact form, which may have to give way to the large one.
    fn add(&mut self, member: &[u8], score: f64) -> Change {
        let bytes = self.place.bytes();
        let is_allowed = self.limits.allow(Pairs::new(Listpack::new(bytes)).len() + 1, member.len())
            && bytes.len() + member.len() < PACK_BYTES_MAX;
        if is_allowed {
            compact::insert(self.place.buffer(), Str::Text(member), score);
            return Change::Added;
        }
        self.enlarge();
        let large = self.place.large_mut().expect("just made");
        large.as_sorted_set_mut().update(Str::parse(member), |_| Some(score))
    }

    fn enlarge(&mut self) {
        let set = SortedSet::from_sorted(self.place.seed(), self.view().iter());
        self.place.set_large(Large::SortedSet(Box::new(set)));
    }
}

//! Large sorted sets: a table for members, a tree for their order.

use super::tree::{Item, Tree, Walk};
use super::{Change, Direction, Entries, compare_texts, is_same};
use crate::arena::Slot;
use crate::hash_seed::HashSeed;
use crate::member::{Member, MemberFields, MemberValue, Members};
use crate::string::Str;
use crate::table::{Cursor, Table, TableStatistics};
use std::cmp::Ordering;
use std::ops::{Bound, Range};

/// A tree is built anew when one of so many members goes: that takes 10 to 20 ns for each that there is, where taking
/// one out of a large tree takes a microsecond.
const REBUILD_SHARE: usize = 50;

/// A sorted set in its large form.
///
/// Members are canonical ([`Str::canonical`]); scores are numbers.
pub struct SortedSet {
    table: Table<Members>,
    tree: Tree,
}

impl SortedSet {
    /// Makes an empty sorted set.
    pub fn new(seed: HashSeed) -> SortedSet {
        SortedSet { table: Table::new(seed), tree: Tree::new() }
    }

    /// Makes a sorted set of pairs that are in order and whose members differ. O(n).
    pub fn from_sorted<'m>(seed: HashSeed, pairs: impl Iterator<Item = (Str<'m>, f64)>) -> SortedSet {
        let mut table = Table::new(seed);
        let items = pairs.map(|(member, score)| {
            let hash = table.hash(member);
            let slot = table.insert(hash, member, &unstamped(score));
            Item { score, slot }
        });
        let tree = Tree::from_sorted(&items.collect::<Vec<_>>());
        SortedSet { table, tree }
    }

    pub(super) fn of_parts(table: Table<Members>, tree: Tree) -> SortedSet {
        debug_assert_eq!(table.len(), tree.len());
        SortedSet { table, tree }
    }

    /// Makes a second sorted set that shares memory with this one; see [`Table::share`] and [`Tree::share`].
    pub fn share(&mut self) -> SortedSet {
        SortedSet { table: self.table.share(), tree: self.tree.share() }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// A member's score. O(1).
    #[inline]
    pub fn score(&self, member: Str<'_>) -> Option<f64> {
        let slot = self.table.find(self.table.hash(member), member)?;
        Some(score_of(self.table.entry(slot)))
    }

    /// The score of a member that has not expired by `now`. O(1).
    #[inline]
    pub fn score_at(&self, member: Str<'_>, now: i64) -> Option<f64> {
        let slot = self.table.find(self.table.hash(member), member)?;
        let member = self.table.entry(slot);
        member.stamp().is_none_or(|at| at > now).then(|| score_of(member))
    }

    /// When a member expires; nothing if there is no such member. O(1).
    pub fn expiry(&self, member: Str<'_>) -> Option<Option<i64>> {
        let slot = self.table.find(self.table.hash(member), member)?;
        Some(self.table.entry(slot).stamp())
    }

    /// A member's rank and score. O(log n).
    pub fn rank(&self, member: Str<'_>) -> Option<(usize, f64)> {
        let slot = self.table.find(self.table.hash(member), member)?;
        let score = score_of(self.table.entry(slot));
        let path = self.tree.find(Item { score, slot }, by_member(&self.table));
        Some((path.rank(), score))
    }

    /// How many members have a score before a point. O(log n).
    pub fn rank_of_score(&self, is_before: impl Fn(f64) -> bool) -> usize {
        self.tree.rank_of_point(|item| is_before(item.score))
    }

    /// The ranks of members within bounds, provided that all scores are equal. O(log n).
    pub fn ranks_of_members(&self, low: Bound<&[u8]>, high: Bound<&[u8]>) -> Range<usize> {
        let member = |item: Item| self.table.entry(item.slot).key();
        let start = self.tree.rank_of_point(|item| super::compact::is_below(member(item), low));
        let end = self.tree.rank_of_point(|item| !super::compact::is_above(member(item), high));
        start..end.max(start)
    }

    /// Members and scores of a range of ranks. O(log n + k).
    pub fn entries(&self, ranks: Range<usize>, direction: Direction) -> Entries<'_> {
        let walk = match direction {
            Direction::Forwards => self.tree.forward(ranks.start, ranks.len()),
            Direction::Backwards => self.tree.backward(ranks.end.saturating_sub(1), ranks.len()),
        };
        Entries::large(&self.table, walk)
    }

    /// Scores and slots from a score on. O(log n), then O(1) for each.
    pub(super) fn items_from(&self, low: f64) -> Walk<'_> {
        self.tree.forward_from(|item| item.score < low)
    }

    /// Asks for a member that is soon needed.
    #[inline]
    pub(super) fn prefetch_member(&self, slot: Slot) {
        self.table.prefetch_entry(slot);
    }

    /// The member in a slot.
    #[inline]
    pub(super) fn member(&self, slot: Slot) -> Str<'_> {
        self.table.entry(slot).key()
    }

    /// Gives a member the score that `decide` makes of its present one. O(log n).
    pub fn update(&mut self, member: Str<'_>, decide: impl FnOnce(Option<f64>) -> Option<f64>) -> Change {
        let hash = self.table.hash(member);
        let Some(slot) = self.table.find(hash, member) else {
            let Some(score) = decide(None) else { return Change::Refused };
            let slot = self.table.insert(hash, member, &unstamped(score));
            self.tree.insert(Item { score, slot }, by_member(&self.table));
            return Change::Added;
        };
        let entry = self.table.entry(slot);
        let (old, stamp) = (score_of(entry), entry.stamp());
        let Some(new) = decide(Some(old)) else { return Change::Refused };
        if is_same(old, new) {
            return Change::Same;
        }
        self.tree.rescore(Item { score: old, slot }, new, by_member(&self.table));
        let kept =
            self.table.replace(hash, slot, member, &MemberFields { value: MemberValue::Score(new), stamp });
        debug_assert_eq!(kept, slot, "a score's length does not change");
        Change::Rescored
    }

    /// Removes a member and returns its score. O(log n).
    pub fn remove(&mut self, member: Str<'_>) -> Option<f64> {
        let hash = self.table.hash(member);
        let slot = self.table.find(hash, member)?;
        let score = score_of(self.table.entry(slot));
        self.tree.remove(Item { score, slot }, by_member(&self.table));
        self.table.remove(hash, slot);
        Some(score)
    }

    /// Removes a range of ranks. O(log n + k).
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let table = &mut self.table;
        self.tree.remove_range(ranks, |slot| {
            let hash = table.hash(table.entry(slot).key());
            table.remove(hash, slot);
        });
    }

    /// Visits members that have not expired by `now` in the order of their hashes; see [`Table::scan`].
    pub fn scan(&self, cursor: Cursor, now: i64, mut visit: impl FnMut(Str<'_>, f64)) -> Option<Cursor> {
        self.table.scan(cursor, |member| {
            if member.stamp().is_none_or(|at| at > now) {
                visit(member.key(), score_of(member));
            }
        })
    }

    /// Collects the slots of members that have expired by `now`; see [`Table::collect_due`].
    pub(crate) fn collect_due(&mut self, now: i64, members_max: usize, due: &mut Vec<Slot>) -> bool {
        self.table.collect_due(now, members_max, due)
    }

    /// Lists the slots of members that have expired by `now` and stay; see [`Table::list_due`].
    pub(crate) fn list_due(&mut self, now: i64) -> Vec<Slot> {
        self.table.list_due(now)
    }

    /// Removes the members in some slots and reports each. O(k log n); for a large share of all members O(n).
    pub(crate) fn remove_all(&mut self, slots: &[Slot], report: impl FnMut(Str<'_>)) {
        if slots.len() >= self.len() / REBUILD_SHARE {
            self.tree = self.tree_without(slots);
        } else {
            for slot in slots {
                let score = score_of(self.table.entry(*slot));
                self.tree.remove(Item { score, slot: *slot }, by_member(&self.table));
            }
        }
        self.table.remove_all(slots, report);
    }

    /// The tree of all members but those in some slots.
    fn tree_without(&self, slots: &[Slot]) -> Tree {
        let place = |slot: Slot| (slot.raw() as usize / 64, 1_u64 << (slot.raw() % 64));
        let words = slots.iter().map(|slot| place(*slot).0 + 1).max().unwrap_or(0);
        let mut marks = vec![0; words];
        for slot in slots {
            let (word, bit) = place(*slot);
            marks[word] |= bit;
        }
        let is_marked = |slot: Slot| {
            let (word, bit) = place(slot);
            marks.get(word).is_some_and(|mark| mark & bit != 0)
        };
        let mut items = Vec::with_capacity(self.len() - slots.len());
        items.extend(self.tree.forward(0, self.len()).filter(|item| !is_marked(item.slot)));
        Tree::from_sorted(&items)
    }

    /// Sets or clears a member's stamp; whether the member is there. O(log n).
    pub fn set_stamp(&mut self, member: Str<'_>, stamp: Option<i64>) -> bool {
        let hash = self.table.hash(member);
        let Some(slot) = self.table.find(hash, member) else { return false };
        let score = score_of(self.table.entry(slot));
        let path = self.tree.find(Item { score, slot }, by_member(&self.table));
        let moved = self.table.set_stamp(hash, slot, stamp);
        self.tree.relocate(&path, moved);
        true
    }

    /// A lower bound of the members' expiry times; `i64::MAX` when there is none.
    pub fn next_due(&self) -> i64 {
        self.table.next_due()
    }

    /// The members that expire, with their stamps, in no order. O(members).
    pub fn stamped(&self) -> impl Iterator<Item = (Str<'_>, i64)> {
        self.table.iter().filter_map(|member| Some((member.key(), member.stamp()?)))
    }

    /// Measures the table of members. O(members).
    pub fn statistics(&self) -> TableStatistics {
        self.table.statistics()
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<SortedSet>() + self.table.memory_bytes() + self.tree.memory_bytes()
    }
}

#[inline]
pub(super) fn score_of(member: Member<'_>) -> f64 {
    match member.value() {
        MemberValue::Score(score) => score,
        other => unreachable!("members of sorted sets have scores, not {other:?}"),
    }
}

pub(super) fn unstamped(score: f64) -> MemberFields<'static> {
    MemberFields { value: MemberValue::Score(score), stamp: None }
}

pub(super) fn by_member(table: &Table<Members>) -> impl Fn(Slot, Slot) -> Ordering {
    |left, right| compare_texts(table.entry(left).key(), table.entry(right).key())
}

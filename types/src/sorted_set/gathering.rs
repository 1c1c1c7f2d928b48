//! Members with scores that come in any order.

use super::edit::PACK_BYTES_MAX;
use super::large::{by_member, score_of, unstamped};
use super::tree::{Item, Tree};
use super::{SortedSet, SortedSetLimits, compact};
use crate::arena::Slot;
use crate::hash_seed::HashSeed;
use crate::kind::Kind;
use crate::large::Large;
use crate::member::Members;
use crate::owned::OwnedValue;
use crate::string::Str;
use crate::table::Table;

/// Gathers members with scores, to put them in order once at the end: O(n log n) with a small constant,
/// where a sorted set would look for the place of each.
pub struct Gathering {
    table: Table<Members>,
    slots: Vec<Slot>,
}

impl Gathering {
    /// Makes an empty one. The seed is that of the sorted set it may become.
    pub fn new(seed: HashSeed) -> Gathering {
        Gathering { table: Table::new(seed), slots: Vec::new() }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Gives a member the score that `decide` makes of its present one, if it has one. O(1).
    pub fn put(&mut self, member: Str<'_>, decide: impl FnOnce(Option<f64>) -> f64) {
        let member = member.canonical();
        let hash = self.table.hash(member);
        match self.table.find(hash, member) {
            Some(slot) => {
                let score = decide(Some(score_of(self.table.entry(slot))));
                let kept = self.table.replace(hash, slot, member, &unstamped(score));
                debug_assert_eq!(kept, slot, "a score's length does not change");
            }
            None => self.slots.push(self.table.insert(hash, member, &unstamped(decide(None)))),
        }
    }

    /// Members and scores in order.
    pub fn sorted(&self) -> impl ExactSizeIterator<Item = (Str<'_>, f64)> {
        let items = self.items().into_iter();
        items.map(|item| (self.table.entry(item.slot).key(), item.score))
    }

    /// The sorted set of what was gathered, in the form the limits allow.
    pub fn into_value(self, limits: SortedSetLimits) -> OwnedValue {
        let lengths = || self.slots.iter().map(|slot| self.table.entry(*slot).key().len());
        let is_compact = self.len() <= limits.entries_max
            && limits.allow(self.len(), lengths().max().unwrap_or(0))
            && lengths().sum::<usize>() < PACK_BYTES_MAX;
        if is_compact {
            return OwnedValue::Inline {
                kind: Kind::SortedSetPack,
                bytes: compact::from_sorted(self.sorted()),
            };
        }
        let tree = Tree::from_sorted(&self.items());
        OwnedValue::Large(Large::SortedSet(Box::new(SortedSet::of_parts(self.table, tree))))
    }

    fn items(&self) -> Vec<Item> {
        let item = |slot: &Slot| Item { score: score_of(self.table.entry(*slot)), slot: *slot };
        let mut items: Vec<Item> = self.slots.iter().map(item).collect();
        let order = by_member(&self.table);
        items.sort_unstable_by(|left, right| {
            let by_score = left.score.partial_cmp(&right.score).expect("scores are numbers");
            by_score.then_with(|| order(left.slot, right.slot))
        });
        items
    }
}

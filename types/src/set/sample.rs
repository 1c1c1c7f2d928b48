//! Choosing members at random. `random` returns uniformly distributed words.

use super::SetRef;
use crate::string::Str;
use std::collections::HashSet;

/// So many times as many members as are wanted make it cheaper to draw until all are different than to go
/// through all of them.
const DRAWING_FACTOR: usize = 3;

impl<'a> SetRef<'a> {
    /// Chooses a member, each with the same chance; the set must have one. O(n) in a compact set, else O(1).
    pub fn choose(self, random: &mut impl FnMut() -> u64) -> Str<'a> {
        match self {
            SetRef::Integers(integers) => Str::Integer(integers.at(below(integers.len(), random()))),
            SetRef::Compact(pack) => {
                pack.get(below(pack.len(), random())).expect("an index below the length")
            }
            SetRef::Large(set) => {
                set.table.entry(set.table.choose(random).expect("the set is not empty")).key()
            }
        }
    }

    /// Reports `count` different members, of which there must be as many; every choice of so many has the same
    /// chance. O(n), in a large set O(count).
    pub fn sample(self, count: usize, random: &mut impl FnMut() -> u64, mut report: impl FnMut(Str<'a>)) {
        match self {
            SetRef::Large(set) if count * DRAWING_FACTOR <= set.len() => {
                let mut drawn = HashSet::with_capacity(count);
                while drawn.len() < count {
                    let slot = set.table.choose(&mut *random).expect("the set is not empty");
                    if drawn.insert(slot) {
                        report(set.table.entry(slot).key());
                    }
                }
            }
            set => part(set.iter(), (count, set.len()), random, |member, is_chosen| {
                if is_chosen {
                    report(member);
                }
            }),
        }
    }
}

/// Visits all items and says of each whether it is one of `count` chosen among all `len`.
///
/// Every choice of so many has the same chance: an item is chosen with the share that is still wanted among
/// those that are left.
pub(super) fn part<T>(
    items: impl Iterator<Item = T>,
    (count, len): (usize, usize),
    random: &mut impl FnMut() -> u64,
    mut visit: impl FnMut(T, bool),
) {
    let mut wanted = count;
    for (index, item) in items.enumerate() {
        let is_chosen = below(len - index, random()) < wanted;
        wanted -= usize::from(is_chosen);
        visit(item, is_chosen);
    }
}

/// Brings a uniformly distributed word down below a bound.
pub(super) fn below(bound: usize, random: u64) -> usize {
    ((u128::from(random) * bound as u128) >> 64) as usize
}

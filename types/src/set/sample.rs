//! Choosing members at random. `random` returns uniformly distributed words.

use super::SetRef;
use crate::chance::{below, part};
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

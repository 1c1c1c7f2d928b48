//! Choosing fields at random, each with the same chance. Chance comes in as uniformly distributed words.

use super::{HashRef, value_of};
use crate::chance::{below, part};
use crate::string::Str;
use std::collections::BTreeSet;

/// When more than a third of the fields are wanted, going through all costs less than drawing until enough
/// different ones have come.
const SHARE_DRAWN_MAX: usize = 3;

impl<'a> HashRef<'a> {
    /// Chooses a field and returns it with its value; none if the hash is empty.
    pub fn choose(self, mut random: impl FnMut() -> u64) -> Option<(Str<'a>, Str<'a>)> {
        if self.is_empty() {
            return None;
        }
        match self {
            HashRef::Compact(pack) => Some(pack.nth(below(pack.len(), random()))),
            HashRef::Large(hash) => {
                let member = hash.table.entry(hash.table.choose(random)?);
                Some((member.key(), value_of(member)))
            }
        }
    }

    /// Visits `count` fields with their values, each chosen without regard to the others. O(fields + count) for
    /// a listpack, O(count) for a table. Nothing is visited if the hash is empty.
    pub fn choose_any(
        self,
        count: usize,
        mut random: impl FnMut() -> u64,
        mut visit: impl FnMut(Str<'a>, Str<'a>),
    ) {
        match self {
            HashRef::Compact(pack) => {
                let fields: Vec<_> = pack.iter().collect();
                for _ in 0..if fields.is_empty() { 0 } else { count } {
                    let (field, value, _) = fields[below(fields.len(), random())];
                    visit(field, value);
                }
            }
            HashRef::Large(_) => {
                (0..count)
                    .filter_map(|_| self.choose(&mut random))
                    .for_each(|(field, value)| visit(field, value));
            }
        }
    }

    /// Visits `count` different fields with their values, all if there are no more. Every choice of `count` fields
    /// is equally likely; their order says nothing. O(fields) for a listpack, O(count) for a table.
    pub fn choose_different(
        self,
        count: usize,
        mut random: impl FnMut() -> u64,
        mut visit: impl FnMut(Str<'a>, Str<'a>),
    ) {
        match self {
            HashRef::Large(hash) if count < hash.len() / SHARE_DRAWN_MAX => {
                let mut drawn = BTreeSet::new();
                while drawn.len() < count {
                    let Some(slot) = hash.table.choose(&mut random) else { return };
                    if drawn.insert(slot) {
                        let member = hash.table.entry(slot);
                        visit(member.key(), value_of(member));
                    }
                }
            }
            HashRef::Large(hash) => {
                part(hash.table.iter(), (count, hash.len()), &mut random, |member, is_chosen| {
                    if is_chosen {
                        visit(member.key(), value_of(member));
                    }
                });
            }
            HashRef::Compact(pack) => {
                part(pack.iter(), (count, pack.len()), &mut random, |(field, value, _), is_chosen| {
                    if is_chosen {
                        visit(field, value);
                    }
                });
            }
        }
    }
}

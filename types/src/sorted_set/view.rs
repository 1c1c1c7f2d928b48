//! Reading a sorted set in either form.

use super::compact::{Pairs, is_above, is_below};
use super::{Direction, Entries, SortedSet};
use crate::large::Large;
use crate::listpack::Listpack;
use crate::string::Str;
use crate::table::Cursor;
use std::ops::{Bound, Range};

/// A sorted set, to be read in the form it has. Ranks count from the lowest score.
#[derive(Clone, Copy)]
pub enum SortedSetRef<'a> {
    /// Members and scores in turn.
    Compact(Listpack<'a>),
    /// A table and a tree.
    Large(&'a SortedSet),
}

impl<'a> SortedSetRef<'a> {
    /// The sorted set that lies in these bytes unless it is large.
    #[inline]
    pub(super) fn of(bytes: &'a [u8], large: Option<&'a Large>) -> SortedSetRef<'a> {
        match large {
            Some(Large::SortedSet(set)) => SortedSetRef::Large(set),
            _ => SortedSetRef::Compact(Listpack::new(bytes)),
        }
    }

    /// How many members there are. O(1).
    pub fn len(self) -> usize {
        match self {
            SortedSetRef::Compact(pack) => Pairs::new(pack).len(),
            SortedSetRef::Large(set) => set.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A member's score. O(1), or O(n) in the compact form.
    #[inline]
    pub fn score<'m>(self, member: impl Into<Str<'m>>) -> Option<f64> {
        match self {
            SortedSetRef::Compact(pack) => Pairs::new(pack).score(member.into()),
            SortedSetRef::Large(set) => set.score(member.into().canonical()),
        }
    }

    /// The score of a member that has not expired by `now`. O(1), or O(n) in the compact form.
    #[inline]
    pub fn score_at(self, member: &[u8], now: i64) -> Option<f64> {
        match self {
            SortedSetRef::Compact(pack) => Pairs::new(pack).score(Str::Text(member)),
            SortedSetRef::Large(set) => set.score_at(Str::parse(member), now),
        }
    }

    /// When a member expires; nothing if there is no such member. O(1), or O(n) in the compact form.
    pub fn expiry(self, member: &[u8]) -> Option<Option<i64>> {
        match self {
            SortedSetRef::Compact(pack) => Pairs::new(pack).score(Str::Text(member)).map(|_| None),
            SortedSetRef::Large(set) => set.expiry(Str::parse(member)),
        }
    }

    /// A member's rank and score. O(log n), or O(n) in the compact form.
    #[inline]
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            SortedSetRef::Compact(pack) => Pairs::new(pack).rank(Str::Text(member)),
            SortedSetRef::Large(set) => set.rank(Str::parse(member)),
        }
    }

    /// The ranks of scores within bounds. O(log n), or O(n) in the compact form.
    pub fn ranks_of_scores(self, low: Bound<f64>, high: Bound<f64>) -> Range<usize> {
        let start = self.rank_of_score(|score| match low {
            Bound::Unbounded => false,
            Bound::Included(bound) => score < bound,
            Bound::Excluded(bound) => score <= bound,
        });
        let end = self.rank_of_score(|score| match high {
            Bound::Unbounded => true,
            Bound::Included(bound) => score <= bound,
            Bound::Excluded(bound) => score < bound,
        });
        start..end.max(start)
    }

    /// The ranks of members within bounds, provided that all scores are equal. O(log n), or O(n) in the compact
    /// form.
    ///
    /// With different scores, a compact sorted set gives the first run of members within bounds that a walk in
    /// this direction meets. A large one gives a range without meaning. Either gives none if the last member is
    /// below the bounds or the first one above.
    pub fn ranks_of_members(
        self,
        low: Bound<&[u8]>,
        high: Bound<&[u8]>,
        direction: Direction,
    ) -> Range<usize> {
        let member_at =
            |rank: usize| self.entries(rank..rank + 1, Direction::Forwards).next().map(|(member, _)| member);
        let is_outside = self.is_empty()
            || member_at(self.len() - 1).is_some_and(|last| is_below(last, low))
            || member_at(0).is_some_and(|first| is_above(first, high));
        if is_outside {
            return 0..0;
        }
        match (self, direction) {
            (SortedSetRef::Compact(pack), Direction::Forwards) => Pairs::new(pack).run_up(low, high),
            (SortedSetRef::Compact(pack), Direction::Backwards) => Pairs::new(pack).run_down(low, high),
            (SortedSetRef::Large(set), _) => set.ranks_of_members(low, high),
        }
    }

    /// Members and scores of a range of ranks, which must be there. O(log n + k), or O(n) in the compact form.
    pub fn entries(self, ranks: Range<usize>, direction: Direction) -> Entries<'a> {
        match self {
            SortedSetRef::Compact(pack) => Entries::compact(Pairs::new(pack).elements(ranks), direction),
            SortedSetRef::Large(set) => set.entries(ranks, direction),
        }
    }

    /// All members and scores, in order.
    pub fn iter(self) -> Entries<'a> {
        self.entries(0..self.len(), Direction::Forwards)
    }

    /// Visits some members that have not expired by `now` and says where to go on, `None` at the end; all members of a compact
    /// sorted set at once. Members that stay throughout a scan are visited at least once.
    pub fn scan(self, cursor: Cursor, now: i64, mut visit: impl FnMut(Str<'_>, f64)) -> Option<Cursor> {
        match self {
            SortedSetRef::Compact(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                None
            }
            SortedSetRef::Large(set) => set.scan(cursor, now, visit),
        }
    }

    fn rank_of_score(self, is_before: impl Fn(f64) -> bool) -> usize {
        match self {
            SortedSetRef::Compact(pack) => Pairs::new(pack).partition(|_, score| is_before(score)),
            SortedSetRef::Large(set) => set.rank_of_score(is_before),
        }
    }
}

//! Choosing members by their scores alone.

use super::{Direction, SortedSetRef};
use crate::string::Str;
use std::ops::{Bound, Range};

/// How many members are loaded side by side: as many as the processor fetches at once.
const AHEAD: usize = 16;

impl<'a> SortedSetRef<'a> {
    /// Appends those members of a range of scores of which `select` makes something, at most `count` of them,
    /// in order.
    ///
    /// The scores of a large sorted set stand side by side, so a member that is not selected isn't loaded.
    /// O(log n + k) for k members in the range, or O(n) in the compact form.
    pub fn select<T>(
        self,
        scores: Range<f64>,
        count: usize,
        mut select: impl FnMut(f64) -> Option<T>,
        found: &mut Vec<(Str<'a>, T)>,
    ) {
        let SortedSetRef::Large(set) = self else {
            let ranks = self.ranks_of_scores(Bound::Included(scores.start), Bound::Excluded(scores.end));
            let entries = self.entries(ranks, Direction::Forwards);
            found.extend(entries.filter_map(|(member, score)| Some((member, select(score)?))).take(count));
            return;
        };
        let items = set.items_from(scores.start).take_while(|item| item.score < scores.end);
        let mut selected = items.filter_map(|item| Some((item.slot, select(item.score)?))).take(count);
        let mut ahead = Vec::with_capacity(AHEAD);
        loop {
            ahead.extend(selected.by_ref().take(AHEAD).inspect(|(slot, _)| set.prefetch_member(*slot)));
            if ahead.is_empty() {
                return;
            }
            found.extend(ahead.drain(..).map(|(slot, made)| (set.member(slot), made)));
        }
    }
}

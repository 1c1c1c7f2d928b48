//! Closing the gaps that removals leave, so that searches stay short however long entries come and go.
//!
//! An entry that found its bucket full stands in a later one. When a place becomes free on its way, it could
//! stand nearer to home; if nobody moved it, ever more buckets would count as passed, and a search for a
//! missing key, which goes on while they do, would visit ever more of them.

use super::bucket::Bucket;
use super::segment::position;
use super::{Layout, Table};
use crate::arena::Slot;

/// Buckets behind a gap that are searched for an entry to move into it.
const REACH: usize = 4;

impl<L: Layout> Table<L> {
    /// Moves entries nearer to home, starting with the gap in `bucket`. O(1): few buckets are passed, and
    /// then one of the next few entries nearly always fits.
    pub(super) fn backfill(&mut self, index: usize, bucket: usize) {
        let mut gap = bucket;
        while self.segments[index][gap].is_passed() {
            let Some((from, place, slot, hash)) = self.displaced_past(index, gap) else { return };
            let segment = &mut self.segments[index];
            segment[from].clear(place);
            let vacancy = segment[gap].vacancy().expect("the gap is vacant");
            segment[gap].put(vacancy, Bucket::tag(hash), slot);
            let mut at = gap;
            while at != from {
                segment[at].unpass();
                at = segment.after(at);
            }
            if let Some(stamp) = L::stamp(self.arena.tail(slot)) {
                self.due.note(&mut self.segments[index], gap, stamp);
            }
            gap = from;
        }
    }

    /// Finds an entry behind `gap` that belongs at or before it: its bucket, place, slot and hash.
    fn displaced_past(&self, index: usize, gap: usize) -> Option<(usize, usize, Slot, u64)> {
        let segment = &self.segments[index];
        let buckets = segment.len();
        let mut at = gap;
        for distance in 1..=REACH.min(buckets - 1) {
            at = segment.after(at);
            for place in segment[at].occupied() {
                let slot = segment[at].slot(place);
                let hash = self.hash(L::key(self.arena.tail(slot)));
                let from_home = (at + buckets - segment.home(position(hash))) % buckets;
                if from_home >= distance {
                    return Some((at, place, slot, hash));
                }
            }
            if !segment[at].is_passed() {
                return None;
            }
        }
        None
    }
}

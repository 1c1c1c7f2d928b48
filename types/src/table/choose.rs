//! Choosing entries at random, and walking over all of them.

use super::bucket::PLACES;
use super::{Layout, Table};
use crate::arena::Slot;
use crate::chance::below;

/// How often a place is drawn before the entries are counted through. In a table that has only grown, about
/// every third place holds one.
const DRAWS: usize = 64;

impl<L: Layout> Table<L> {
    /// Chooses a slot, each with the same chance; `None` if there is none. `random` returns uniformly
    /// distributed words.
    ///
    /// Draws any place of any bucket of any segment, as though all segments were as wide as the widest, until
    /// there is an entry in it. O(1); O(segments) in a table that has lost most of its entries.
    pub fn choose(&self, mut random: impl FnMut() -> u64) -> Option<Slot> {
        let places = self.segments.len() * self.widest * PLACES;
        for _ in 0..if self.is_empty() { 0 } else { DRAWS } {
            let drawn = below(places, random());
            let (bucket, place) = (drawn / PLACES, drawn % PLACES);
            let segment = &self.segments[bucket / self.widest];
            let bucket = segment.get(bucket % self.widest);
            if let Some(bucket) = bucket.filter(|bucket| bucket.is_occupied(place)) {
                return Some(bucket.slot(place));
            }
        }
        self.nth(below(self.len, random()))
    }

    /// Visits entries that stand side by side from a place on that `random` decides, whole buckets, until there are
    /// `count` of them or there are no more; only those with a stamp, if `is_stamped`.
    ///
    /// Entries stand in the order of their hashes, so that neighbours have nothing in common but that. O(`count`); where
    /// hardly any entry is wanted, up to O(entries / 12).
    pub fn sample(&self, random: u64, count: usize, is_stamped: bool, mut visit: impl FnMut(L::View<'_>)) {
        let wanted = if is_stamped { self.stamped } else { self.len };
        if wanted == 0 || count == 0 {
            return;
        }
        let (first, offset) = (below(self.segments.len(), random), random.rotate_left(32));
        let (mut visited, segments) = (0, (first..self.segments.len()).chain(0..first));
        let buckets = segments.map(|number| &self.segments[number]).flat_map(|segment| {
            let start = below(segment.len(), offset);
            (start..segment.len()).chain(0..start).map(|at| &segment[at])
        });
        for bucket in buckets.filter(|bucket| !is_stamped || bucket.due != 0) {
            let entries = bucket.occupied().map(|place| self.arena.tail(bucket.slot(place)));
            for entry in entries.filter(|bytes| !is_stamped || L::stamp(bytes).is_some()) {
                visited += 1;
                visit(L::view(entry));
            }
            if visited >= count {
                return;
            }
        }
    }

    /// The slot of this rank, in no particular order.
    fn nth(&self, mut rank: usize) -> Option<Slot> {
        for segment in &*self.segments {
            if rank < segment.entries() {
                return segment.slots().nth(rank);
            }
            rank -= segment.entries();
        }
        None
    }

    /// The slots of all entries, in no particular order.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.segments.iter().flat_map(super::segment::Segment::slots)
    }

    /// All entries, in no particular order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = L::View<'_>> {
        self.slots().map(|slot| self.entry(slot))
    }
}

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

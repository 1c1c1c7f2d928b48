//! A run of buckets that grows in small steps: the part of a table that is rebuilt at once.

use super::bucket::{Bucket, PLACES};
use crate::arena::Slot;
use crate::pages::{Page, Pages};

/// Bits of a hash that say where an entry stands in its table.
pub(super) const POSITION_BITS: u32 = 40;
pub(super) const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;

/// A segment with this many buckets splits instead of growing: 1,344 entries, rebuilt in some 30 µs.
pub(super) const BUCKETS_MAX: usize = 128;

/// No segment takes a smaller share of the table; below it, it grows however crowded it is.
pub(super) const DEPTH_MAX: u32 = 24;

/// The bits of a hash above those of tag and shard choice.
#[inline]
pub(super) fn position(hash: u64) -> u64 {
    hash >> (64 - POSITION_BITS)
}

/// The buckets of a segment.
pub(super) type Segment = Page<Bucket, State>;
pub(super) type Segments = Pages<Bucket, State>;

/// What is known of the entries in a segment.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// No stamp of one is below this.
    pub(super) due: i64,
    pub(super) entries: u32,
    /// How many leading bits of their position all share.
    pub(super) depth: u32,
}

impl State {
    /// The state of a segment without entries.
    pub(super) fn vacant(depth: u32) -> State {
        State { due: i64::MAX, entries: 0, depth }
    }
}

/// So many buckets without entries.
pub(super) fn vacant_buckets(buckets: usize) -> Box<[Bucket]> {
    vec![Bucket::EMPTY; buckets].into()
}

impl Segment {
    /// How many entries are here.
    #[inline]
    pub(super) fn entries(&self) -> usize {
        self.state.entries as usize
    }

    /// Seven eighths of the places.
    pub(super) fn capacity(buckets: usize) -> usize {
        buckets * PLACES * 7 / 8
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries() >= Segment::capacity(self.len())
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.len() > 1 && self.entries() < Segment::capacity(self.len()) / 4
    }

    /// The next larger number of buckets: four steps to each doubling.
    pub(super) fn next_size(buckets: usize) -> usize {
        let step = if buckets < 8 { 1 } else { 1 << (buckets.ilog2() - 2) };
        buckets + step
    }

    /// The smallest number of buckets that holds `len` entries with a tenth to spare.
    pub(super) fn size_for(len: usize) -> usize {
        let mut buckets = 1;
        while Segment::capacity(buckets) < len + len / 10 {
            buckets = Segment::next_size(buckets);
        }
        buckets
    }

    /// The bucket an entry belongs to. It rises with the position, so that a scan in the order of positions
    /// is a scan in the order of buckets, whatever their number.
    #[inline]
    pub(super) fn home(&self, position: u64) -> usize {
        let fraction = position << self.state.depth & POSITION_MASK;
        ((fraction * self.len() as u64) >> POSITION_BITS) as usize
    }

    #[inline]
    pub(super) fn after(&self, bucket: usize) -> usize {
        if bucket + 1 == self.len() { 0 } else { bucket + 1 }
    }

    /// Stores a slot in the first bucket from its home on that has a vacancy, and says which. O(1).
    pub(super) fn place(&mut self, hash: u64, slot: Slot) -> usize {
        debug_assert!(self.entries() < self.len() * PLACES);
        let mut at = self.home(position(hash));
        loop {
            if let Some(place) = self[at].vacancy() {
                self[at].put(place, Bucket::tag(hash), slot);
                self.state.entries += 1;
                return at;
            }
            self[at].pass();
            at = self.after(at);
        }
    }

    /// Finds the bucket and place of a slot that is known to be here.
    pub(super) fn locate(&self, hash: u64, slot: Slot) -> (usize, usize) {
        let mut at = self.home(position(hash));
        loop {
            if let Some(place) = self[at].place_of(slot) {
                return (at, place);
            }
            assert!(self[at].is_passed(), "the slot is in its segment");
            at = self.after(at);
        }
    }

    /// Takes a slot out of the index and says which bucket it was in. O(1).
    pub(super) fn displace(&mut self, hash: u64, slot: Slot) -> usize {
        let (bucket, place) = self.locate(hash, slot);
        self[bucket].clear(place);
        self.state.entries -= 1;
        let mut at = self.home(position(hash));
        while at != bucket {
            self[at].unpass();
            at = self.after(at);
        }
        bucket
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.iter().flat_map(|bucket| bucket.occupied().map(|place| bucket.slot(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_by_at_most_a_quarter() {
        let mut size = 8;
        while size < BUCKETS_MAX {
            let next = Segment::next_size(size);
            assert!(next * 4 <= size * 5);
            size = next;
        }
        assert_eq!(size, BUCKETS_MAX);
    }

    #[test]
    fn a_size_holds_what_it_was_chosen_for() {
        for len in 0..3000 {
            assert!(Segment::capacity(Segment::size_for(len)) >= len);
        }
    }
}

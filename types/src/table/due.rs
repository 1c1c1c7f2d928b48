//! Finding entries whose stamp has passed, without an index of stamps.
//!
//! Every bucket, segment and table keeps a lower bound of the stamps in it. A walk visits only segments whose
//! bound has passed, in them only the buckets whose bound has passed, and only there looks at entries. That
//! costs two bytes in a bucket that were spare and nothing per entry.
//!
//! ```text
//! bucket.due   u16   0: no stamp here; else the bound in ticks of 256, modulo 2^16
//! segment.due  i64   the bound itself
//! ```
//!
//! Ticks are compared by their distance from now, so a bucket's bound reaches at most a quarter of the range
//! ahead (for milliseconds 70 minutes). A farther stamp gets that bound: the walk will look at it in vain
//! then and note it again. Nor may a bound lie far back, where it would count as one ahead: when now has moved by
//! an eighth of the range, all buckets get the bounds of their segments anew. Bounds may be too early, after an entry left or got a
//! later stamp, never too late.

use super::bucket::Bucket;
use super::segment::Segment;
use super::{Layout, Table};
use crate::arena::Slot;

const TICK_SHIFT: u32 = 8;
const AHEAD_TICKS: i64 = 1 << 14;
const AHEAD: i64 = AHEAD_TICKS << TICK_SHIFT;

/// When to look again.
#[derive(Clone)]
pub(super) struct Schedule {
    /// The latest "now".
    base: i64,
    /// The lowest and the highest "now" since bounds were renewed: no bucket's bound is below the one, nor farther
    /// ahead of the other than bounds reach.
    lowest: i64,
    highest: i64,
    /// No stamp of the table is below this.
    next: i64,
}

impl Schedule {
    pub(super) const fn new() -> Schedule {
        Schedule { base: 0, lowest: 0, highest: 0, next: i64::MAX }
    }

    /// The schedule of the same table without entries.
    pub(super) fn emptied(&self) -> Schedule {
        Schedule { next: i64::MAX, ..self.clone() }
    }

    /// Lowers the bounds of a bucket and what is above it to a stamp.
    pub(super) fn note(&mut self, segment: &mut Segment, bucket: usize, stamp: i64) {
        let ticks = self.clamp(stamp) >> TICK_SHIFT;
        let due = &mut segment[bucket].due;
        if *due == 0 || (self.ahead(*due)) > ticks - (self.base >> TICK_SHIFT) {
            *due = encode(ticks);
        }
        segment.state.due = segment.state.due.min(stamp);
        self.next = self.next.min(stamp);
    }

    fn move_to(&mut self, now: i64) {
        self.base = now;
        self.lowest = self.lowest.min(now);
        self.highest = self.highest.max(now);
    }

    fn clamp(&self, stamp: i64) -> i64 {
        stamp.clamp(self.base, self.base.saturating_add(AHEAD))
    }

    /// Ticks from the base to a bucket's bound.
    fn ahead(&self, due: u16) -> i64 {
        i64::from(due.wrapping_sub((self.base >> TICK_SHIFT) as u16) as i16)
    }
}

fn encode(ticks: i64) -> u16 {
    // 0 means "none"; one tick early is still a lower bound.
    if ticks as u16 == 0 { u16::MAX } else { ticks as u16 }
}

impl<L: Layout> Table<L> {
    /// A lower bound of all stamps; `i64::MAX` when there is none.
    pub fn next_due(&self) -> i64 {
        self.due.next
    }

    /// Collects slots whose stamp is at most `now` and says whether there may be more. The caller removes
    /// them. A segment is walked as a whole; none is begun after `slots_max` slots, so there may be as many
    /// more as a segment holds: some 1,300.
    ///
    /// Costs a pass over the buckets of segments that have something due, plus the entries of due buckets.
    pub fn collect_due(&mut self, now: i64, slots_max: usize, due: &mut Vec<Slot>) -> bool {
        self.due.move_to(now);
        if self.due.highest - self.due.lowest > AHEAD / 2 {
            self.renew_bounds();
        }
        if self.due.next > now {
            return false;
        }
        let mut segments = std::mem::take(&mut self.segments);
        let mut is_complete = true;
        for index in 0..segments.len() {
            if segments[index].state.due > now {
                continue;
            }
            if due.len() >= slots_max {
                is_complete = false;
                break;
            }
            self.walk_segment(&mut segments[index], now, due);
        }
        self.segments = segments;
        self.due.next = self.segments.iter().map(|segment| segment.state.due).min().unwrap_or(i64::MAX);
        !is_complete
    }

    /// Collects all slots whose stamp is at most `now`, which stay: the next look finds them again. Bounds that were too early become
    /// right, so that looking where nothing is due any more costs nothing.
    ///
    /// Costs as [`collect_due`](Table::collect_due), and a lookup for each slot.
    pub fn list_due(&mut self, now: i64) -> Vec<Slot> {
        let mut due = Vec::new();
        let has_more = self.collect_due(now, usize::MAX, &mut due);
        debug_assert!(!has_more, "there was no limit");
        for slot in &due {
            let bytes = self.arena.tail(*slot);
            let (hash, stamp) = (L::hash(self.seed, L::key(bytes)), L::stamp(bytes));
            self.stamp_changed(hash, *slot, true, stamp);
        }
        due
    }

    /// Sets the bounds of all buckets to those of their segments, so that none lies far from now. A pass over the
    /// buckets, once in 35 minutes.
    fn renew_bounds(&mut self) {
        (self.due.lowest, self.due.highest) = (self.due.base, self.due.base);
        for index in 0..self.segments.len() {
            let due = self.segments[index].state.due;
            if due == i64::MAX {
                continue;
            }
            let bound = encode(self.due.clamp(due) >> TICK_SHIFT);
            for bucket in self.segments[index].iter_mut().filter(|bucket| bucket.due != 0) {
                bucket.due = bound;
            }
        }
    }

    fn walk_segment(&self, segment: &mut Segment, now: i64, due: &mut Vec<Slot>) {
        let now_tick = (now >> TICK_SHIFT) as u16;
        segment.state.due = i64::MAX;
        let is_due = |bucket: &Bucket| bucket.due != 0 && now_tick.wrapping_sub(bucket.due) as i16 >= 0;
        for at in 0..segment.len() {
            // Entries are loaded while those of the bucket before are looked at.
            if let Some(next) = segment.get(at + 1).filter(|next| is_due(next)) {
                next.occupied().for_each(|place| self.arena.prefetch(next.slot(place)));
            }
            let bucket = &mut segment[at];
            if is_due(bucket) {
                self.walk_bucket(bucket, now, due);
            }
            if bucket.due != 0 {
                let bound = ((now >> TICK_SHIFT) + self.due.ahead(bucket.due)) << TICK_SHIFT;
                // The start of a tick may have passed, but what is left is later than now.
                segment.state.due = segment.state.due.min(bound.max(now.saturating_add(1)));
            }
        }
    }

    /// Collects what is due in one bucket and notes the earliest stamp of the rest.
    fn walk_bucket(&self, bucket: &mut Bucket, now: i64, due: &mut Vec<Slot>) {
        let mut earliest = None::<i64>;
        for place in bucket.occupied() {
            let slot = bucket.slot(place);
            match L::stamp(self.arena.tail(slot)) {
                Some(stamp) if stamp <= now => due.push(slot),
                Some(stamp) => earliest = Some(earliest.map_or(stamp, |other| other.min(stamp))),
                None => {}
            }
        }
        bucket.due = earliest.map_or(0, |stamp| encode(self.due.clamp(stamp) >> TICK_SHIFT));
    }
}

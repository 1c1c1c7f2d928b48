//! Visiting a table in pieces while it changes.

use super::segment::{POSITION_BITS, POSITION_MASK, Segment, position};
use super::{Layout, Table};

/// Where a scan goes on: the first position not yet visited. Below 2^40.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor(u64);

impl Cursor {
    /// Bits a cursor takes.
    pub const BITS: u32 = POSITION_BITS;

    /// The cursor of a number that came from outside; surplus bits are ignored.
    pub const fn from_bits(bits: u64) -> Cursor {
        Cursor(bits & POSITION_MASK)
    }

    /// The cursor as a number; 0 at the start.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl<L: Layout> Table<L> {
    /// Visits the entries of one bucket and says where to go on, `None` at the end.
    ///
    /// From the default cursor until `None`, an entry that is in the table throughout is visited exactly once,
    /// whatever else comes, goes or grows meanwhile: what has grown since may have moved visited positions into the
    /// bucket of the cursor, and they are passed over. O(1).
    pub fn scan(&self, cursor: Cursor, mut visit: impl FnMut(L::View<'_>)) -> Option<Cursor> {
        let segment = &self.segments[self.segment_at(cursor)?];
        let home = segment.home(cursor.0);
        let mut at = home;
        loop {
            let bucket = &segment[at];
            for place in bucket.occupied() {
                let bytes = self.arena.tail(bucket.slot(place));
                let position = position(self.hash(L::key(bytes)));
                if segment.home(position) == home && position >= cursor.0 {
                    visit(L::view(bytes));
                }
            }
            at = segment.after(at);
            if !bucket.is_passed() || at == home {
                break;
            }
        }
        next_bucket(segment, cursor, home)
    }

    /// The segment where a scan goes on.
    pub(super) fn segment_at(&self, cursor: Cursor) -> Option<usize> {
        self.segment_index(cursor.0 << (64 - POSITION_BITS))
    }
}

/// The first position of the bucket after `bucket`.
pub(super) fn next_bucket(segment: &Segment, within: Cursor, bucket: usize) -> Option<Cursor> {
    let share_bits = POSITION_BITS - segment.state.depth;
    let start = within.0 >> share_bits << share_bits;
    let share = 1_u64 << share_bits;
    let offset = (((bucket as u64 + 1) << share_bits).div_ceil(segment.len() as u64)).min(share);
    let next = start + offset;
    (next <= POSITION_MASK).then_some(Cursor(next))
}

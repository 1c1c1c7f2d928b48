//! How full a table is.

use super::bucket::{Bucket, PLACES};
use super::{Layout, Table};
use std::ops::AddAssign;

/// Sizes of one table, or of several together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableStatistics {
    /// Entries.
    pub entries: usize,
    /// Parts that are rebuilt on their own.
    pub segments: usize,
    /// Places for entries.
    pub places: usize,
    /// Buckets.
    pub buckets: usize,
    /// Buckets that were full when an entry came that belonged there, so that searches go on behind them.
    pub passed_buckets: usize,
    /// Bytes of the index.
    pub index_bytes: usize,
    /// Bytes of entries, rounded up to their size classes.
    pub entry_bytes: usize,
    /// Bytes of the pages that hold entries.
    pub page_bytes: usize,
}

impl AddAssign for TableStatistics {
    fn add_assign(&mut self, other: TableStatistics) {
        self.entries += other.entries;
        self.segments += other.segments;
        self.places += other.places;
        self.buckets += other.buckets;
        self.passed_buckets += other.passed_buckets;
        self.index_bytes += other.index_bytes;
        self.entry_bytes += other.entry_bytes;
        self.page_bytes += other.page_bytes;
    }
}

impl<L: Layout> Table<L> {
    /// Measures the table. O(buckets).
    pub fn statistics(&self) -> TableStatistics {
        let buckets = || self.segments.iter().flat_map(|segment| segment.iter());
        TableStatistics {
            entries: self.len,
            segments: self.segments.len(),
            places: self.buckets * PLACES,
            buckets: self.buckets,
            passed_buckets: buckets().filter(|bucket: &&Bucket| bucket.is_passed()).count(),
            index_bytes: self.index_bytes(),
            entry_bytes: self.arena.live_bytes(),
            page_bytes: self.arena.allocated_bytes(),
        }
    }
}

//! The sizes at which values change their form, by the names of Redis's settings.

use spinel_types::stream::NodeLimits;
use spinel_types::{HashLimits, ListLimits, SetLimits, SortedSetLimits};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// One of the sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Threshold {
    /// The most fields of a compact hash.
    HashEntries,
    /// The longest field or value of a compact hash in bytes.
    HashValueBytes,
    /// The most elements of a list's node, or, negative, one of the sizes 4 KiB (−1) to 64 KiB (−5).
    ListNodeSize,
    /// How many nodes at each end of a list are not compressed; 0: none is.
    ListCompressDepth,
    /// The most integers of a compact set of integers.
    SetIntegers,
    /// The most members of a compact set.
    SetEntries,
    /// The longest member of a compact set in bytes.
    SetValueBytes,
    /// The most members of a compact sorted set.
    SortedSetEntries,
    /// The longest member of a compact sorted set in bytes.
    SortedSetValueBytes,
    /// The most bytes of a stream's node; 0: any number.
    StreamNodeBytes,
    /// The most entries of a stream's node; 0: any number.
    StreamNodeEntries,
    /// The longest sparse `HyperLogLog` in bytes.
    HyperLogLogSparseBytes,
    /// The most variants of an entry of an HTTP cache.
    HttpCacheVariants,
}

/// Names and defaults, in the order of the variants.
const TABLE: [(Threshold, &str, i64); 13] = [
    (Threshold::HashEntries, "hash-max-listpack-entries", 512),
    (Threshold::HashValueBytes, "hash-max-listpack-value", 64),
    (Threshold::ListNodeSize, "list-max-listpack-size", -2),
    (Threshold::ListCompressDepth, "list-compress-depth", 0),
    (Threshold::SetIntegers, "set-max-intset-entries", 512),
    (Threshold::SetEntries, "set-max-listpack-entries", 128),
    (Threshold::SetValueBytes, "set-max-listpack-value", 64),
    (Threshold::SortedSetEntries, "zset-max-listpack-entries", 128),
    (Threshold::SortedSetValueBytes, "zset-max-listpack-value", 64),
    (Threshold::StreamNodeBytes, "stream-node-max-bytes", 4096),
    (Threshold::StreamNodeEntries, "stream-node-max-entries", 100),
    (Threshold::HyperLogLogSparseBytes, "hll-sparse-max-bytes", 3000),
    (Threshold::HttpCacheVariants, "cache-variants-max", 64),
];

const _: () = {
    let mut index = 0;
    while index < TABLE.len() {
        assert!(TABLE[index].0 as usize == index, "the table is in the order of the variants");
        index += 1;
    }
};

impl Threshold {
    /// All of them, with their names and defaults.
    pub fn all() -> impl Iterator<Item = (Threshold, &'static str, i64)> {
        TABLE.into_iter()
    }
}

/// The sizes in force.
#[derive(Debug)]
pub struct Thresholds {
    values: [AtomicI64; TABLE.len()],
    /// No setting, but something tests change.
    list_plain_bytes: AtomicUsize,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        let values = TABLE.map(|(_, _, default)| AtomicI64::new(default));
        Thresholds { values, list_plain_bytes: AtomicUsize::new(0) }
    }
}

impl Thresholds {
    /// One of the sizes.
    #[inline]
    pub fn value(&self, threshold: Threshold) -> i64 {
        self.values[threshold as usize].load(Ordering::Relaxed)
    }

    /// One of the sizes that can't be negative.
    #[inline]
    pub fn size(&self, threshold: Threshold) -> usize {
        usize::try_from(self.value(threshold)).unwrap_or(0)
    }

    /// Changes a size. Values keep their form until they are changed.
    pub fn set(&self, threshold: Threshold, value: i64) {
        self.values[threshold as usize].store(value, Ordering::Relaxed);
    }

    /// The sizes of sorted sets.
    pub(crate) fn sorted_set(&self) -> SortedSetLimits {
        SortedSetLimits {
            entries_max: self.size(Threshold::SortedSetEntries),
            member_bytes_max: self.size(Threshold::SortedSetValueBytes),
        }
    }

    /// The sizes of the nodes of streams.
    pub(crate) fn stream_node(&self) -> NodeLimits {
        NodeLimits {
            bytes: self.size(Threshold::StreamNodeBytes),
            entries: self.size(Threshold::StreamNodeEntries) as u64,
        }
    }

    /// The sizes of hashes.
    pub(crate) fn hash(&self) -> HashLimits {
        HashLimits {
            entries_max: self.size(Threshold::HashEntries),
            value_bytes_max: self.size(Threshold::HashValueBytes),
        }
    }

    /// The sizes of sets.
    #[inline]
    pub(crate) fn set_limits(&self) -> SetLimits {
        /// An intset of more would be longer than is sensible, whatever the setting says.
        const INTEGERS_MAX: usize = 1 << 30;
        SetLimits {
            integers_max: self.size(Threshold::SetIntegers).min(INTEGERS_MAX),
            entries_max: self.size(Threshold::SetEntries),
            value_bytes_max: self.size(Threshold::SetValueBytes),
        }
    }

    /// The sizes of lists.
    #[inline]
    pub(crate) fn list(&self) -> ListLimits {
        let clamped = |threshold| self.value(threshold).clamp(i32::MIN.into(), i32::MAX.into());
        ListLimits {
            listpack_max: clamped(Threshold::ListNodeSize) as i32,
            compress_depth: clamped(Threshold::ListCompressDepth).max(0) as u32,
            plain_min: self.list_plain_bytes.load(Ordering::Relaxed),
        }
    }

    /// Sets the length from which texts get a node of their own in large lists; 0 leaves it to the size of nodes.
    pub fn set_list_plain_bytes(&self, bytes: usize) {
        self.list_plain_bytes.store(bytes, Ordering::Relaxed);
    }
}

//! A histogram of durations with a relative error of at most one sixteenth.
//!
//! ```text
//! nanoseconds   0 1 … 15 | 16 … 31 | 32 34 … 62 | 64 68 … | …
//! bucket        0 1 … 15 | 16 … 31 | 32 33 … 47 | 48 …    | …
//! ```
//!
//! Below 16 there is a bucket per nanosecond, above 16 buckets per power of two; 36 bits (69 s) and more share
//! the last one. That makes (36 − 3) · 16 buckets, 4 KiB.

use spinel_storage::engine::counters::Counter;

const PER_POWER_BITS: u32 = 4;
const PER_POWER: usize = 1 << PER_POWER_BITS;
const BITS_MAX: u32 = 36;
const BUCKETS: usize = (BITS_MAX - PER_POWER_BITS + 1) as usize * PER_POWER;

/// Counts of durations. Written by one thread, read by any.
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: std::array::from_fn(|_| Counter::default()) }
    }
}

impl Histogram {
    /// Counts `calls` of the same duration.
    pub(crate) fn record(&self, nanoseconds: u64, calls: u64) {
        self.buckets[bucket_of(nanoseconds)].add(calls);
    }

    pub(crate) fn reset(&self) {
        self.buckets.iter().for_each(Counter::reset);
    }
}

/// The sum of histograms, to ask for percentiles.
pub(crate) struct Distribution {
    counts: Vec<u64>,
    total: u64,
}

impl Distribution {
    pub(crate) fn of<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Distribution {
        let mut counts = vec![0; BUCKETS];
        for histogram in histograms {
            for (sum, bucket) in counts.iter_mut().zip(&histogram.buckets) {
                *sum += bucket.value();
            }
        }
        let total = counts.iter().sum();
        Distribution { counts, total }
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The nanoseconds that at most `percent` of the calls exceed not, rounded up to the end of a bucket.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let wanted = (percent / 100.0 * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        last_of(bucket.unwrap_or(BUCKETS - 1))
    }
}

fn bucket_of(nanoseconds: u64) -> usize {
    let power = nanoseconds.max(1).ilog2();
    if power < PER_POWER_BITS {
        return nanoseconds as usize;
    }
    if power >= BITS_MAX {
        return BUCKETS - 1;
    }
    let place = (nanoseconds >> (power - PER_POWER_BITS)) as usize - PER_POWER;
    (power - PER_POWER_BITS + 1) as usize * PER_POWER + place
}

/// The largest duration of a bucket.
fn last_of(bucket: usize) -> u64 {
    let (power, place) = (bucket / PER_POWER, bucket % PER_POWER);
    match power.checked_sub(1) {
        None => place as u64,
        Some(shift) => (((PER_POWER + place + 1) as u64) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_spans_at_most_a_sixteenth() {
        let mut last = None;
        for bucket in 0..BUCKETS {
            let end = last_of(bucket);
            assert_eq!(bucket_of(end), bucket);
            let start = last.map_or(0, |last: u64| last + 1);
            assert_eq!(bucket_of(start), bucket);
            assert!(end - start <= start / 16, "bucket {bucket}");
            last = Some(end);
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_count_from_the_shortest() {
        let histogram = Histogram::default();
        for nanoseconds in 1..=100 {
            histogram.record(nanoseconds * 1000, 1);
        }
        let all = Distribution::of([&histogram].into_iter());
        for (percent, expected) in [(0.0, 1000), (50.0, 50_000), (99.0, 99_000), (100.0, 100_000)] {
            let found = all.percentile(percent);
            assert!((expected..=expected + expected / 16).contains(&found), "{percent}: {found}");
        }
        assert!(Distribution::of(std::iter::empty()).is_empty());
    }
}

//! A histogram of durations with a relative error of at most one sixteenth.
//!
//! ```text
//! nanoseconds   0 1 … 15 | 16 … 31 | 32 34 … 62 | 64 68 … | …
//! bucket        0 1 … 15 | 16 … 31 | 32 33 … 47 | 48 …    | …
//! ```
//!
//! Below 16 there is a bucket per nanosecond, above 16 buckets per power of two; 36 bits (69 s) and more share
//! the last one. That makes (36 − 3) · 16 buckets, 4 KiB.
//!
//! These are not quite nanoseconds, but ¹²⁸⁄₁₂₉ of them: so buckets end where those of LATENCY HISTOGRAM do in Redis, which are
//! a 128th longer than powers of two, and the counts there are exact.

use spinel_storage::engine::counters::Counter;

const PER_POWER_BITS: u32 = 4;
const PER_POWER: usize = 1 << PER_POWER_BITS;
const BITS_MAX: u32 = 36;
const BUCKETS: usize = (BITS_MAX - PER_POWER_BITS + 1) as usize * PER_POWER;

/// LATENCY HISTOGRAM counts shorter calls as those of 1024 ns.
const SHOWN_BITS_MIN: u32 = 10;

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

    /// How many calls there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many calls took no longer than so many microseconds, which about double from one to the next. Those are left out
    /// that no call took since the one before. The last power of two has all calls that took even longer.
    pub(crate) fn by_power(&self) -> Vec<(u64, u64)> {
        let (mut shown, mut seen, mut start) = (Vec::new(), 0, 0);
        for power in SHOWN_BITS_MIN..=BITS_MAX {
            let end = (power - PER_POWER_BITS + 1) as usize * PER_POWER;
            let count: u64 = self.counts[start..end].iter().sum();
            start = end;
            if count > 0 {
                seen += count;
                shown.push((last_of(end - 1) / 1000, seen));
            }
        }
        shown
    }
}

fn bucket_of(nanoseconds: u64) -> usize {
    let nanoseconds = nanoseconds - nanoseconds.div_ceil(129);
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
    let end = match power.checked_sub(1) {
        None => place as u64 + 1,
        Some(shift) => ((PER_POWER + place + 1) as u64) << shift,
    };
    (end * 129 - 1) / 128
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
            assert!(end - start <= start / 16 + 1, "bucket {bucket}");
            last = Some(end);
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn calls_are_shown_by_powers_of_two_as_in_redis() {
        let histogram = Histogram::default();
        for (nanoseconds, calls) in [(1, 1), (1031, 1), (1032, 2), (33_023, 3), (33_024, 1), (u64::MAX, 1)] {
            histogram.record(nanoseconds, calls);
        }
        let all = Distribution::of([&histogram].into_iter());
        assert_eq!(all.by_power(), [(1, 2), (2, 4), (33, 7), (66, 8), (69_256_347, 9)]);
        assert_eq!(all.total(), 9);
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

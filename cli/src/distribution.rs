//! How often which numbers occur, in bounded memory.
//!
//! Numbers above [`EXACT_BELOW`] are kept to four digits, so that a distribution never has more than about ten thousand
//! steps for each power of ten.

use std::collections::BTreeMap;

/// Numbers below are kept as they are.
const EXACT_BELOW: u64 = 10_000;

/// A distribution of numbers.
#[derive(Debug, Default)]
pub(crate) struct Distribution {
    counts: BTreeMap<u64, u64>,
    total: u64,
    sum: f64,
    sum_of_squares: f64,
}

/// A step of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// The number.
    pub(crate) value: u64,
    /// The percentile that it is the first to reach.
    pub(crate) percentile: f64,
    /// How many numbers are not larger.
    pub(crate) keys: u64,
}

impl Distribution {
    pub(crate) fn add(&mut self, number: u64) {
        *self.counts.entry(rounded(number)).or_insert(0) += 1;
        self.total += 1;
        self.sum += number as f64;
        self.sum_of_squares += (number as f64).powi(2);
    }

    pub(crate) fn mean(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.sum / self.total as f64 }
    }

    /// The standard deviation.
    pub(crate) fn deviation(&self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        // Rounding may leave less than nothing.
        (self.sum_of_squares / self.total as f64 - self.mean().powi(2)).max(0.0).sqrt()
    }

    /// The numbers that reach the percentiles 0, 50, 75, 87.5 and so on, each halving what is left, and the last.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let (mut keys, mut left) = (0, None);
        for (value, count) in &self.counts {
            keys += count;
            let missing = 1.0 - keys as f64 / self.total as f64;
            let tick = left.map_or(0.0, |left: f64| 100.0 * (1.0 - left));
            if keys == self.total {
                rows.push(Row { value: *value, percentile: 100.0, keys });
            } else if left.is_none_or(|left| missing <= left) {
                rows.push(Row { value: *value, percentile: tick, keys });
                let mut next = left.map_or(0.5, |left: f64| left / 2.0);
                while next >= missing {
                    next /= 2.0;
                }
                left = Some(next);
            }
        }
        rows
    }
}

fn rounded(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= EXACT_BELOW {
        unit *= 10;
    }
    number / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[(u64, u64)]) -> Distribution {
        let mut distribution = Distribution::default();
        for (number, count) in counts {
            (0..*count).for_each(|_| distribution.add(*number));
        }
        distribution
    }

    #[test]
    fn rows_halve_what_is_left() {
        let row = |value, percentile, keys| Row { value, percentile, keys };

        // As redis-cli 8 reports the same sizes.
        assert_eq!(
            of(&[(64, 31), (72, 1), (80, 3), (4728, 1)]).rows(),
            [row(64, 0.0, 31), row(72, 87.5, 32), row(80, 93.75, 35), row(4728, 100.0, 36)]
        );
        assert_eq!(of(&[(7, 2)]).rows(), [row(7, 100.0, 2)]);
        assert_eq!(of(&[]).rows(), []);
    }

    #[test]
    fn mean_and_deviation_are_of_the_numbers_themselves() {
        let distribution = of(&[(2, 1), (4, 3), (5, 2), (7, 1), (9, 1)]);
        assert!((distribution.mean() - 5.0).abs() < 1e-9);
        assert!((distribution.deviation() - 2.0).abs() < 1e-9);
        assert!(of(&[]).deviation().abs() < 1e-9);
    }

    #[test]
    fn large_numbers_keep_four_digits() {
        assert_eq!(rounded(9_999), 9_999);
        assert_eq!(rounded(123_456), 123_400);
        assert_eq!(rounded(u64::MAX), 18_440_000_000_000_000_000);
    }
}

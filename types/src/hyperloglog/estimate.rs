//! From registers to a number of elements.
//!
//! The improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for `HyperLogLog` sketches"
//! (arXiv:1702.01284), algorithm 6: it needs only how many registers have which rank. All arithmetic is in
//! doubles and in the paper's order, because two servers must agree in the last digit.

use super::{HASH_BITS_LEFT, REGISTERS};

/// How many registers have each rank; ranks are below 64.
pub(super) type Histogram = [u32; 64];

/// 1 / (2 ln 2), the limit of the bias correction for many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// Estimates how many elements made these registers. O(1): some two hundred operations.
pub(super) fn estimate(histogram: &Histogram) -> u64 {
    let registers = REGISTERS as f64;
    let share = |count: u32| f64::from(count) / registers;
    let saturated = histogram[HASH_BITS_LEFT + 1];
    let mut sum = registers * tau((registers - f64::from(saturated)) / registers);
    for count in histogram[1..=HASH_BITS_LEFT].iter().rev() {
        sum += f64::from(*count);
        sum *= 0.5;
    }
    sum += registers * sigma(share(histogram[0]));
    // An infinite sum, of an empty sketch, makes 0.
    (ALPHA * registers * registers / sum).round() as u64
}

/// Corrects for registers still empty, of which `x` is the share.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if settled(before, sum) {
            return sum;
        }
    }
}

/// Corrects for saturated registers; `x` is the share of the others.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x).powi(2) * weight;
        if settled(before, sum) {
            return sum / 3.0;
        }
    }
}

/// Whether a series adds nothing any more.
fn settled(before: f64, after: f64) -> bool {
    before.to_bits() == after.to_bits()
}

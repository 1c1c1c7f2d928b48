//! Extended doubles: floating point with a 64-bit significand, as the x87 has it and C's `long double` is on
//! x86-64 Linux.
//!
//! Increments by floating point numbers are exact to the last digit only if parsing, addition and printing
//! round as there: each rounds its exact result to the nearest, ties to even. Numbers are printed with 17
//! decimals, trailing zeros cut, so that 0.1 + 0.2 is 0.3:
//!
//! ```text
//! 0.1        = 14757395258967641293 · 2^-67   (a double keeps 53 of these 64 bits)
//! 0.1 + 0.2  = 11068046444225730970 · 2^-65   = 0.30000000000000000000135525…
//! ```

mod natural;
mod parse;

use natural::Natural;
use std::cmp::Ordering;

/// A number `±significand · 2^exponent`, or an infinity.
///
/// The significand's highest bit is set unless the number is zero, whose exponent is 0. Numbers too small for
/// that in the format have fewer bits there; here they are only rounded as such.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extended {
    is_negative: bool,
    significand: u64,
    exponent: i32,
}

/// The lowest bit of the smallest number above zero.
const EXPONENT_MIN: i32 = -16445;
/// The exponent of the largest number.
const EXPONENT_MAX: i32 = 16383 - 63;
/// More bits that sums are computed with: enough to round after cancellation, and a sum fits 128.
const GUARD_BITS: u32 = 62;
/// Decimals printed.
const DECIMALS: usize = 17;
const DECIMAL_SCALE: u128 = 100_000_000_000_000_000;

impl Extended {
    /// Nothing.
    pub(crate) const ZERO: Extended = Extended { is_negative: false, significand: 0, exponent: 0 };
    /// More than any number.
    pub(crate) const INFINITE: Extended =
        Extended { is_negative: false, significand: 1 << 63, exponent: EXPONENT_MAX + 1 };

    /// The greatest number.
    pub(crate) const GREATEST: Extended =
        Extended { is_negative: false, significand: u64::MAX, exponent: EXPONENT_MAX };
    /// The least number.
    pub(crate) const LEAST: Extended = Extended { is_negative: true, ..Extended::GREATEST };

    /// The same magnitude with this sign.
    fn signed(self, is_negative: bool) -> Extended {
        Extended { is_negative, ..self }
    }

    /// The number of opposite sign.
    pub(crate) fn negated(self) -> Extended {
        self.signed(!self.is_negative)
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.is_negative && self.significand != 0
    }

    /// Whether it is a number.
    pub(crate) fn is_finite(self) -> bool {
        self.exponent <= EXPONENT_MAX
    }

    /// Rounds `bits · 2^exponent`; `is_inexact` says that a little more than that is meant.
    fn rounded(bits: u128, exponent: i32, is_inexact: bool) -> Extended {
        if bits == 0 {
            return Extended::ZERO;
        }
        let (bits, exponent) = (bits << bits.leading_zeros(), exponent - bits.leading_zeros() as i32);
        let dropped = (EXPONENT_MIN - exponent).clamp(64, 129) as u32;
        let kept = bits.checked_shr(dropped).unwrap_or(0);
        let rest = if dropped < 128 { bits - (kept << dropped) } else { bits };
        let is_up = match (dropped, rest.cmp(&(1 << (dropped - 1).min(127)))) {
            (129.., _) | (_, Ordering::Less) => false,
            (_, Ordering::Equal) => is_inexact || kept & 1 == 1,
            (_, Ordering::Greater) => true,
        };
        Extended::normal(kept + u128::from(is_up), exponent + dropped as i32)
    }

    /// A number whose bits are at most a significand's, or 2^64.
    fn normal(kept: u128, exponent: i32) -> Extended {
        if kept == 0 {
            return Extended::ZERO;
        }
        let shift = 64 - kept.leading_zeros() as i32;
        let (significand, exponent) = if shift > 0 {
            ((kept >> 1) as u64, exponent + 1)
        } else {
            ((kept as u64) << -shift, exponent + shift)
        };
        if exponent > EXPONENT_MAX {
            return Extended::INFINITE;
        }
        Extended { is_negative: false, significand, exponent }
    }

    /// The rounded sum; infinite if it is too large or either number is infinite.
    pub(crate) fn plus(self, other: Extended) -> Extended {
        if !self.is_finite() || !other.is_finite() {
            return Extended::INFINITE;
        }
        match (self.significand, other.significand) {
            (0, _) => return other,
            (_, 0) => return self,
            _ => {}
        }
        let (large, small) =
            if self.magnitude() >= other.magnitude() { (self, other) } else { (other, self) };
        let distance = (large.exponent - small.exponent) as u32;
        let large_bits = u128::from(large.significand) << GUARD_BITS;
        let small_whole = u128::from(small.significand) << GUARD_BITS;
        let small_bits = small_whole.checked_shr(distance).unwrap_or(0);
        let is_inexact = distance > 127 || small_bits << distance != small_whole;
        let bits = if large.is_negative == small.is_negative {
            large_bits + small_bits
        } else {
            // A little more is taken away, so a little more than one less is left.
            large_bits - small_bits - u128::from(is_inexact)
        };
        let exponent = large.exponent - GUARD_BITS as i32;
        Extended::rounded(bits, exponent, is_inexact).signed(large.is_negative)
    }

    /// Orders numbers without their signs.
    fn magnitude(self) -> (bool, i32, u64) {
        (self.significand != 0, self.exponent, self.significand)
    }

    /// The number with up to 17 decimals, no trailing zeros and no exponent.
    pub(crate) fn text(self) -> String {
        let magnitude = match u32::try_from(-self.exponent) {
            Ok(shift) => decimals(u128::from(self.significand) * DECIMAL_SCALE, shift),
            Err(_) => Natural::from(self.significand).shifted_left(self.exponent.unsigned_abs()).to_string(),
        };
        if self.is_negative && magnitude != "0" { format!("-{magnitude}") } else { magnitude }
    }
}

/// The text of `scaled / (DECIMAL_SCALE · 2^shift)`, rounded to 17 decimals.
fn decimals(scaled: u128, shift: u32) -> String {
    // The scaled significand has at most 121 bits, so a shift beyond them leaves less than a half.
    let shift = shift.min(127);
    let (kept, rest) = (scaled >> shift, scaled & ((1 << shift) - 1));
    let is_up = shift > 0 && (rest, kept & 1) > (1 << (shift - 1), 0);
    let rounded = kept + u128::from(is_up && shift > 0);
    let (integral, fraction) = (rounded / DECIMAL_SCALE, rounded % DECIMAL_SCALE);
    let text = format!("{integral}.{fraction:0DECIMALS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl PartialOrd for Extended {
    fn partial_cmp(&self, other: &Extended) -> Option<Ordering> {
        Some(match (self.is_negative(), other.is_negative()) {
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
            (is_less, _) => {
                if is_less {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        })
    }
}

impl From<i64> for Extended {
    fn from(integer: i64) -> Extended {
        Extended::rounded(integer.unsigned_abs().into(), 0, false).signed(integer < 0)
    }
}

#[cfg(test)]
mod tests;

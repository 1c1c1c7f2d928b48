//! The digits of a double, by Grisu2.
//!
//! Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", PLDI 2010) finds
//! digits that read back as the same double. In about one of a thousand cases they are not the fewest, or not the
//! nearest among the fewest, so an algorithm without that flaw would answer differently from Redis now and then.
//!
//! Worked example, 0.3: its neighbours' midpoints bound the interval of numbers that read back as 0.3. All three are
//! scaled by a power of ten to have 32 to 60 fractional bits; digits of the upper bound are generated until what is
//! left is smaller than the interval, here after the single digit 3, times 10^-1.

use super::powers::PowerOfTen;

const FRACTION_BITS: u32 = 52;
const HIDDEN_BIT: u64 = 1 << FRACTION_BITS;

/// The exponent's bias plus the fraction's bits: under a stored exponent e, the fraction's last bit weighs 2^(e-1075).
const EXPONENT_BIAS: i32 = 1075;

/// A number `fraction` · 2^`exponent`.
#[derive(Clone, Copy)]
struct Scaled {
    fraction: u64,
    exponent: i32,
}

impl Scaled {
    /// The same number with the highest bit of its fraction set.
    fn normalized(self) -> Scaled {
        let shift = self.fraction.leading_zeros();
        Scaled { fraction: self.fraction << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product, rounded to 64 bits.
    fn times(self, power: PowerOfTen) -> Scaled {
        let product = u128::from(self.fraction) * u128::from(power.fraction) + (1 << 63);
        Scaled { fraction: (product >> 64) as u64, exponent: self.exponent + power.exponent + 64 }
    }
}

/// Decimal digits of a positive double: `text` · 10^`exponent`.
pub(super) struct Digits {
    text: [u8; 20],
    count: usize,
    /// The weight of the last digit.
    pub(super) exponent: i32,
}

impl Digits {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.text[..self.count]
    }

    /// Finds the digits of a positive, finite double.
    pub(super) fn of(value: f64) -> Digits {
        let bits = value.to_bits();
        let stored_exponent = (bits >> FRACTION_BITS) as i32;
        let fraction = bits & (HIDDEN_BIT - 1);
        let number = match stored_exponent {
            0 => Scaled { fraction, exponent: 1 - EXPONENT_BIAS },
            _ => Scaled { fraction: fraction | HIDDEN_BIT, exponent: stored_exponent - EXPONENT_BIAS },
        };

        // The neighbours' midpoints. The one below a power of two is only half as far away.
        let upper = Scaled { fraction: number.fraction * 2 + 1, exponent: number.exponent - 1 }.normalized();
        let closer = u32::from(number.fraction == HIDDEN_BIT);
        let lower = (number.fraction << (1 + closer)) - 1;
        let lower_exponent = number.exponent - 1 - closer as i32;
        let lower = Scaled { fraction: lower << (lower_exponent - upper.exponent), exponent: upper.exponent };

        // Each product may be off by one in its last bit, so the interval is made smaller by one at both ends.
        let power = PowerOfTen::scaling(upper.exponent);
        let number = number.normalized().times(power);
        let upper = Scaled { fraction: upper.times(power).fraction - 1, exponent: number.exponent };
        let lower = lower.times(power).fraction + 1;
        Digits::generate(number.fraction, upper, lower, -power.decimal_exponent)
    }

    /// Generates the digits of `upper` until they are certain to lie above `lower`, then moves the last one towards
    /// `number`. All have the exponent of `upper`.
    fn generate(number: u64, upper: Scaled, lower: u64, decimal_exponent: i32) -> Digits {
        let interval = upper.fraction - lower;
        let distance = upper.fraction - number;
        let point = -upper.exponent;
        let mut integral = upper.fraction >> point;
        let mut rest = upper.fraction & ((1 << point) - 1);
        let mut found = Digits { text: [0; 20], count: 0, exponent: decimal_exponent };

        let mut unit_digits = 9;
        while unit_digits >= 0 {
            let unit = 10_u64.pow(unit_digits as u32);
            found.push(integral / unit);
            integral %= unit;
            let left = (integral << point) + rest;
            if left <= interval {
                found.exponent += unit_digits;
                found.round(interval, left, unit << point, distance);
                return found;
            }
            unit_digits -= 1;
        }
        let (mut interval, mut distance) = (interval, distance);
        loop {
            rest *= 10;
            interval *= 10;
            distance *= 10;
            found.exponent -= 1;
            found.push(rest >> point);
            rest &= (1 << point) - 1;
            if rest < interval {
                found.round(interval, rest, 1 << point, distance);
                return found;
            }
        }
    }

    /// Appends a digit, unless it is a zero before the first.
    fn push(&mut self, digit: u64) {
        if digit != 0 || self.count > 0 {
            self.text[self.count] = b'0' + digit as u8;
            self.count += 1;
        }
    }

    /// Lowers the last digit, worth `unit`, while that comes closer to the number, which lies `distance` below the
    /// upper bound; the digits so far lie `left` below it and must stay within `interval`.
    fn round(&mut self, interval: u64, mut left: u64, unit: u64, distance: u64) {
        while left < distance
            && interval - left >= unit
            && (left + unit < distance || distance - left > left + unit - distance)
        {
            self.text[self.count - 1] -= 1;
            left += unit;
        }
    }
}

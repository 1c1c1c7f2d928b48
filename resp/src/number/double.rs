//! Doubles as decimal text: the digits by Grisu2, the layout as Redis prints them.
//!
//! Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", PLDI 2010) finds
//! digits that read back as the same double. In about one of a thousand cases they are not the fewest, or not the
//! nearest among the fewest, so an algorithm without that flaw would answer differently from Redis now and then.
//!
//! Worked example, 0.3: its neighbours' midpoints bound the interval of numbers that read back as 0.3. All three are
//! scaled by a power of ten to have 32 to 60 fractional bits; digits of the upper bound are generated until what is
//! left is smaller than the interval, here after the single digit 3, times 10^-1.

use super::{NumberText, TEXT_BYTES_MAX, format_integer};

/// Up to this magnitude (half the range of `i64`) integral doubles are printed as integers, digit by digit.
const INTEGRAL_MAX: f64 = (i64::MAX / 2) as f64;

const FRACTION_BITS: u32 = 52;
const HIDDEN_BIT: u64 = 1 << FRACTION_BITS;

/// The bias of the exponent plus the fraction's bits: a stored exponent of `e` weighs the fraction's last bit 2^(e-1075).
const EXPONENT_BIAS: i32 = 1075;

/// The least binary exponent of a scaled number: its integral part has at least 4 bits, so it has at least one digit.
const SCALED_EXPONENT_MIN: i32 = -60;

/// Formats a double as Redis does in replies.
///
/// Integers up to 2^62 in full; otherwise few digits that read back as the same double, in plain notation while that
/// is short and as `1.5e+300` or `1e-7` beyond; `inf`, `-inf`, `nan` and `-0`.
///
/// ```
/// use spinel_resp::number::format_double;
/// assert_eq!(format_double(0.1).to_string(), "0.1");
/// assert_eq!(format_double(1e21).to_string(), "1e+21");
/// assert_eq!(format_double(-0.0).to_string(), "-0");
/// ```
pub fn format_double(value: f64) -> NumberText {
    if value.is_nan() {
        return NumberText::new(b"nan");
    }
    if value.is_infinite() {
        return NumberText::new(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 && value.is_sign_negative() {
        return NumberText::new(b"-0");
    }
    // `trunc` would do for every finite number, but only these are printed in full.
    if value.abs() <= INTEGRAL_MAX && value.trunc() == value {
        return format_integer(value as i64);
    }
    let mut text = TextWriter { bytes: [0; TEXT_BYTES_MAX], length: 0 };
    if value < 0.0 {
        text.push(b'-');
    }
    lay_out(&Digits::of(value.abs()), &mut text);
    text.finish()
}

/// Chooses between `1200000`, `0.0012` and `1.2e-7`.
///
/// The thresholds are Redis's: up to 7 zeros at the end; a point as long as the last digit stands at most 6 places
/// behind it or the first at most 3 places from it.
fn lay_out(digits: &Digits, text: &mut TextWriter) {
    let count = digits.count as i32;
    let exponent = digits.exponent + count - 1;
    if digits.exponent >= 0 && exponent.abs() < count + 7 {
        text.extend(digits.as_slice());
        text.zeros(digits.exponent);
    } else if digits.exponent < 0 && (digits.exponent > -7 || exponent.abs() < 4) {
        let integral = (count + digits.exponent).max(0);
        let (before, after) = digits.as_slice().split_at(integral as usize);
        text.extend(if before.is_empty() { b"0" } else { before });
        text.push(b'.');
        text.zeros(-digits.exponent - count);
        text.extend(after);
    } else {
        let (before, after) = digits.as_slice().split_at(1);
        text.extend(before);
        if !after.is_empty() {
            text.push(b'.');
            text.extend(after);
        }
        text.extend(if exponent < 0 { b"e-" } else { b"e+" });
        text.extend(&format_integer(i64::from(exponent.abs())));
    }
}

struct TextWriter {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl TextWriter {
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Appends `count` zeros, none if it is negative.
    fn zeros(&mut self, count: i32) {
        for _ in 0..count {
            self.push(b'0');
        }
    }

    fn finish(self) -> NumberText {
        NumberText { bytes: self.bytes, start: 0, end: self.length as u8 }
    }
}

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
struct Digits {
    text: [u8; 20],
    count: usize,
    exponent: i32,
}

impl Digits {
    fn as_slice(&self) -> &[u8] {
        &self.text[..self.count]
    }

    /// Finds the digits of a positive, finite double.
    fn of(value: f64) -> Digits {
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

/// 10^`decimal_exponent`, rounded to `fraction` · 2^`exponent` with the fraction's highest bit set.
#[derive(Clone, Copy)]
struct PowerOfTen {
    fraction: u64,
    exponent: i32,
    decimal_exponent: i32,
}

/// Every eighth power of ten from 10^-348 to 10^340, enough to bring every double's exponent into a range of 28.
const POWERS: [PowerOfTen; 87] = powers_of_ten();
const DECIMAL_EXPONENT_MIN: i32 = -348;
const DECIMAL_EXPONENT_STEP: i32 = 8;

impl PowerOfTen {
    /// The least power whose product with a normalized number of this binary exponent has at least
    /// [`SCALED_EXPONENT_MIN`].
    fn scaling(exponent: i32) -> PowerOfTen {
        let wanted = SCALED_EXPONENT_MIN - 64 - exponent;
        let index = POWERS.partition_point(|power| power.exponent < wanted);
        POWERS[index]
    }
}

/// 64-bit limbs, the lowest first; enough for 5^340 (790 bits) and for 2^960, of which 5^-348 leaves 152 bits.
const LIMBS: usize = 16;

/// Computes the table from whole numbers: 10^n is 5^n · 2^n, and multiplying or dividing by 5^8 fits a limb.
const fn powers_of_ten() -> [PowerOfTen; 87] {
    const SMALLEST: usize = (-DECIMAL_EXPONENT_MIN / DECIMAL_EXPONENT_STEP) as usize;
    let step = 5_u64.pow(DECIMAL_EXPONENT_STEP as u32);
    let mut powers = [PowerOfTen { fraction: 0, exponent: 0, decimal_exponent: 0 }; 87];

    // From 10^4 upwards: 5^4, times 5^8 each.
    let mut number = [0; LIMBS];
    number[0] = 5_u64.pow(4);
    let mut index = SMALLEST + 1;
    while index < 87 {
        powers[index] = rounded(&number, 0, index);
        number = multiplied(&number, step);
        index += 1;
    }

    // From 10^-4 downwards: 2^960 / 5^4, divided by 5^8 each. Dropping remainders on the way changes no digit, since
    // the floor of a floor's quotient is the floor of the whole quotient.
    let mut number = [0; LIMBS];
    number[LIMBS - 1] = 1;
    number = divided(&number, 5_u64.pow(4));
    let mut index = SMALLEST + 1;
    while index > 0 {
        index -= 1;
        powers[index] = rounded(&number, -64 * (LIMBS as i32 - 1), index);
        number = divided(&number, step);
    }
    powers
}

const fn multiplied(number: &[u64; LIMBS], factor: u64) -> [u64; LIMBS] {
    let mut product = [0; LIMBS];
    let mut carry = 0;
    let mut limb = 0;
    while limb < LIMBS {
        carry += number[limb] as u128 * factor as u128;
        product[limb] = carry as u64;
        carry >>= 64;
        limb += 1;
    }
    product
}

const fn divided(number: &[u64; LIMBS], divisor: u64) -> [u64; LIMBS] {
    let mut quotient = [0; LIMBS];
    let mut remainder = 0;
    let mut limb = LIMBS;
    while limb > 0 {
        limb -= 1;
        remainder = (remainder << 64) | number[limb] as u128;
        quotient[limb] = (remainder / divisor as u128) as u64;
        remainder %= divisor as u128;
    }
    quotient
}

/// Rounds `number` · 2^`exponent`, a power of five, to 64 bits and makes it entry `index` of the table.
const fn rounded(number: &[u64; LIMBS], exponent: i32, index: usize) -> PowerOfTen {
    let mut top = LIMBS - 1;
    while number[top] == 0 {
        top -= 1;
    }
    let shift = number[top].leading_zeros();
    let below = if top > 0 { number[top - 1] } else { 0 };
    let bits = (((number[top] as u128) << 64) | below as u128) << shift;
    let fraction = (bits >> 64) as u64 + (bits as u64 >> 63);
    let decimal_exponent = DECIMAL_EXPONENT_MIN + DECIMAL_EXPONENT_STEP * index as i32;
    let exponent = exponent + 64 * top as i32 - shift as i32 + decimal_exponent;
    PowerOfTen { fraction, exponent, decimal_exponent }
}

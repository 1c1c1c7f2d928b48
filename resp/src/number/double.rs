//! Doubles as decimal text, laid out as Redis prints them.

use super::grisu::Digits;
use super::{NumberText, TEXT_BYTES_MAX, format_integer};

/// Up to this magnitude (half the range of `i64`) integral doubles are printed as integers, digit by digit.
const INTEGRAL_MAX: f64 = (i64::MAX / 2) as f64;

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
    let is_integer = value.abs() <= INTEGRAL_MAX && value.fract() == 0.0;
    if is_integer && !(value == 0.0 && value.is_sign_negative()) {
        return format_integer(value as i64);
    }
    format_digits(value)
}

/// Formats a double by its digits alone, as Redis does where it takes a digest: as [`format_double`], but an integer with
/// more than 7 zeros at its end as `3e+15`.
///
/// ```
/// use spinel_resp::number::format_digits;
/// assert_eq!(format_digits(3e15).to_string(), "3e+15");
/// assert_eq!(format_digits(120.0).to_string(), "120");
/// ```
pub fn format_digits(value: f64) -> NumberText {
    if value.is_nan() {
        return NumberText::new(b"nan");
    }
    if value.is_infinite() {
        return NumberText::new(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 {
        return NumberText::new(if value.is_sign_negative() { b"-0" } else { b"0" });
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
    let count = digits.as_slice().len() as i32;
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

#[cfg(test)]
mod tests {
    use super::format_double;

    #[track_caller]
    fn check(value: f64, text: &str) {
        assert_eq!(format_double(value).to_string(), text);
    }

    /// Seen at Redis 8.0 as replies of ZSCORE.
    #[test]
    fn layout() {
        check(0.0, "0");
        check(-0.0, "-0");
        check(f64::NAN, "nan");
        check(-f64::NAN, "nan");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(1e18, "1000000000000000000");
        check(1e19, "1e+19");
        check(1e21, "1e+21");
        check(4_611_686_018_427_387_904.0, "4611686018427387904");
        check(9_223_372_036_854_775_807.0, "9223372036854776000");
        check(-9_223_372_036_854_777_856.0, "-9223372036854778000");
        check(12_345_678_901_234_567_890.0, "12345678901234567000");
        check(1.2345e19, "1.2345e+19");
        check(1.2e25, "1.2e+25");
        check(1e-6, "0.000001");
        check(1e-7, "1e-7");
        check(0.001_234, "0.001234");
        check(0.000_012_34, "1.234e-5");
        check(123_456_789.123, "123456789.123");
        check(-1_234_567.25, "-1234567.25");
        check(-1.5e-10, "-1.5e-10");
        check(5e-324, "5e-324");
        check(2.225_073_858_507_201_4e-308, "2.2250738585072014e-308");
        check(f64::MAX, "1.7976931348623157e+308");
    }

    /// Doubles whose digits are not the fewest or not the nearest, with the replies of Redis 8.0.
    #[test]
    fn digits_that_other_algorithms_find_differently() {
        check(1e23, "99999999999999990000000");
        check(-4.287_401_711_038_179_7e-156, "-4.2874017110381796e-156");
        check(2.884_214_938_309_096e-23, "2.8842149383090957e-23");
        check(-147_588_850_874_711.88, "-147588850874711.87");
        check(7.020_980_086_143_824e-258, "7.0209800861438235e-258");
        check(-865_973.950_511_862, "-8.659739505118621e+5");
        check(371_685.752_794, "3.7168575279400003e+5");
        check(1_581_219_021_019_596.8, "1581219021019596.7");
    }

    /// Walks through all exponents with various fractions, the boundaries of each exponent among them.
    #[test]
    fn every_text_reads_back_as_its_double() {
        const FRACTION_MAX: u64 = (1 << 52) - 1;
        for exponent in 0..2047_u64 {
            for step in 0..64_u64 {
                let scattered = step.wrapping_mul(0x9E37_79B9_7F4A_7C15) & FRACTION_MAX;
                for fraction in [step, FRACTION_MAX - step, scattered] {
                    let value = f64::from_bits(exponent << 52 | fraction);
                    let text = format_double(value).to_string();
                    assert_eq!(text.parse().map(f64::to_bits), Ok(value.to_bits()), "{value:e} as {text}");
                    assert_eq!(format_double(-value).to_string(), format!("-{text}"));
                }
            }
        }
    }
}

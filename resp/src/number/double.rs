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
    if value.is_nan() {
        return NumberText::new(b"nan");
    }
    if value.is_infinite() {
        return NumberText::new(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 && value.is_sign_negative() {
        return NumberText::new(b"-0");
    }
    if value.abs() <= INTEGRAL_MAX && value.fract() == 0.0 {
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

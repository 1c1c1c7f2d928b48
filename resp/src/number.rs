//! Numbers as the protocol and its commands write and read them.
//!
//! Texts are made on the stack: formatting allocates nothing and knows no locale.

mod double;
mod grisu;
mod parse_double;
mod powers;

pub use double::{format_digits, format_double};
pub use parse_double::parse_double;

use std::fmt;
use std::ops::Deref;

/// The longest texts are those of doubles: a sign, 17 digits and up to 7 zeros, or the point and an exponent.
const TEXT_BYTES_MAX: usize = 32;

/// All two-digit numbers in a row, so that formatting divides once for two digits.
const DIGIT_PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut number = 0;
    while number < 100 {
        pairs[2 * number] = b'0' + (number / 10) as u8;
        pairs[2 * number + 1] = b'0' + (number % 10) as u8;
        number += 1;
    }
    pairs
};

/// The text of one number, on the stack. Dereferences to its bytes, which are ASCII.
#[derive(Clone, Copy)]
pub struct NumberText {
    bytes: [u8; TEXT_BYTES_MAX],
    start: u8,
    end: u8,
}

impl NumberText {
    fn new(text: &[u8]) -> NumberText {
        let mut bytes = [0; TEXT_BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text);
        NumberText { bytes, start: 0, end: text.len() as u8 }
    }
}

impl Deref for NumberText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..usize::from(self.end)]
    }
}

impl AsRef<[u8]> for NumberText {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Display for NumberText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(self).expect("number texts are ASCII"))
    }
}

impl fmt::Debug for NumberText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Formats an integer in decimal, without leading zeros.
#[inline]
pub fn format_integer(value: i64) -> NumberText {
    let mut text = format_unsigned(value.unsigned_abs());
    if value < 0 {
        text.start -= 1;
        text.bytes[usize::from(text.start)] = b'-';
    }
    text
}

/// Formats a number in decimal, without leading zeros.
#[inline]
pub fn format_unsigned(mut value: u64) -> NumberText {
    let mut bytes = [0; TEXT_BYTES_MAX];
    let mut start = TEXT_BYTES_MAX;
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        start -= 2;
        bytes[start..start + 2].copy_from_slice(&DIGIT_PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        start -= 2;
        bytes[start..start + 2].copy_from_slice(&DIGIT_PAIRS[pair..pair + 2]);
    } else {
        start -= 1;
        bytes[start] = b'0' + value as u8;
    }
    NumberText { bytes, start: start as u8, end: TEXT_BYTES_MAX as u8 }
}

/// Appends an integer in decimal.
#[inline]
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    if (0..=9).contains(&value) {
        out.push(b'0' + value as u8);
    } else {
        out.extend_from_slice(&format_integer(value));
    }
}

/// Returns how many bytes the decimal text of an integer has, its sign included.
///
/// ```
/// use spinel_resp::number::decimal_length;
/// assert_eq!([0, 9, 10, -10, i64::MIN].map(decimal_length), [1, 1, 2, 3, 20]);
/// ```
pub fn decimal_length(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(value < 0)
}

/// Parses an integer written exactly as [`format_integer`] writes it, or returns `None`.
///
/// No plus sign, no leading zeros, no `-0`, no spaces, nothing out of range: a string that parses can be stored as the
/// integer and comes out the same.
///
/// ```
/// use spinel_resp::number::parse_integer;
/// assert_eq!(parse_integer(b"-42"), Some(-42));
/// assert_eq!(parse_integer(b"+42"), None);
/// assert_eq!(parse_integer(b"042"), None);
/// ```
#[inline]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => match parse_unsigned(digits)? {
            0 => None,
            magnitude => 0_i64.checked_sub_unsigned(magnitude),
        },
        digits => i64::try_from(parse_unsigned(digits)?).ok(),
    }
}

/// Parses an unsigned integer by the rules of [`parse_integer`].
#[inline]
pub fn parse_unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 || (text[0] == b'0' && text.len() > 1) {
        return None;
    }
    // 19 digits always fit; only a twentieth can overflow.
    let (safe, last) = text.split_at(text.len().min(19));
    let mut value = 0;
    for &byte in safe {
        value = value * 10 + decimal_digit(byte)?;
    }
    match last {
        [] => Some(value),
        _ => value.checked_mul(10)?.checked_add(decimal_digit(last[0])?),
    }
}

#[inline]
fn decimal_digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(u64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip() {
        let mut values = vec![0, i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1];
        for power in 0..19 {
            let power = 10_i64.pow(power);
            values.extend([power - 1, power, power + 1, 1 - power, -power, -1 - power, power / 3 * 2]);
        }
        for value in values {
            let text = format_integer(value);
            assert_eq!(text.to_string(), value.to_string());
            assert_eq!(parse_integer(&text), Some(value));
            assert_eq!(decimal_length(value), text.len());
            let mut written = vec![b'x'];
            write_integer(value, &mut written);
            assert_eq!(written[1..], *text);
        }
        assert_eq!(format_unsigned(u64::MAX).to_string(), u64::MAX.to_string());
    }

    #[test]
    fn only_canonical_integers_parse() {
        let refused: [&[u8]; 17] = [
            b"",
            b"-",
            b"+",
            b"+1",
            b"01",
            b"-01",
            b"-0",
            b"00",
            b" 1",
            b"1 ",
            b"1e3",
            b"0x1",
            b"--1",
            b"1\0",
            b"9223372036854775808",
            b"-9223372036854775809",
            b"92233720368547758070",
        ];
        for text in refused {
            assert_eq!(parse_integer(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(parse_unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_unsigned(b"18446744073709551616"), None);
        assert_eq!(parse_unsigned(b"28446744073709551615"), None);
        assert_eq!(parse_unsigned(b"118446744073709551615"), None);
        assert_eq!(parse_integer(b"0"), Some(0));
    }
}

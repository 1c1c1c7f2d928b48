//! Reading extended doubles as C's `strtold` does in its plainest locale.

use super::Extended;
use super::natural::Natural;

/// Longer texts are refused.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;

/// Decimal exponents of the first digit beyond these are certainly out of range.
const DECIMAL_EXPONENTS: std::ops::Range<i64> = -4_960..4_940;
/// Binary exponents beyond this are out of range, whatever 128 bits they scale.
const BINARY_EXPONENT_MAX: i64 = 20_000;

impl Extended {
    /// Reads a whole text: a decimal number with or without point and exponent, a hexadecimal one, or an
    /// infinity. `None` for anything else and for numbers out of range.
    pub(crate) fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (is_negative, magnitude) = split_sign(text);
        let parsed = match magnitude {
            _ if magnitude.eq_ignore_ascii_case(b"inf") || magnitude.eq_ignore_ascii_case(b"infinity") => {
                Extended::INFINITE
            }
            [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
            digits => decimal(digits)?,
        };
        Some(parsed.signed(is_negative))
    }
}

/// Takes a sign off; whether it was a minus.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    }
}

/// Digits around a point, and an exponent.
struct Parts {
    /// All digits in a row, without zeros in front.
    digits: Vec<u8>,
    /// How many of them stand behind the point.
    decimals: i64,
    exponent: i64,
}

impl Parts {
    fn of(text: &[u8], is_digit: fn(&u8) -> bool, marker: u8) -> Option<Parts> {
        let marker = text.iter().position(|byte| byte.eq_ignore_ascii_case(&marker));
        let (number, exponent) = match marker {
            None => (text, 0),
            Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        };
        let point = number.iter().position(|byte| *byte == b'.').unwrap_or(number.len());
        let (before, after) = (&number[..point], number.get(point + 1..).unwrap_or_default());
        if before.is_empty() && after.is_empty() || !before.iter().chain(after).all(is_digit) {
            return None;
        }
        let digits = before.iter().chain(after).copied().skip_while(|digit| *digit == b'0').collect();
        Some(Parts { digits, decimals: after.len() as i64, exponent })
    }
}

/// Reads the digits of an exponent, however many.
fn exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |value: i64, digit: &u8| value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let magnitude = digits.iter().fold(0, add).min(i64::from(i32::MAX));
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Refuses what was too large, and what is zero though its digits are not.
fn in_range(number: Extended) -> Option<Extended> {
    (number.is_finite() && number != Extended::ZERO).then_some(number)
}

fn decimal(text: &[u8]) -> Option<Extended> {
    let parts = Parts::of(text, u8::is_ascii_digit, b'e')?;
    if parts.digits.is_empty() {
        return Some(Extended::ZERO);
    }
    let exponent = parts.exponent - parts.decimals;
    if !DECIMAL_EXPONENTS.contains(&(exponent + parts.digits.len() as i64)) {
        return None;
    }
    let scaled = short(&parts.digits, exponent).unwrap_or_else(|| long(&parts.digits, exponent as i32));
    in_range(scaled)
}

/// The number `digits · 10^exponent` in machine words, if it has few digits and decimals.
fn short(digits: &[u8], exponent: i64) -> Option<Extended> {
    // 19 digits fit 64 bits; dividing 127 bits or more by 10^18, of 60, leaves 67 for rounding.
    const DIGITS_MAX: usize = 19;
    let decimals = u32::try_from(-exponent).ok().filter(|decimals| *decimals <= 18)?;
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let number = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let shift = number.leading_zeros() + 64;
    let (scaled, power) = (u128::from(number) << shift, 10_u128.pow(decimals));
    Some(Extended::rounded(scaled / power, -(shift as i32), scaled % power != 0))
}

/// The number `digits · 10^exponent`, whatever it takes.
fn long(digits: &[u8], exponent: i32) -> Extended {
    let power = Natural::power_of_ten(exponent.unsigned_abs());
    let digits = Natural::from_digits(digits);
    let (bits, exponent, is_inexact) =
        if exponent < 0 { digits.divided_by(&power) } else { digits.times(&power).top() };
    Extended::rounded(bits, exponent, is_inexact)
}

fn hexadecimal(text: &[u8]) -> Option<Extended> {
    // As many digits as fit whatever the highest one is.
    const EXACT_DIGITS: usize = 31;
    let parts = Parts::of(text, u8::is_ascii_hexdigit, b'p')?;
    if parts.digits.is_empty() {
        return Some(Extended::ZERO);
    }
    let (exact, more) = parts.digits.split_at(parts.digits.len().min(EXACT_DIGITS));
    let digit = |digit: &u8| u128::from(char::from(*digit).to_digit(16).unwrap_or(0));
    let bits = exact.iter().fold(0, |bits, next| bits << 4 | digit(next));
    let exponent = parts.exponent + 4 * (more.len() as i64 - parts.decimals);
    let exponent = exponent.clamp(-BINARY_EXPONENT_MAX, BINARY_EXPONENT_MAX) as i32;
    in_range(Extended::rounded(bits, exponent, more.iter().any(|digit| *digit != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_the_same_either_way() {
        let mut number = 1_u64;
        for round in 0..20_000_u64 {
            number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(round);
            let digits = (number >> (number % 64)).max(1).to_string();
            let digits = &digits.as_bytes()[..digits.len().min(19)];
            let exponent = -((number >> 7) as i64 % 19).abs();
            let is_short = short(digits, exponent);
            assert_eq!(is_short, Some(long(digits, exponent as i32)), "{digits:?} {exponent}");
        }
    }

    #[test]
    fn texts_that_are_no_numbers() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "-.",
            "e",
            "e5",
            "1e",
            "1e+",
            "1 ",
            " 1",
            "1_0",
            "1.2.3",
            "--1",
            "+-1",
            "0x",
            "0x.",
            "0x1p",
            "0xg",
            "1p3",
            "nan",
            "-nan",
            "infinit",
            "inf(",
            "1\0",
            "1e4933",
            "1e-4960",
            "0x1p16384",
            "0x1p-16446",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Extended::parse(&[b'1'; TEXT_BYTES_MAX + 1]), None);
        assert_eq!(Extended::parse(&[b'0'; TEXT_BYTES_MAX]), Some(Extended::ZERO));
    }

    #[test]
    fn numbers_in_every_notation() {
        for (text, same) in [
            ("1.", "1"),
            (".5", "0.5"),
            ("+5.", "5"),
            ("5.0e3", "5000"),
            ("1e2", "100"),
            ("1E-2", "0.01"),
            ("0x1p3", "8"),
            ("0X1.fp+3", "15.5"),
            ("0x.8p-1", "0.25"),
            ("00012.50", "12.5"),
            ("-0x10", "-16"),
            ("0e99999999999", "0"),
            ("0x0p99999999999", "0"),
            ("1e-4940", "0x0.0p0"),
            ("123456789012345678901234567890e-20", "1234567890.1234567890123456789"),
        ] {
            let (one, other) = (Extended::parse(text.as_bytes()), Extended::parse(same.as_bytes()));
            assert_eq!(one.map(Extended::text), other.map(Extended::text), "{text}");
            assert!(one.is_some(), "{text}");
        }
        assert_eq!(Extended::parse(b"-Infinity"), Some(Extended::INFINITE.negated()));
    }
}

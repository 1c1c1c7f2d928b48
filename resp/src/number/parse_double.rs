//! Doubles from the texts that Redis takes for scores and increments.

/// The most bits of a hexadecimal fraction that are kept exactly; what follows them only breaks ties.
const HEX_FRACTION_BITS: u32 = 60;

/// Parses a double, or returns `None`.
///
/// Decimal and hexadecimal notation, `inf` and `infinity` in any case, all with an optional sign. Not accepted: spaces,
/// trailing bytes, `nan`, and numbers too large or too small for a double, where zero is meant only if all digits are.
///
/// ```
/// use spinel_resp::number::parse_double;
/// assert_eq!(parse_double(b"1.5e3"), Some(1500.0));
/// assert_eq!(parse_double(b"-inf"), Some(f64::NEG_INFINITY));
/// assert_eq!(parse_double(b"0x1p-1"), Some(0.5));
/// assert_eq!(parse_double(b"1e400"), None);
/// ```
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = split_sign(text);
    let magnitude = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
        [b'0'..=b'9' | b'.', ..] => parse_decimal(unsigned)?,
        word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => f64::INFINITY,
        _ => return None,
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// Splits off one sign: whether it is a minus, and what follows it.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
        _ => (false, text),
    }
}

/// Parses a number that starts with a digit or a point, so that it can be neither a word nor signed again.
fn parse_decimal(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let digits = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let underflow = value == 0.0 && digits.into_iter().any(|digit| matches!(digit, b'1'..=b'9'));
    (value.is_finite() && !underflow).then_some(value)
}

/// Parses what follows `0x`: digits with at most one point, then perhaps `p` and a decimal power of two.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (digits, power) = match end {
        Some(end) => (&text[..end], parse_power(&text[end + 1..])?),
        None => (text, 0),
    };
    let mut fraction = 0_u64;
    let mut exponent = power;
    let (mut digits_seen, mut point_seen) = (false, false);
    for &byte in digits {
        if byte == b'.' && !point_seen {
            point_seen = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        digits_seen = true;
        if fraction >> HEX_FRACTION_BITS == 0 {
            fraction = fraction << 4 | u64::from(digit);
            exponent -= i64::from(point_seen) * 4;
        } else {
            fraction |= u64::from(digit != 0);
            exponent += i64::from(!point_seen) * 4;
        }
    }
    digits_seen.then(|| scale(fraction, exponent))?
}

/// Parses a signed decimal exponent; what is out of any double's range is brought to where its sign still counts.
fn parse_power(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude =
        digits.iter().fold(0_i64, |value, &digit| (value * 10 + i64::from(digit - b'0')).min(1 << 40));
    Some(if negative { -magnitude } else { magnitude })
}

/// Returns `fraction` · 2^`exponent`, rounded once, or `None` if that is too large or too small.
fn scale(fraction: u64, exponent: i64) -> Option<f64> {
    if fraction == 0 {
        return Some(0.0);
    }
    // A double keeps 53 bits, fewer below 2^-1022: its last bit weighs 2^-1074 at least.
    let width = i64::from(u64::BITS - fraction.leading_zeros());
    let dropped = (width - 53).max(-1074 - exponent).max(0);
    if dropped > width || exponent + width > 1024 {
        return None;
    }
    let (kept, rest) = match dropped {
        64 => (0, u128::from(fraction)),
        _ => (fraction >> dropped, u128::from(fraction & ((1 << dropped) - 1))),
    };
    let half = if dropped == 0 { u128::MAX } else { 1 << (dropped - 1) };
    let up = rest > half || (rest == half && kept % 2 == 1);
    // `kept` has at most 53 bits, so it and both factors are exact; two factors because 2^-1074 is no normal number.
    let exponent = (exponent + dropped) as i32;
    let value =
        (kept + u64::from(up)) as f64 * 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2);
    (value != 0.0 && value.is_finite()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::parse_double;

    /// Accepted by Redis 8.0 as a score of this value.
    #[test]
    fn accepted() {
        let cases: [(&str, f64); 24] = [
            ("0x10", 16.0),
            ("0X1p3", 8.0),
            ("-0x.8", -0.5),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.fffffffffffff7p0", 1.999_999_999_999_999_8),
            ("0x1p-1074", 5e-324),
            ("0x0.8p-1073", 5e-324),
            ("0x1.8p-1075", 5e-324),
            ("0x1fffffffffffffp971", f64::MAX),
            ("0x100000000000000000000001", 2_f64.powi(92)),
            ("0x0p99999999999999999999", 0.0),
            ("4e-324", 5e-324),
            ("1e-310", 1e-310),
            ("infinity", f64::INFINITY),
            ("+INF", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("+1", 1.0),
            ("1.", 1.0),
            ("-.5e1", -5.0),
            ("00012", 12.0),
            ("1E0005", 1e5),
            ("0e999999999999", 0.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ];
        for (text, value) in cases {
            assert_eq!(parse_double(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse_double(b"-0").is_some_and(f64::is_sign_negative));
        let tiny = format!("0.{}1e401", "0".repeat(400));
        assert_eq!(parse_double(tiny.as_bytes()), Some(1.0));
    }

    /// Refused by Redis 8.0 with "value is not a valid float".
    #[test]
    fn refused() {
        let texts = [
            "",
            "-",
            "+",
            ".",
            "1e",
            "1e+",
            " 1",
            "1 ",
            "\t1",
            "1\0",
            "1_0",
            "1,5",
            "1d5",
            "1f",
            "0b1",
            "--1",
            "+-1",
            "nan",
            "-nan",
            "NAN",
            "nan(1)",
            "i",
            "inff",
            "infinit",
            "1e400",
            "-1e400",
            "1e-400",
            "2e-324",
            "0x",
            "0x.",
            "0xg",
            "0x1p",
            "0x1p+",
            "0x1pa",
            "0x1..2",
            "0x1p1024",
            "0x1p-1075",
            "0x1p99999999999999999999",
            "0x1fffffffffffff8p970",
            "1e999999999999999999999",
        ];
        for text in texts {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_double("1".repeat(400).as_bytes()), None);
    }
}

//! Amounts of memory with units: `100mb`, `1gb`, `4k`, and shares of what the process may have: `60%`.

use super::value::Reason;
use std::fmt;

/// The units: a bare letter counts in thousands, a letter with `b` in 1024s.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
];

/// Reads an amount in bytes; none if it is no number with a known unit, is negative or
/// overflows. An empty word is 0, as in Redis.
pub(crate) fn parse(word: &[u8]) -> Option<u64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = word.split_at(digits);
    if word.is_empty() {
        return Some(0);
    }
    let number: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    let (_, factor) = UNITS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

/// An amount of memory, as a setting has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Amount {
    Bytes(u64),
    /// So many hundredths of the memory that the process may have: 1 to 100.
    Percent(u8),
}

/// Numbers of bytes are kept as they are; those from here on stand for hundredths. That many bytes nobody has.
const PERCENT: i64 = i64::MIN;

impl Amount {
    /// Reads an amount.
    pub(crate) fn read(word: &[u8]) -> Result<Amount, Reason> {
        let Some(digits) = word.strip_suffix(b"%") else {
            return parse(word).map(Amount::Bytes).ok_or_else(|| "argument must be a memory value".into());
        };
        match spinel_resp::parse_integer(digits) {
            Some(percent @ 1..=100) => Ok(Amount::Percent(percent as u8)),
            Some(_) => Err("percentage argument must be between 1 and 100".into()),
            None => Err("argument must be a memory or percent value".into()),
        }
    }

    /// The number by which a setting keeps it.
    pub(crate) fn number(self) -> i64 {
        match self {
            Amount::Percent(percent) => PERCENT + i64::from(percent),
            Amount::Bytes(bytes) => match bytes as i64 {
                number if number > PERCENT && number <= PERCENT + 100 => PERCENT,
                number => number,
            },
        }
    }

    /// What a number stands for.
    pub(crate) fn of(number: i64) -> Amount {
        match number.wrapping_sub(PERCENT) {
            percent @ 1..=100 => Amount::Percent(percent as u8),
            _ => Amount::Bytes(number as u64),
        }
    }

    /// How many bytes it is where the process may have `all`.
    pub(crate) fn bytes(self, all: u64) -> u64 {
        match self {
            Amount::Bytes(bytes) => bytes,
            Amount::Percent(percent) => (u128::from(all) * u128::from(percent) / 100) as u64,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Bytes(bytes) => write!(f, "{bytes}"),
            Amount::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Amount, parse};

    #[test]
    fn shares_are_kept_apart_from_bytes() {
        for (word, amount) in [
            ("60%", Amount::Percent(60)),
            ("100%", Amount::Percent(100)),
            ("1%", Amount::Percent(1)),
            ("0", Amount::Bytes(0)),
            ("100mb", Amount::Bytes(100 << 20)),
            ("18446744073709551615", Amount::Bytes(u64::MAX)),
            ("9223372036854775808", Amount::Bytes(1 << 63)),
        ] {
            let read = Amount::read(word.as_bytes()).expect("it is an amount");
            assert_eq!((read, Amount::of(read.number())), (amount, amount), "{word}");
        }
        assert_eq!(Amount::of(Amount::Bytes((1 << 63) + 60).number()), Amount::Bytes(1 << 63));
        for word in ["0%", "101%", "-5%", "%", "1.5%", "60%%", "x", "5 %"] {
            assert!(Amount::read(word.as_bytes()).is_err(), "{word}");
        }
        assert_eq!(Amount::Percent(60).bytes(1000), 600);
        assert_eq!(Amount::Percent(100).bytes(u64::MAX), u64::MAX);
        assert_eq!(Amount::Bytes(7).bytes(1000), 7);
    }

    #[test]
    fn units_are_understood() {
        for (word, bytes) in [
            ("", 0),
            ("0", 0),
            ("100", 100),
            ("7b", 7),
            ("1k", 1000),
            ("1kb", 1024),
            ("100mb", 104_857_600),
            ("2M", 2_000_000),
            ("1gb", 1 << 30),
            ("1Gb", 1 << 30),
            ("3g", 3_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(word.as_bytes()), Some(bytes), "{word}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        for word in
            ["gb", "1 g", "-1", "+1", "1tb", "1.5gb", "1gbb", "0x10", "18446744073709551616", "99999999999gb"]
        {
            assert_eq!(parse(word.as_bytes()), None, "{word}");
        }
    }
}

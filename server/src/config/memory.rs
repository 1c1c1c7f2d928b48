//! Amounts of memory with units: `100mb`, `1gb`, `4k`.

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

#[cfg(test)]
mod tests {
    use super::parse;

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

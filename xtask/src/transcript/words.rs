//! The quoting of words: what redis-cli accepts, and `"text"*N` for a text repeated N times.

/// The least bytes worth writing as a repetition; shorter ones read better in full.
const REPEAT_BYTES_MIN: usize = 64;
/// The longest unit the printer looks for.
const REPEAT_UNIT_MAX: usize = 8;
/// The most bytes a repetition may stand for; a slip of the pen must not fill the memory.
const REPEAT_BYTES_MAX: usize = 64 << 20;

/// Splits a command line into its words; `None` when a quote is unbalanced or followed by more text.
pub(crate) fn split_words(line: &str) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

/// Returns `word` as one types it: bare where that is safe, quoted otherwise.
pub(crate) fn quote_word(word: &[u8]) -> String {
    let is_bare = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !word.is_empty() && word.len() < REPEAT_BYTES_MIN && word.iter().all(is_bare) && word[0] != b'#' {
        return String::from_utf8_lossy(word).into_owned();
    }
    quote(word)
}

/// Returns `bytes` in double quotes, a long repetition as `"unit"*N`.
pub(super) fn quote(bytes: &[u8]) -> String {
    match repetition(bytes) {
        Some((unit, times)) => format!("\"{}\"*{times}", escape(unit)),
        None => format!("\"{}\"", escape(bytes)),
    }
}

/// Reads what [`quote`] writes; `None` when something else follows.
pub(super) fn unquote(text: &str) -> Option<Vec<u8>> {
    match take_word(text.as_bytes())? {
        (bytes, []) if text.starts_with('"') => Some(bytes),
        _ => None,
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.extend(["\\x", &format!("{byte:02x}")]),
        }
    }
    text
}

fn repetition(bytes: &[u8]) -> Option<(&[u8], usize)> {
    if bytes.len() < REPEAT_BYTES_MIN {
        return None;
    }
    let repeats =
        |unit: &usize| bytes.len().is_multiple_of(*unit) && bytes[*unit..] == bytes[..bytes.len() - unit];
    let unit = (1..=REPEAT_UNIT_MAX).find(repeats)?;
    Some((&bytes[..unit], bytes.len() / unit))
}

/// Takes the word at the start of `rest`, which begins with anything but a space.
fn take_word(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (word, after) = match rest.split_first() {
        Some((b'"', inside)) => {
            let (word, after) = take_quoted(inside, b'"')?;
            take_repetition(word, after)?
        }
        Some((b'\'', inside)) => take_quoted(inside, b'\'')?,
        _ => {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            (rest[..end].to_vec(), &rest[end..])
        }
    };
    let ends = after.first().is_none_or(u8::is_ascii_whitespace);
    ends.then_some((word, after))
}

fn take_quoted(mut rest: &[u8], quote: u8) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte == quote {
            return Some((word, rest));
        }
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        let (&escaped, after) = rest.split_first()?;
        rest = after;
        match (quote, escaped) {
            (b'\'', b'\'') => word.push(b'\''),
            (b'\'', other) => word.extend([b'\\', other]),
            (_, b'x') => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                word.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            (_, other) => word.push(control(other)),
        }
    }
}

/// Returns the byte that a letter after a backslash stands for.
fn control(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn take_repetition(unit: Vec<u8>, after: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(digits) = after.strip_prefix(b"*") else {
        return Some((unit, after));
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let times: usize = std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?;
    (unit.len().checked_mul(times)? <= REPEAT_BYTES_MAX).then(|| (unit.repeat(times), &digits[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        split_words(line).unwrap().iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    #[test]
    fn words_are_split_as_in_redis_cli() {
        assert_eq!(split(r#"SET  k "a b\x41\n\"" 'it\'s \n'"#), ["SET", "k", "a bA\n\"", "it's \\n"]);
        assert_eq!(split(r#"SET "" a"b"#), ["SET", "", "a\"b"]);
        for line in
            [r#"GET "k"#, "GET 'k", r#"GET "k"x"#, r#"GET "\xZZ""#, r#"GET "a"*x"#, r#"GET "a"*99999999999"#]
        {
            assert!(split_words(line).is_none(), "{line}");
        }
    }

    #[test]
    fn repetitions_are_short() {
        assert_eq!(split(r#""ab"*3 x"#), ["ababab", "x"]);
        assert_eq!(quote(&b"*a".repeat(50)), r#""*a"*50"#);
        assert_eq!(quote(b"aaaa"), r#""aaaa""#);
    }

    #[test]
    fn any_bytes_survive_quoting() {
        let all: Vec<u8> = (0..=255).collect();
        for word in [&all[..], b"", b"plain", b"#1", b"a b", &[0; 1000]] {
            assert_eq!(split_words(&quote_word(word)), Some(vec![word.to_vec()]));
            assert_eq!(unquote(&quote(word)).as_deref(), Some(word));
        }
    }
}

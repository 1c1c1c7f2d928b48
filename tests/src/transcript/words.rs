//! The quoting of words: that of redis-cli, and `"text"*N` for a text N times.

/// Splits a line into its words; `None` when a quote is not closed or followed by more text.
pub(super) fn split(line: &str) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes().trim_ascii_start();
    while !rest.is_empty() {
        let (word, behind) = first(rest)?;
        if !behind.is_empty() && !behind[0].is_ascii_whitespace() {
            return None;
        }
        words.push(word);
        rest = behind.trim_ascii_start();
    }
    Some(words)
}

/// Reads a text in double quotes that is all of `text`.
pub(super) fn unquote(text: &str) -> Option<Vec<u8>> {
    let (word, behind) = double_quoted(text.as_bytes().strip_prefix(b"\"")?)?;
    behind.is_empty().then_some(word)
}

fn first(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    match line {
        [b'"', rest @ ..] => double_quoted(rest),
        [b'\'', rest @ ..] => single_quoted(rest),
        _ => {
            let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
            Some((line[..end].to_vec(), &line[end..]))
        }
    }
}

fn single_quoted(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        (word, rest) = match rest {
            [b'\'', behind @ ..] => return Some((word, behind)),
            [b'\\', b'\'', behind @ ..] => (pushed(word, b'\''), behind),
            [byte, behind @ ..] => (pushed(word, *byte), behind),
            [] => return None,
        };
    }
}

fn double_quoted(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        (word, rest) = match rest {
            [b'"', b'*', behind @ ..] => return repeated(&word, behind),
            [b'"', behind @ ..] => return Some((word, behind)),
            [b'\\', b'x', high, low, behind @ ..] => (pushed(word, hexadecimal(*high, *low)?), behind),
            [b'\\', letter, behind @ ..] => (pushed(word, escaped(*letter)), behind),
            [byte, behind @ ..] => (pushed(word, *byte), behind),
            [] => return None,
        };
    }
}

fn repeated<'t>(unit: &[u8], rest: &'t [u8]) -> Option<(Vec<u8>, &'t [u8])> {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let times: usize = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    Some((unit.repeat(times), &rest[end..]))
}

fn pushed(mut word: Vec<u8>, byte: u8) -> Vec<u8> {
    word.push(byte);
    word
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |letter: u8| char::from(letter).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn escaped(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_redis_cli() {
        let words = split(r#"SET  k "a b\x41\n\"" 'it\'s \n' """#).unwrap();
        assert_eq!(words, [&b"SET"[..], b"k", b"a bA\n\"", b"it's \\n", b""]);
        assert_eq!(split(r#""ab"*3 x"#).unwrap(), [&b"ababab"[..], b"x"]);
        for line in [r#"GET "k"#, "GET 'k", r#"GET "k"x"#, r#"GET "\xZZ""#, r#"GET "a"*x"#] {
            assert_eq!(split(line), None, "{line}");
        }
        assert_eq!(unquote(r#""a"*2"#).unwrap(), b"aa");
        assert_eq!(unquote(r#""a" b"#), None);
    }
}

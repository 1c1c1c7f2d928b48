//! Inline commands: one line of words, separated by spaces, with two kinds of quotes.
//!
//! In double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xHH` stand for the byte they name and a backslash makes any
//! other byte ordinary. In single quotes only `\'` is special. A quote may open in the middle of a word, but what it
//! closes is the end of that word. Outside of quotes a backslash is an ordinary byte.

use super::batch::Span;

/// Appends a word in double quotes, as [`split_line`] reads it: with what can't be printed as in C.
///
/// ```
/// let mut line = Vec::new();
/// spinel_resp::request::quote(b"my \"key\"\n", &mut line);
/// assert_eq!(line, br#""my \"key\"\n""#);
/// ```
pub fn quote(word: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in word {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
}

/// Splits a line as an inline command is split, for programs that read commands from people.
///
/// `None` when a quote is not closed, or is closed but not followed by a space or the end.
///
/// ```
/// let words = spinel_resp::request::split_line(br#"SET "my key" 'it\'s' "#).unwrap();
/// assert_eq!(words, [&b"SET"[..], b"my key", b"it's"]);
/// assert!(spinel_resp::request::split_line(b"SET \"my key").is_none());
/// ```
pub fn split_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut unquoted, mut words) = (Vec::new(), Vec::new());
    split(line, &mut unquoted, &mut words)?;
    Some(words.iter().map(|word| unquoted[word.start..word.end].to_vec()).collect())
}

/// Appends the words of `line` to `words`, as spans of `unquoted`, to which their bytes are appended.
///
/// `None` when a quote is not closed or not followed by a space; words may have been appended then.
pub(super) fn split(line: &[u8], unquoted: &mut Vec<u8>, words: &mut Vec<Span>) -> Option<()> {
    let mut rest = skip_spaces(line);
    while !rest.is_empty() {
        let start = unquoted.len();
        rest = skip_spaces(take_word(rest, unquoted)?);
        words.push(Span { start, end: unquoted.len() });
    }
    Some(())
}

/// C's `isspace`: Rust's notion of ASCII whitespace leaves out the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn skip_spaces(line: &[u8]) -> &[u8] {
    let spaces = line.iter().take_while(|&&byte| is_space(byte)).count();
    &line[spaces..]
}

/// Appends one word to `unquoted` and returns what follows it.
///
/// A bare word ends at fewer characters than a space between words may consist of, as in Redis.
fn take_word<'a>(line: &'a [u8], unquoted: &mut Vec<u8>) -> Option<&'a [u8]> {
    let bare = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\''));
    let (bare, rest) = line.split_at(bare.unwrap_or(line.len()));
    unquoted.extend_from_slice(bare);
    let rest = match rest {
        [b'"', quoted @ ..] => take_double_quoted(quoted, unquoted)?,
        [b'\'', quoted @ ..] => take_single_quoted(quoted, unquoted)?,
        _ => return Some(rest),
    };
    rest.first().is_none_or(|&byte| is_space(byte)).then_some(rest)
}

fn take_double_quoted<'a>(mut line: &'a [u8], unquoted: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match line {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'x', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) << 4 | hex_digit(*low), rest)
            }
            [b'\\', escaped, rest @ ..] => (unescape(*escaped), rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        unquoted.push(byte);
        line = rest;
    }
}

fn take_single_quoted<'a>(mut line: &'a [u8], unquoted: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match line {
            [b'\'', rest @ ..] => return Some(rest),
            [b'\\', b'\'', rest @ ..] => (b'\'', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        unquoted.push(byte);
        line = rest;
    }
}

/// The byte that a backslash and `letter` stand for.
fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::split_line;

    #[track_caller]
    fn check(line: &[u8], expected: &[&[u8]]) {
        let words = split_line(line).unwrap();
        assert_eq!(words, expected, "{}", line.escape_ascii());
    }

    /// Every expectation was seen at Redis 8.0.
    #[test]
    fn words_and_quotes() {
        check(b"", &[]);
        check(b" \t \x0b\x0c\r", &[]);
        check(b"PING", &[b"PING"]);
        check(b"  a  b\tc ", &[b"a", b"b", b"c"]);
        check(b"a\rb", &[b"a", b"b"]);
        check(b"a\x0bb \"c\"\x0b", &[b"a\x0bb", b"c"]);
        check(br#""a b" '' "" x"#, &[b"a b", b"", b"", b"x"]);
        check(br#"a"b" a'b' a"""#, &[b"ab", b"ab", b"a"]);
        check(br#""\x41\xfF\x4g\x4\n\r\t\b\a\q\\\"""#, &[b"A\xffx4gx4\n\r\t\x08\x07q\\\""]);
        check(br#""\X41" '\x41' '\n' 'a\'b' a\nb"#, &[b"X41", b"\\x41", b"\\n", b"a'b", b"a\\nb"]);
        check(b"\"\\x00\" \xff\x85 \"a\r\"", &[b"\0", b"\xff\x85", b"a\r"]);
    }

    #[test]
    fn unbalanced_quotes() {
        let lines: [&[u8]; 10] = [
            b"\"a",
            b"'a",
            b"\"a\"b",
            b"'a'b",
            b"a\"b\"c",
            b"\"\"a",
            b"\"\\",
            b"\"a\\\"",
            b"'a\\'",
            b"x \"a\" \"b",
        ];
        for line in lines {
            assert_eq!(split_line(line), None, "{}", line.escape_ascii());
        }
    }
}

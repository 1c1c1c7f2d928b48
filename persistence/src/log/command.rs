//! Commands as the log holds them: arrays of bulk strings, and nothing else.
//!
//! ```text
//! *2\r\n $4\r\n INCR\r\n $6\r\n visits\r\n
//! ```
//!
//! Stricter than Redis, which skips the line ends behind bulks unseen and takes what follows the digits of a number for
//! nothing: what was written is never different, so a difference is damage.

use spinel_resp::number::parse_unsigned;

/// The longest header: a marker, the 20 digits of a number, CR LF.
const HEADER_BYTES_MAX: usize = 23;

/// The place of a word in the bytes that were scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scan {
    /// Something whole that ends before this index.
    Whole(usize),
    /// The beginning of something that takes at least the bytes up to this index.
    Incomplete(usize),
    /// Something that is no part of a log.
    Malformed,
}

/// Where a command is whose words are not all there.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Place {
    /// Where the next header begins.
    pub(super) at: usize,
    /// How many words are still to come; none between commands.
    missing: u64,
}

/// Scans the command at a place, or goes on with it, and appends its words. The place moves behind what was whole.
pub(super) fn scan_command(bytes: &[u8], place: &mut Place, words: &mut Vec<Span>) -> Scan {
    let Place { mut at, mut missing } = *place;
    if missing == 0 {
        match header(bytes, at, b'*') {
            Header::Number(0, _) | Header::Malformed => return Scan::Malformed,
            Header::Number(count, end) => (missing, at) = (count, end),
            Header::Incomplete => return Scan::Incomplete(bytes.len() + 1),
        }
    }
    while missing > 0 {
        *place = Place { at, missing };
        let (length, start) = match header(bytes, at, b'$') {
            Header::Number(length, end) => (length, end),
            Header::Incomplete => return Scan::Incomplete(bytes.len() + 1),
            Header::Malformed => return Scan::Malformed,
        };
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        match bytes.get(end..end.saturating_add(2)) {
            Some(b"\r\n") => words.push(Span { start, end }),
            Some(_) => return Scan::Malformed,
            None => return Scan::Incomplete(end.saturating_add(2)),
        }
        (at, missing) = (end + 2, missing - 1);
    }
    *place = Place { at, missing };
    Scan::Whole(at)
}

/// What a header says.
enum Header {
    /// The number, and the index of what follows.
    Number(u64, usize),
    Incomplete,
    Malformed,
}

/// Reads a marker, a number, CR LF.
#[inline]
fn header(bytes: &[u8], at: usize, marker: u8) -> Header {
    let rest = bytes.get(at..).unwrap_or_default();
    // Nearly all numbers have one digit or two.
    match rest {
        [first, digit @ b'0'..=b'9', b'\r', b'\n', ..] if *first == marker => {
            Header::Number(u64::from(digit - b'0'), at + 4)
        }
        [first, tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] if *first == marker => {
            Header::Number(u64::from(tens - b'0') * 10 + u64::from(ones - b'0'), at + 5)
        }
        _ => any_header(rest, at, marker),
    }
}

fn any_header(rest: &[u8], at: usize, marker: u8) -> Header {
    let line = &rest[..rest.len().min(HEADER_BYTES_MAX)];
    match line.first() {
        None => return Header::Incomplete,
        Some(first) if *first != marker => return Header::Malformed,
        Some(_) => {}
    }
    let digits = line[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    match line[1 + digits..] {
        [] | [b'\r'] if line.len() < HEADER_BYTES_MAX => Header::Incomplete,
        [b'\r', b'\n', ..] => match parse_unsigned(&line[1..=digits]) {
            Some(number) => Header::Number(number, at + digits + 3),
            None => Header::Malformed,
        },
        _ => Header::Malformed,
    }
}

/// Whether a command is only this word, in any case.
pub(super) fn is_word(bytes: &[u8], words: &[Span], word: &[u8]) -> bool {
    matches!(words, [only] if bytes[only.start..only.end].eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> (Scan, Vec<&[u8]>) {
        let mut words = Vec::new();
        let scan = scan_command(bytes, &mut Place::default(), &mut words);
        (scan, words.iter().map(|word| &bytes[word.start..word.end]).collect())
    }

    #[test]
    fn whole_commands_give_their_words() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$12\r\nhello\r\nworld\r\n*1\r\n";
        assert_eq!(scan(bytes), (Scan::Whole(32), vec![&b"GET"[..], b"hello\r\nworld"]));
        let long = [&b"*1\r\n$1000\r\n"[..], &[b'x'; 1000], b"\r\n"].concat();
        assert_eq!(scan(&long), (Scan::Whole(1013), vec![&[b'x'; 1000][..]]));
        assert_eq!(scan(b"*1\r\n$0\r\n\r\n"), (Scan::Whole(10), vec![&b""[..]]));
    }

    #[test]
    fn whatever_is_cut_is_incomplete() {
        let bytes = b"*2\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n";
        for length in 0..bytes.len() {
            let (scan, _) = scan(&bytes[..length]);
            let Scan::Incomplete(needed) = scan else { panic!("{length}: {scan:?}") };
            assert!((length + 1..=bytes.len()).contains(&needed), "{length}: {needed}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for bytes in [
            "\0",
            "PING\r\n",
            "*0\r\n",
            "*-1\r\n",
            "*01\r\n",
            "*1x\r\n",
            "*1\n",
            "*1\rx",
            "*1\r\n:1\r\n",
            "*1\r\n$-1\r\n",
            "*1\r\n$1\r\nabc\r\n",
            "*1\r\n$1\r\na\r\r",
            "*99999999999999999999\r\n",
            "*111111111111111111111111111111",
            "*1\r\n$\r\n\r\n",
        ] {
            assert_eq!(scan(bytes.as_bytes()).0, Scan::Malformed, "{bytes:?}");
        }
    }
}

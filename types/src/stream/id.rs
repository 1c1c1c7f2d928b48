//! The ids of stream entries: a time and a number that orders the entries of that time.

use std::ops::Deref;

/// Names an entry of a stream. Ids order entries by when they were added.
///
/// Written as `1526919030474-55`: milliseconds, a hyphen, the sequence number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StreamId {
    /// Milliseconds since the epoch, or whatever the producer counts.
    pub ms: u64,
    /// Orders the entries of one millisecond.
    pub sequence: u64,
}

/// Longer texts are no ids: what Redis reads of one fits into a buffer of 128 bytes with a zero at its end.
const TEXT_BYTES_MAX: usize = 127;

/// Two numbers of 20 digits and a hyphen.
const WRITTEN_BYTES_MAX: usize = 41;

impl StreamId {
    /// The smallest id. No entry has it.
    pub const MIN: StreamId = StreamId { ms: 0, sequence: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, sequence: u64::MAX };

    /// Makes an id of its parts.
    pub const fn new(ms: u64, sequence: u64) -> StreamId {
        StreamId { ms, sequence }
    }

    /// Reads `ms-sequence` or `ms`; the latter gets `missing_sequence`.
    ///
    /// Numbers are read as C's `strtoull` reads them: spaces, a sign and zeros may come first, but a plain negative
    /// number is refused. A zero byte ends the text.
    pub fn parse(text: &[u8], missing_sequence: u64) -> Option<StreamId> {
        let (ms, sequence) = split(text)?;
        let sequence = sequence.map_or(Some(missing_sequence), parse_number)?;
        Some(StreamId { ms: parse_number(ms)?, sequence })
    }

    /// Reads `ms-*`, an id whose sequence number is to be chosen; returns its milliseconds.
    pub fn parse_open(text: &[u8]) -> Option<u64> {
        match split(text)? {
            (ms, Some(b"*")) => parse_number(ms),
            _ => None,
        }
    }

    /// Returns the id that follows; `None` after the greatest.
    pub const fn next(self) -> Option<StreamId> {
        match (self.sequence.checked_add(1), self.ms.checked_add(1)) {
            (Some(sequence), _) => Some(StreamId { ms: self.ms, sequence }),
            (None, Some(ms)) => Some(StreamId { ms, sequence: 0 }),
            (None, None) => None,
        }
    }

    /// Returns the id before; `None` before the smallest.
    pub const fn previous(self) -> Option<StreamId> {
        match (self.sequence.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(sequence), _) => Some(StreamId { ms: self.ms, sequence }),
            (None, Some(ms)) => Some(StreamId { ms, sequence: u64::MAX }),
            (None, None) => None,
        }
    }

    /// Whether this is the smallest id, which stands for "none".
    pub const fn is_zero(self) -> bool {
        self.ms == 0 && self.sequence == 0
    }

    /// Writes the id as `ms-sequence`.
    pub fn text(self) -> StreamIdText {
        let mut text = StreamIdText { bytes: [0; WRITTEN_BYTES_MAX], start: WRITTEN_BYTES_MAX as u8 };
        text.prepend_number(self.sequence);
        text.prepend(b'-');
        text.prepend_number(self.ms);
        text
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

/// An id as text, on the stack.
#[derive(Clone, Copy)]
pub struct StreamIdText {
    bytes: [u8; WRITTEN_BYTES_MAX],
    start: u8,
}

impl StreamIdText {
    #[inline]
    fn prepend(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[usize::from(self.start)] = byte;
    }

    #[inline]
    fn prepend_number(&mut self, mut number: u64) {
        loop {
            self.prepend(b'0' + (number % 10) as u8);
            number /= 10;
            if number == 0 {
                break;
            }
        }
    }
}

impl Deref for StreamIdText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// Cuts a text at its first hyphen, and before that at its first zero byte.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(match text.iter().position(|byte| *byte == b'-') {
        Some(hyphen) => (&text[..hyphen], Some(&text[hyphen + 1..])),
        None => (text, None),
    })
}

fn parse_number(text: &[u8]) -> Option<u64> {
    if is_plain_negative(text) {
        return None;
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (is_negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

/// Whether the text is the canonical decimal of a negative 64-bit integer.
fn is_plain_negative(text: &[u8]) -> bool {
    crate::string::read_decimal(text).is_some_and(|number| number < 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(u64, u64)> {
        StreamId::parse(text.as_bytes(), 7).map(|id| (id.ms, id.sequence))
    }

    #[test]
    fn ids_are_read_as_c_reads_numbers() {
        for (text, expected) in [
            ("5-3", Some((5, 3))),
            ("5", Some((5, 7))),
            ("0-0", Some((0, 0))),
            ("18446744073709551615-18446744073709551615", Some((u64::MAX, u64::MAX))),
            ("18446744073709551616-0", None),
            ("007-01", Some((7, 1))),
            ("+5-+3", Some((5, 3))),
            (" 5- 3", Some((5, 3))),
            ("5--3", None),
            ("5--03", Some((5, 3_u64.wrapping_neg()))),
            ("5-3 ", None),
            ("5-", None),
            ("-5", None),
            ("-", None),
            ("", None),
            ("5-*", None),
            ("5-3\0rest", Some((5, 3))),
            ("abc", None),
        ] {
            assert_eq!(parsed(text), expected, "{text:?}");
        }
        assert_eq!(parsed(&format!("{}5-3", "0".repeat(124))), Some((5, 3)));
        assert_eq!(parsed(&format!("{}5-3", "0".repeat(125))), None);
    }

    #[test]
    fn open_ids_have_a_star() {
        assert_eq!(StreamId::parse_open(b"5-*"), Some(5));
        for text in ["5-3", "5", "*", "-*", "5-**", "x-*"] {
            assert_eq!(StreamId::parse_open(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn ids_have_neighbours_except_at_the_ends() {
        let id = StreamId::new(5, u64::MAX);
        assert_eq!(id.next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).previous(), Some(id));
        assert_eq!(StreamId::new(6, 1).previous(), Some(StreamId::new(6, 0)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
    }

    #[test]
    fn ids_read_back_from_their_text() {
        for id in [StreamId::MIN, StreamId::MAX, StreamId::new(1_526_919_030_474, 55)] {
            assert_eq!(&*id.text(), id.to_string().as_bytes());
            assert_eq!(StreamId::parse(&id.text(), 9), Some(id));
        }
    }
}

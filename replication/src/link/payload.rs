//! The snapshot that a primary sends before its stream.
//!
//! ```text
//! \n … $<length>\r\n <so many bytes>
//! \n … $EOF:<40 bytes>\r\n <any number of bytes> <the same 40 bytes>
//! ```
//!
//! The second form is of a primary that doesn't know how long the snapshot becomes: it draws the 40 bytes by chance.

use spinel_resp::number::parse_unsigned;

/// The length of a mark.
const MARK_BYTES: usize = 40;

/// What is yet to come of a snapshot.
pub(super) enum Payload {
    /// So many bytes.
    Sized(u64),
    /// What stands before the mark.
    Marked(Box<Mark>),
}

/// What the bytes at hand are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// So many are of the snapshot.
    Bytes(usize),
    /// So many stand behind its last byte and are none of it; it is whole.
    End(usize),
    /// More is needed to tell.
    Nothing,
}

impl Payload {
    /// Reads the line that announces a snapshot.
    pub(super) fn parse(line: &[u8]) -> Option<Payload> {
        let announced = line.strip_prefix(b"$")?;
        if let Some(mark) = announced.strip_prefix(b"EOF:") {
            return Some(Payload::Marked(Box::new(Mark::new(mark.try_into().ok()?))));
        }
        let length = parse_unsigned(announced)?;
        i64::try_from(length).is_ok().then_some(Payload::Sized(length))
    }

    /// How long the snapshot is, if that was announced and nothing of it was taken.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Payload::Sized(length) => Some(*length),
            Payload::Marked(_) => None,
        }
    }

    /// Says what the bytes at hand begin with, and counts it as taken.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Part {
        match self {
            Payload::Sized(0) => Part::End(0),
            Payload::Sized(_) if bytes.is_empty() => Part::Nothing,
            Payload::Sized(left) => {
                let count = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                Part::Bytes(count)
            }
            Payload::Marked(mark) => match mark.find(bytes) {
                Some(0) => Part::End(MARK_BYTES),
                Some(count) => Part::Bytes(count),
                None => match bytes.len() - mark.begun(bytes) {
                    0 => Part::Nothing,
                    count => Part::Bytes(count),
                },
            },
        }
    }
}

/// The bytes that end a snapshot, and how to search them: by the last of 40 bytes, which mostly says that the
/// mark begins none of them (Horspool).
pub(super) struct Mark {
    bytes: [u8; MARK_BYTES],
    /// How far the mark can move on when this is the byte at its last place.
    steps: [u8; 256],
}

impl Mark {
    fn new(bytes: [u8; MARK_BYTES]) -> Mark {
        let mut steps = [MARK_BYTES as u8; 256];
        for (at, &byte) in bytes[..MARK_BYTES - 1].iter().enumerate() {
            steps[usize::from(byte)] = (MARK_BYTES - 1 - at) as u8;
        }
        Mark { bytes, steps }
    }

    /// Where the mark stands first.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(place) = bytes.get(at..at + MARK_BYTES) {
            if place == self.bytes {
                return Some(at);
            }
            at += usize::from(self.steps[usize::from(place[MARK_BYTES - 1])]);
        }
        None
    }

    /// How many of the last bytes may be the beginning of the mark.
    fn begun(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(MARK_BYTES - 1);
        (0..=most).rev().find(|&count| bytes.ends_with(&self.bytes[..count])).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken for the snapshot, and how much is left behind its end, if bytes come in such pieces.
    fn receive(line: &[u8], input: &[u8], piece: usize) -> (Vec<u8>, Option<usize>) {
        let (mut payload, mut snapshot, mut start, mut end) =
            (Payload::parse(line).unwrap(), Vec::new(), 0, 0);
        loop {
            match payload.take(&input[start..end]) {
                Part::Bytes(count) => {
                    assert!(count > 0);
                    snapshot.extend_from_slice(&input[start..start + count]);
                    start += count;
                }
                Part::End(count) => return (snapshot, Some(input.len() - start - count)),
                Part::Nothing if end == input.len() => return (snapshot, None),
                Part::Nothing => end = input.len().min(end + piece),
            }
        }
    }

    #[test]
    fn a_snapshot_has_the_bytes_that_were_announced() {
        for piece in 1..10 {
            assert_eq!(receive(b"$5", b"REDISmore", piece), (b"REDIS".to_vec(), Some(4)));
            assert_eq!(receive(b"$9", b"REDIS", piece), (b"REDIS".to_vec(), None));
            assert_eq!(receive(b"$0", b"x", piece), (Vec::new(), Some(1)));
        }
    }

    #[test]
    fn a_mark_ends_a_snapshot_wherever_it_is_cut() {
        // Its beginning stands before it, whole and in parts.
        let mark = b"abababababababababababababababababababaX";
        let line = [&b"$EOF:"[..], mark].concat();
        let snapshot = [&b"REDIS"[..], &mark[..38], b"ab", &mark[..39], &mark[2..], b"aba"].concat();
        let input = [&snapshot, &mark[..], b"*1\r\n"].concat();
        for piece in 1..=input.len() {
            assert_eq!(receive(&line, &input, piece), (snapshot.clone(), Some(4)), "{piece}");
        }
        let (before, end) = receive(&line, &input[..snapshot.len() + 39], 7);
        assert_eq!((before, end), (snapshot, None));
    }

    #[test]
    fn other_lines_announce_nothing() {
        for line in ["", "5", "$", "$-1", "$x", "$9223372036854775808", "$EOF:", "$EOF:short", "+OK"] {
            assert!(Payload::parse(line.as_bytes()).is_none(), "{line}");
        }
    }
}

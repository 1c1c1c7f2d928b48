//! Annotations: lines between commands that begin with `#`. Redis skips them when it loads a log.
//!
//! ```text
//! #TS:1700000000                                        what follows was written at this Unix time
//! #SP:<offset> <length> <checksum> <unsynced>           what follows is a batch of commands
//! #AT:<id> <place> <db> <offset> <checksum>             where the data set stands in a stream that servers copy
//! ```
//!
//! - `offset`: where the batch stands in the stream of commands, in bytes; annotations don't count.
//! - `length`: how many bytes of commands the batch has, all of whole commands and whole transactions.
//! - `checksum`: the XXH3 of the other numbers and the commands, in 16 hexadecimal digits: of `offset`, `unsynced` and
//!   the XXH3 of the commands, as words of 8 bytes, little end first.
//! - `unsynced`: how many bytes before `offset` were not known to be durable when the line was written.
//!
//! The third line says of what is before `offset` in the log that it makes what is before `place` in the stream called `id`, in which
//! database `db` is selected then; so it holds only for a log that ends there. Its checksum is the XXH3 of the line before it.
//!
//! The last number of a batch is a claim: all before `offset - unsynced` is durable. Whoever finds damage before an intact
//! batch that claims more knows that the disk has changed what it held, and that no torn write explains it.
//!
//! Redis reads lines in pieces of 127 bytes, so an annotation must be shorter; the longest of ours has 110.

use super::OFFSET_MAX;
use crate::StreamPlace;
use spinel_resp::number::parse_unsigned;
use spinel_types::xxh3;
use std::io::Write;

/// Begins the line of a batch.
pub(super) const BATCH: &[u8] = b"#SP:";
/// Begins the line of a place in a stream.
const PLACE: &[u8] = b"#AT:";
/// Begins the line of a time.
const TIME: &[u8] = b"#TS:";

/// What the line of a batch says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchHead {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) checksum: u64,
    pub(super) unsynced: u64,
}

/// A line that Redis skips.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Annotation {
    Batch(BatchHead),
    /// Unix time in seconds.
    Time(u64),
    Place(PlaceNote),
    /// Somebody else's.
    Other,
    /// Not a line that anybody writes.
    Damaged,
}

impl BatchHead {
    /// Describes a batch of which all before `synced` is durable.
    pub(super) fn new(offset: u64, batch: &[u8], synced: u64) -> BatchHead {
        debug_assert!(synced <= offset);
        let unsynced = offset - synced;
        let checksum = checksum(offset, unsynced, batch);
        BatchHead { offset, length: batch.len() as u64, checksum, unsynced }
    }

    /// Returns up to where the line claims the stream to be durable.
    pub(super) fn synced(&self) -> u64 {
        self.offset.saturating_sub(self.unsynced)
    }

    /// Returns whether these are the bytes of the batch.
    pub(super) fn fits(&self, batch: &[u8]) -> bool {
        batch.len() as u64 == self.length && checksum(self.offset, self.unsynced, batch) == self.checksum
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let BatchHead { offset, length, checksum, unsynced } = self;
        write!(out, "#SP:{offset} {length} {checksum:016x} {unsynced}\r\n").expect("a vector takes all");
    }

    fn parse(text: &[u8]) -> Option<BatchHead> {
        let mut fields = text.split(|&byte| byte == b' ');
        let offset = parse_unsigned(fields.next()?)?;
        let length = parse_unsigned(fields.next()?)?;
        let checksum = parse_checksum(fields.next()?)?;
        let unsynced = parse_unsigned(fields.next()?)?;
        let is_possible = unsynced <= offset && offset.checked_add(length)? <= OFFSET_MAX;
        (fields.next().is_none() && is_possible).then_some(BatchHead { offset, length, checksum, unsynced })
    }
}

/// What the line of a place says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PlaceNote {
    pub(super) place: StreamPlace,
    /// Where the log must end for that to be so.
    pub(super) offset: u64,
}

impl PlaceNote {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let PlaceNote { place, offset } = self;
        let line = format!("#AT:{} {} {} {offset} ", place.name(), place.offset, place.db);
        let checksum = xxh3::hash(line.as_bytes());
        write!(out, "{line}{checksum:016x}\r\n").expect("a vector takes all");
    }

    fn parse(line: &[u8]) -> Option<PlaceNote> {
        let (said, checksum) = line.split_at_checked(line.len().checked_sub(16)?)?;
        if parse_checksum(checksum)? != xxh3::hash(said) {
            return None;
        }
        let mut fields = said.strip_prefix(PLACE)?.split(|&byte| byte == b' ');
        let (id, place, db) = (fields.next()?, fields.next()?, fields.next()?);
        let offset = parse_unsigned(fields.next()?)?;
        Some(PlaceNote { place: StreamPlace::parse(id, place, db)?, offset })
    }
}

fn checksum(offset: u64, unsynced: u64, batch: &[u8]) -> u64 {
    let words = [offset, unsynced, xxh3::hash(batch)];
    xxh3::hash(words.map(u64::to_le_bytes).as_flattened())
}

/// Reads exactly 16 lower-case hexadecimal digits.
fn parse_checksum(text: &[u8]) -> Option<u64> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    if text.len() != 16 || !text.iter().all(is_digit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// Appends the line of a time.
pub(super) fn write_time(seconds: u64, out: &mut Vec<u8>) {
    write!(out, "#TS:{seconds}\r\n").expect("a vector takes all");
}

impl Annotation {
    /// Reads a line that begins with `#`, given without its LF.
    ///
    /// A power cut may leave the first bytes of a line, zeros, and then the line of another batch. Taken for a comment, that
    /// would hide a batch that is missing.
    pub(super) fn parse(line: &[u8]) -> Annotation {
        let text = line.strip_suffix(b"\r");
        if line.starts_with(BATCH) {
            // What we write ends in CR LF; a line that doesn't was not written so.
            let head = text.and_then(|text| BatchHead::parse(&text[BATCH.len()..]));
            return head.map_or(Annotation::Damaged, Annotation::Batch);
        }
        if line.starts_with(PLACE) {
            let note = text.and_then(PlaceNote::parse);
            return note.map_or(Annotation::Damaged, Annotation::Place);
        }
        let text = text.unwrap_or(line);
        if let Some(time) = text.strip_prefix(TIME) {
            return parse_unsigned(time).map_or(Annotation::Damaged, Annotation::Time);
        }
        let hides_batch = text.windows(BATCH.len()).any(|four| four == BATCH);
        let is_text = text.iter().all(|&byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
        if is_text && !hides_batch { Annotation::Other } else { Annotation::Damaged }
    }

    /// Whether a line is one of a batch, or was.
    pub(super) fn is_of_batch(line: &[u8]) -> bool {
        line.starts_with(BATCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_say_what_they_are() {
        let mut line = Vec::new();
        let head = BatchHead::new(1000, b"*1\r\n$4\r\nPING\r\n", 990);
        head.write(&mut line);
        assert_eq!(line, format!("#SP:1000 14 {:016x} 10\r\n", head.checksum).as_bytes());
        assert_eq!(Annotation::parse(&line[..line.len() - 1]), Annotation::Batch(head));
        assert_eq!(head.synced(), 990);
        assert!(head.fits(b"*1\r\n$4\r\nPING\r\n"));
        assert!(!head.fits(b"*1\r\n$4\r\nPONG\r\n"));
        assert!(!BatchHead { unsynced: 9, ..head }.fits(b"*1\r\n$4\r\nPING\r\n"));
    }

    #[test]
    fn the_longest_line_is_short_enough_for_redis() {
        let largest =
            BatchHead { offset: u64::MAX, length: u64::MAX, checksum: u64::MAX, unsynced: u64::MAX };
        let mut line = Vec::new();
        largest.write(&mut line);
        assert_eq!(line.len(), 85);
        line.clear();
        let place = StreamPlace { id: [b'a'; 40], offset: 1 << 62, db: u16::MAX };
        PlaceNote { place, offset: u64::MAX }.write(&mut line);
        assert_eq!(line.len(), 110);
    }

    #[test]
    fn places_say_where_the_log_must_end() {
        let mut line = Vec::new();
        let note = PlaceNote { place: StreamPlace { id: [b'a'; 40], offset: 1000, db: 3 }, offset: 77 };
        note.write(&mut line);
        assert!(line.starts_with(b"#AT:aaaa") && line.ends_with(b"\r\n"));
        assert_eq!(Annotation::parse(&line[..line.len() - 1]), Annotation::Place(note));
        for at in 4..line.len() - 2 {
            let mut damaged = line[..line.len() - 1].to_vec();
            damaged[at] ^= 1;
            assert_eq!(Annotation::parse(&damaged), Annotation::Damaged, "byte {at}");
        }
    }

    #[test]
    fn damaged_lines_are_told_from_those_of_others() {
        assert_eq!(Annotation::parse(b"#TS:1700000000\r"), Annotation::Time(1_700_000_000));
        assert_eq!(Annotation::parse(b"# by hand"), Annotation::Other);
        for line in [
            "#TS:x\r",
            "#SP:\r",
            "#SP:1 2 3 4\r",
            "#SP:1 2 0000000000000000 1",
            "#SP:1 2 0000000000000000 2\r",
        ] {
            assert_eq!(Annotation::parse(line.as_bytes()), Annotation::Damaged, "{line}");
        }
    }
}

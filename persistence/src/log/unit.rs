//! What is replayed as a whole: a command, or the commands of a transaction.

use super::command::{Place, Scan, Span, is_word, scan_command};

/// So many places of words are kept from one unit to the next.
const PLACES_KEPT: usize = 1 << 16;

/// A command, or all commands between `MULTI` and `EXEC`.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'r> {
    pub(super) bytes: &'r [u8],
    pub(super) parts: &'r Parts,
    /// Where the unit begins in the stream of commands.
    pub offset: u64,
    /// Where the unit ends in the stream of commands.
    pub end_offset: u64,
}

/// The words of one command.
#[derive(Clone, Copy, Debug)]
pub struct Command<'r> {
    bytes: &'r [u8],
    words: &'r [Span],
}

/// The places of a unit's words.
#[derive(Default, Debug)]
pub(super) struct Parts {
    words: Vec<Span>,
    /// One past the last word of each command.
    ends: Vec<usize>,
    is_transaction: bool,
    /// Where the search for the end of the unit stands.
    place: Place,
}

/// Finds units in a stream of commands that comes piece by piece. What was found once is not searched again.
#[derive(Default, Debug)]
pub struct UnitScanner {
    parts: Parts,
    is_within: bool,
}

/// What stands in a stream of commands is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl UnitScanner {
    /// Finds where the unit ends that `bytes` begin with; `None` if it is not whole. Then `bytes` begin the next time with
    /// what they are now.
    ///
    /// What is announced takes no memory before it is there: so much as the words that are there take.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        if !self.is_within {
            self.parts.clear();
        }
        let scan = self.parts.go_on(bytes, Annotations::Refused);
        self.is_within = matches!(scan, Scan::Incomplete(_));
        match scan {
            Scan::Whole(end) => Ok(Some(end)),
            Scan::Incomplete(_) => Ok(None),
            Scan::Malformed => Err(Malformed),
        }
    }

    /// Returns the unit that was found last; `bytes` are those in which it was found, up to its end, and `offset` is where
    /// they begin in the stream.
    pub fn unit<'r>(&'r self, bytes: &'r [u8], offset: u64) -> Unit<'r> {
        Unit { bytes, parts: &self.parts, offset, end_offset: offset + bytes.len() as u64 }
    }
}

/// Whether annotations may stand between the commands of a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Annotations {
    Skipped,
    Refused,
}

impl<'r> Unit<'r> {
    /// Returns the commands, without `MULTI` and `EXEC`.
    pub fn commands(self) -> impl Iterator<Item = Command<'r>> {
        let mut start = 0;
        self.parts.ends.iter().map(move |&end| {
            let words = &self.parts.words[start..end];
            start = end;
            Command { bytes: self.bytes, words }
        })
    }

    /// Returns the bytes of the stream that the unit is, `MULTI` and `EXEC` included.
    pub fn bytes(self) -> &'r [u8] {
        self.bytes
    }

    /// Returns whether the commands are a transaction.
    pub fn is_transaction(self) -> bool {
        self.parts.is_transaction
    }
}

impl<'r> Command<'r> {
    /// Returns the words: the command's name, then its arguments. At least one.
    pub fn words(self) -> impl ExactSizeIterator<Item = &'r [u8]> {
        self.words.iter().map(move |word| &self.bytes[word.start..word.end])
    }
}

impl Parts {
    /// Whether what was scanned last is a transaction, or the beginning of one.
    pub(super) fn is_transaction(&self) -> bool {
        self.is_transaction
    }

    /// Finds the unit that `bytes` begin with.
    ///
    /// Within a transaction, `EXEC` ends it; another `MULTI` says that its end was lost, and so does an `EXEC` outside.
    /// Annotations may stand between the commands of a transaction: Redis writes none there, but skips them.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scan {
        self.clear();
        self.go_on(bytes, Annotations::Skipped)
    }

    fn clear(&mut self) {
        self.words.clear();
        self.words.shrink_to(PLACES_KEPT);
        self.ends.clear();
        self.ends.shrink_to(PLACES_KEPT);
        self.is_transaction = false;
        self.place = Place::default();
    }

    /// Goes on where the end of the unit was not found.
    fn go_on(&mut self, bytes: &[u8], annotations: Annotations) -> Scan {
        loop {
            let at = self.place.at;
            if annotations == Annotations::Skipped && self.is_transaction && bytes.get(at) == Some(&b'#') {
                match bytes[at..].iter().position(|&byte| byte == b'\n') {
                    Some(end) => self.place.at += end + 1,
                    None => return Scan::Incomplete(bytes.len() + 1),
                }
                continue;
            }
            let end = match scan_command(bytes, &mut self.place, &mut self.words) {
                Scan::Whole(end) => end,
                other => return other,
            };
            if let Some(scan) = self.take(bytes, end) {
                return scan;
            }
        }
    }

    /// Takes the command whose words are those that no other has, and says what is there if that ends the unit.
    fn take(&mut self, bytes: &[u8], end: usize) -> Option<Scan> {
        let start = self.ends.last().copied().unwrap_or(0);
        let words = &self.words[start..];
        let (begins, ends) = (is_word(bytes, words, b"MULTI"), is_word(bytes, words, b"EXEC"));
        if begins || ends {
            self.words.truncate(start);
            if begins == self.is_transaction {
                return Some(Scan::Malformed);
            }
            self.is_transaction = true;
            return ends.then_some(Scan::Whole(end));
        }
        self.ends.push(self.words.len());
        (!self.is_transaction).then_some(Scan::Whole(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_resp::encode_request;

    fn log(commands: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for command in commands.split(", ") {
            encode_request(command.split(' '), &mut bytes);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(String, usize), Scan> {
        let mut parts = Parts::default();
        match parts.scan(bytes) {
            Scan::Whole(end) => {
                let unit = Unit { bytes, parts: &parts, offset: 0, end_offset: end as u64 };
                let text = |command: Command<'_>| {
                    command.words().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
                };
                let commands: Vec<_> = unit.commands().map(text).collect();
                let opening = if unit.is_transaction() { "as one: " } else { "" };
                Ok((format!("{opening}{}", commands.join(", ")), end))
            }
            other => Err(other),
        }
    }

    #[test]
    fn commands_stand_alone_and_transactions_as_wholes() {
        let bytes = log("SET a 1, SET b 2");
        assert_eq!(read(&bytes), Ok(("SET a 1".to_owned(), bytes.len() / 2)));
        let bytes = log("multi, SET a 1, DEL b, Exec, SET c 3");
        let end = bytes.len() - log("SET c 3").len();
        assert_eq!(read(&bytes), Ok(("as one: SET a 1, DEL b".to_owned(), end)));
        assert_eq!(read(&log("MULTI, EXEC")), Ok(("as one: ".to_owned(), log("MULTI, EXEC").len())));
        assert_eq!(read(&log("MULTI now")).map(|(text, _)| text), Ok("MULTI now".to_owned()));
        let noted = [log("MULTI"), b"#TS:1\r\n".to_vec(), log("SET a 1, EXEC")].concat();
        assert_eq!(read(&noted), Ok(("as one: SET a 1".to_owned(), noted.len())));
    }

    /// Where the units end that a scanner finds, and what they call, if bytes come in such pieces.
    fn scanned(bytes: &[u8], piece: usize) -> Vec<(u64, String)> {
        let (mut scanner, mut units) = (UnitScanner::default(), Vec::new());
        let (mut start, mut end) = (0, 0);
        while start < bytes.len() {
            let Some(length) = scanner.scan(&bytes[start..end]).unwrap() else {
                end = bytes.len().min(end + piece);
                continue;
            };
            let unit = scanner.unit(&bytes[start..start + length], start as u64);
            let names = unit.commands().filter_map(|command| command.words().next());
            let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
            units.push((unit.end_offset, names.join(" ")));
            start += length;
        }
        units
    }

    #[test]
    fn pieces_make_the_units_that_the_whole_does() {
        let bytes = log("SET a 1, MULTI, SET a 1, DEL b, EXEC, PING");
        let ends = [log("SET a 1").len(), bytes.len() - log("PING").len(), bytes.len()];
        let names = ["SET", "SET DEL", "PING"].map(str::to_owned);
        let units: Vec<_> = ends.map(|end| end as u64).into_iter().zip(names).collect();
        for piece in 1..=bytes.len() {
            assert_eq!(scanned(&bytes, piece), units, "{piece}");
        }
    }

    #[test]
    fn annotations_are_no_part_of_a_stream() {
        let noted = [log("MULTI"), b"#TS:1\r\n".to_vec(), log("SET a 1, EXEC")].concat();
        assert_eq!(UnitScanner::default().scan(&noted), Err(Malformed));
    }

    #[test]
    fn what_lacks_its_end_is_incomplete_and_what_lacks_its_beginning_malformed() {
        let bytes = log("MULTI, SET a 1, EXEC");
        for length in 0..bytes.len() {
            assert!(matches!(read(&bytes[..length]), Err(Scan::Incomplete(_))), "{length}");
        }
        assert_eq!(read(&log("EXEC")), Err(Scan::Malformed));
        assert_eq!(read(&log("MULTI, SET a 1, MULTI, SET b 2, EXEC")), Err(Scan::Malformed));
    }
}

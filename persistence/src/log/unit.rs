//! What is replayed as a whole: a command, or the commands of a transaction.

use super::command::{Scan, Span, is_word, scan_command};

/// A command, or all commands between `MULTI` and `EXEC`.
#[derive(Clone, Copy)]
pub struct Unit<'r> {
    pub(super) bytes: &'r [u8],
    pub(super) parts: &'r Parts,
    /// Where the unit begins in the stream of commands.
    pub offset: u64,
    /// Where the unit ends in the stream of commands.
    pub end_offset: u64,
}

/// The words of one command.
#[derive(Clone, Copy)]
pub struct Command<'r> {
    bytes: &'r [u8],
    words: &'r [Span],
}

/// The places of a unit's words.
#[derive(Default)]
pub(super) struct Parts {
    words: Vec<Span>,
    /// One past the last word of each command.
    ends: Vec<usize>,
    is_transaction: bool,
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
        self.words.clear();
        self.ends.clear();
        self.is_transaction = false;
        let mut at = 0;
        loop {
            if self.is_transaction && bytes.get(at) == Some(&b'#') {
                match bytes[at..].iter().position(|&byte| byte == b'\n') {
                    Some(end) => at += end + 1,
                    None => return Scan::Incomplete(bytes.len() + 1),
                }
                continue;
            }
            let start = self.words.len();
            at = match scan_command(bytes, at, &mut self.words) {
                Scan::Whole(end) => end,
                other => return other,
            };
            if let Some(scan) = self.take(bytes, start, at) {
                return scan;
            }
        }
    }

    /// Takes the command whose words are those from `start` on, and says what is there if that ends the unit.
    fn take(&mut self, bytes: &[u8], start: usize, end: usize) -> Option<Scan> {
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

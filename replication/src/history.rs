//! By which names a stream of writes is known, and up to where.

use std::fmt;

/// The name of a stream of writes: 40 hexadecimal digits, drawn by chance by whoever begins one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplicationId([u8; 40]);

impl ReplicationId {
    /// Makes a name of random bytes.
    pub fn from_bytes(random: [u8; 20]) -> ReplicationId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |at: usize| {
            let byte = random[at / 2];
            DIGITS[usize::from(if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 })]
        };
        ReplicationId(std::array::from_fn(digit))
    }

    /// Reads a name; none if it has another length, or other characters than letters and digits: what comes from others is
    /// shown to operators.
    pub fn parse(text: &[u8]) -> Option<ReplicationId> {
        let id = <[u8; 40]>::try_from(text).ok()?;
        id.iter().all(u8::is_ascii_alphanumeric).then_some(ReplicationId(id))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("they are ASCII")
    }
}

impl fmt::Display for ReplicationId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplicationId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A name by which the stream was known before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Previous {
    /// The name.
    pub id: ReplicationId,
    /// How many bytes it had when it got its new name: what has this name stands before here.
    pub end: u64,
}

/// By which names the stream of a server is known.
///
/// A stream has a second name after its primary was replaced: up to there, both primaries had the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    id: ReplicationId,
    previous: Option<Previous>,
}

impl History {
    /// A stream that begins, or one of which nothing but its name is known.
    pub fn new(id: ReplicationId) -> History {
        History { id, previous: None }
    }

    /// The name.
    pub fn id(&self) -> ReplicationId {
        self.id
    }

    /// The name before, if it had one.
    pub fn previous(&self) -> Option<Previous> {
        self.previous
    }

    /// Gives the stream another name from `end` bytes on: those before keep the one they had.
    pub fn branch(&mut self, id: ReplicationId, end: u64) {
        self.previous = Some(Previous { id: self.id, end });
        self.id = id;
    }

    /// Whether who has the first `offset` bytes of a stream of that name has what this one begins with.
    pub fn covers(&self, id: &ReplicationId, offset: u64) -> bool {
        *id == self.id || self.previous.is_some_and(|previous| previous.id == *id && offset <= previous.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ReplicationId {
        ReplicationId::from_bytes([byte; 20])
    }

    #[test]
    fn names_are_forty_digits() {
        assert_eq!(id(0x4f).to_string(), "4f".repeat(20));
        assert_eq!(ReplicationId::parse("4f".repeat(20).as_bytes()), Some(id(0x4f)));
        for text in ["", "?", &"4f".repeat(21), &format!("{}\r\n", "4f".repeat(19))] {
            assert_eq!(ReplicationId::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_branch_is_known_by_both_names_up_to_its_beginning() {
        let mut history = History::new(id(1));
        assert!(history.covers(&id(1), u64::MAX) && !history.covers(&id(2), 0));
        history.branch(id(2), 100);
        assert!(history.covers(&id(2), 200));
        assert!(history.covers(&id(1), 100) && !history.covers(&id(1), 101));
        // Only the last name counts: of those before, nobody knows where they ended.
        history.branch(id(3), 200);
        assert!(history.covers(&id(2), 200) && !history.covers(&id(1), 0));
    }
}

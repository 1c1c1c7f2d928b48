//! Tokens that are good for nothing any more, until they would have expired anyway.
//!
//! They are few, and losing one would let somebody in: so all of them are written at each change, whatever is kept of the
//! data set. A line has the second until which a token would be good, and what it is called.

use serde_json::Value;
use spinel_persistence::vfs::{self, RealVfs};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The file, in the folder of the data set.
pub(super) const NAME: &str = "spinel.revoked";
const TEMPORARY: &str = "temp-spinel.revoked";

/// Tokens that may be revoked at a time; who needs more changes the key.
const COUNT_MAX: usize = 100_000;
/// The longest name of a token.
const ID_BYTES_MAX: usize = 256;

/// There is no room for another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Full;

/// What is revoked.
#[derive(Default)]
pub(super) struct Revoked {
    /// Names, and until when they are remembered, in Unix seconds.
    until: BTreeMap<Box<str>, i64>,
    is_read: bool,
}

impl Revoked {
    /// Reads what was kept, unless that has been done.
    pub(super) fn read_once(&mut self) -> Result<(), String> {
        if self.is_read {
            return Ok(());
        }
        let text = match fs::read(NAME) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.to_string()),
        };
        self.until.extend(decode(&text).ok_or("it is damaged: who was kept out could come in")?);
        self.is_read = true;
        Ok(())
    }

    /// Remembers a token until it is good for nothing anyway, and forgets those that are now.
    pub(super) fn add(&mut self, id: &str, until: i64, now: i64) -> Result<(), Full> {
        self.until.retain(|_, until| *until > now);
        let is_new = !self.until.contains_key(id);
        if id.len() > ID_BYTES_MAX || is_new && self.until.len() >= COUNT_MAX {
            return Err(Full);
        }
        let known = self.until.entry(id.into()).or_insert(until);
        *known = until.max(*known);
        Ok(())
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.until.contains_key(id)
    }

    /// Writes all of them, so that after a power cut either the old or the new file is there.
    pub(super) fn keep(&self) -> io::Result<()> {
        vfs::replace(&RealVfs, Path::new(NAME), Path::new(TEMPORARY), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let lines = self.until.iter().map(|(id, until)| format!("{until} {}\n", Value::from(&**id)));
        lines.collect::<String>().into_bytes()
    }
}

/// What was written; nothing if it is something else.
fn decode(text: &[u8]) -> Option<BTreeMap<Box<str>, i64>> {
    let text = std::str::from_utf8(text).ok()?;
    let body = if text.is_empty() { "" } else { text.strip_suffix('\n')? };
    let read = |line: &str| {
        let (until, id) = line.split_once(' ')?;
        let id: Value = serde_json::from_str(id).ok()?;
        Some((id.as_str()?.into(), until.parse().ok()?))
    };
    body.split('\n').filter(|line| !line.is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_revoked_comes_back_and_ends() {
        let mut revoked = Revoked::default();
        for (id, until) in [("a", 20), ("b \"\n\u{fc}", 30), ("a", 10), ("c", 15)] {
            assert_eq!(revoked.add(id, until, 5), Ok(()));
        }
        let kept = decode(&revoked.encode()).expect("it was written so");
        assert_eq!(kept, revoked.until);
        assert_eq!(kept.get("a"), Some(&20));
        assert_eq!(revoked.add("d", 40, 15), Ok(()));
        assert!(revoked.has("a") && !revoked.has("c"));
        assert_eq!(revoked.add(&"x".repeat(ID_BYTES_MAX + 1), 40, 15), Err(Full));
        assert_eq!(decode(b""), Some(BTreeMap::new()));
    }

    #[test]
    fn damage_is_found() {
        for text in [&b"20 \"a\""[..], b"\"a\" 20\n", b"20 a\n", b"x \"a\"\n", b"20\n", b"20 7\n", b"\xff\n"]
        {
            assert_eq!(decode(text), None, "{}", text.escape_ascii());
        }
    }
}

//! The beginning of replication: what a replica says, and the snapshot that it gets.
//!
//! After `SYNC` the server sends empty lines while it makes a snapshot, then `$`, and either its length or `EOF:` and
//! forty bytes that will follow it.

use crate::connection::Connection;
use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::{Value, encode_request};
use std::io::Write;

/// The mark that ends a snapshot of unknown length.
const MARK_BYTES: usize = 40;

/// The longest line before a snapshot: an error text.
const LINE_MAX: usize = 4096;

/// A snapshot that is on its way.
pub(super) struct Synchronization {
    connection: Connection,
    length: Length,
}

/// Where a snapshot ends.
enum Length {
    /// After so many bytes.
    Known(u64),
    /// Before this mark.
    Until(Vec<u8>),
}

impl Synchronization {
    /// Says `options` (`REPLCONF` name and value) and asks for the snapshot. What it does is told by `tell`.
    pub(super) fn begin(
        session: &mut Session,
        options: &[(&str, &str)],
        mut tell: impl FnMut(&str),
    ) -> Result<Self, RunError> {
        for (name, value) in options {
            tell(&format!("sending REPLCONF {name} {value}"));
            if let Value::Error(message) = session.ask(&["REPLCONF", name, value])? {
                tell(&format!("REPLCONF {name} error: {}", String::from_utf8_lossy(&message)));
            }
        }
        session.connect_if_need_be()?;
        let Some(mut connection) = session.take_connection() else {
            return Err(RunError::Refused("not connected".to_owned()));
        };
        let mut request = Vec::new();
        encode_request(["SYNC"], &mut request);
        connection.send_bytes(&request)?;
        let line = loop {
            let line = read_line(&mut connection)?;
            if !line.is_empty() {
                break line;
            }
        };
        let length = Length::read(&line).ok_or_else(|| {
            RunError::Refused(format!("SYNC with master failed: {}", String::from_utf8_lossy(&line)))
        })?;
        Ok(Self { connection, length })
    }

    /// The length, if the server told it.
    pub(super) fn length(&self) -> Option<u64> {
        match self.length {
            Length::Known(length) => Some(length),
            Length::Until(_) => None,
        }
    }

    /// Writes the snapshot to `out` and returns its length and the connection, on which writes follow.
    pub(super) fn receive(
        mut self,
        out: &mut impl Write,
        mut progress: impl FnMut(u64),
    ) -> Result<(u64, Connection), RunError> {
        let mut written = 0_u64;
        match self.length {
            Length::Known(length) => {
                while written < length {
                    let most = usize::try_from(length - written).unwrap_or(usize::MAX);
                    let bytes = receive_bytes(&mut self.connection, most)?;
                    out.write_all(&bytes)?;
                    written += bytes.len() as u64;
                    progress(written);
                }
            }
            Length::Until(mark) => {
                // The last bytes are held back: they may be the start of the mark.
                let mut held = Vec::new();
                let mut found = None;
                while found.is_none() {
                    held.extend(receive_bytes(&mut self.connection, usize::MAX)?);
                    found = held.windows(MARK_BYTES).position(|window| window == mark);
                    let free = found.unwrap_or((held.len() + 1).saturating_sub(MARK_BYTES));
                    out.write_all(&held[..free])?;
                    held.drain(..free);
                    written += free as u64;
                    progress(written);
                }
                // Writes may follow at once.
                self.connection.give_back(&held[MARK_BYTES..]);
            }
        }
        Ok((written, self.connection))
    }
}

impl Length {
    fn read(line: &[u8]) -> Option<Self> {
        let text = line.strip_prefix(b"$")?;
        if let Some(mark) = text.strip_prefix(b"EOF:") {
            return (mark.len() == MARK_BYTES).then(|| Self::Until(mark.to_vec()));
        }
        std::str::from_utf8(text).ok()?.parse().ok().map(Self::Known)
    }
}

fn read_line(connection: &mut Connection) -> Result<Vec<u8>, RunError> {
    let mut line = Vec::new();
    loop {
        match receive_bytes(connection, 1)?.first() {
            Some(b'\n') => break,
            Some(byte) if line.len() < LINE_MAX => line.push(*byte),
            _ => return Err(RunError::Refused("SYNC with master failed: no end of a line".to_owned())),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn receive_bytes(connection: &mut Connection, most: usize) -> Result<Vec<u8>, RunError> {
    connection.receive_bytes(most).map_err(|error| RunError::Refused(format!("Error: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_numbers_or_marks() {
        assert!(matches!(Length::read(b"$830"), Some(Length::Known(830))));
        let mark = [b'a'; MARK_BYTES];
        assert!(
            matches!(Length::read(&[b"$EOF:", &mark[..]].concat()), Some(Length::Until(found)) if found == mark)
        );
        for line in [&b"$EOF:ab"[..], b"$x", b"-ERR no", b""] {
            assert!(Length::read(line).is_none());
        }
    }
}

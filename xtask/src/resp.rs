//! A small RESP2/RESP3 client whose replies keep the bytes they arrived with.
//!
//! The oracle compares servers byte for byte and transcripts show what a server said, so nothing here interprets
//! a payload: an integer stays the digits that were sent, a double its text. It shares no code with the server
//! under test: a mistake in our own codec must not cancel itself out.
//!
//! Must not know: commands, transcripts, processes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a server may take for one reply before it counts as hung.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// Nesting deeper than this is a decoding error rather than a reply.
const DEPTH_MAX: usize = 64;

/// Holds one reply as it was sent: the type marker and the payload bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reply {
    /// A one-line reply: `+ - : , ( # _`.
    Line {
        /// The type marker.
        marker: u8,
        /// What stood between the marker and CR LF.
        text: Vec<u8>,
    },
    /// A counted string: `$ = !`.
    Blob {
        /// The type marker.
        marker: u8,
        /// The payload without its terminator.
        bytes: Vec<u8>,
    },
    /// A RESP2 null: `$-1` or `*-1`.
    Null {
        /// `$` or `*`.
        marker: u8,
    },
    /// An aggregate: `* ~ > %`; the items of a map alternate between key and value. An attribute `|` holds its
    /// pairs and, last, the reply it annotates.
    Aggregate {
        /// The type marker.
        marker: u8,
        /// The elements in the order received.
        items: Vec<Reply>,
    },
}

impl Reply {
    /// Returns the type marker.
    pub(crate) fn marker(&self) -> u8 {
        match self {
            Reply::Line { marker, .. }
            | Reply::Blob { marker, .. }
            | Reply::Null { marker }
            | Reply::Aggregate { marker, .. } => *marker,
        }
    }

    /// Returns the payload of a line or a counted string.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Line { text: bytes, .. } | Reply::Blob { bytes, .. } => Some(bytes),
            Reply::Null { .. } | Reply::Aggregate { .. } => None,
        }
    }

    /// Returns the payload as text, with what is not UTF-8 replaced; empty for nulls and aggregates.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }

    /// Returns the elements of an aggregate, nothing for other replies.
    pub(crate) fn items(&self) -> &[Reply] {
        match self {
            Reply::Aggregate { items, .. } => items,
            _ => &[],
        }
    }

    /// Returns the value beside `name` in a map, or in a flat array of pairs as RESP2 sends it.
    pub(crate) fn field(&self, name: &str) -> Option<&Reply> {
        self.items()
            .chunks_exact(2)
            .find(|pair| pair[0].bytes() == Some(name.as_bytes()))
            .map(|pair| &pair[1])
    }

    /// Returns the number an integer reply or a numeric string holds.
    pub(crate) fn integer(&self) -> Option<i64> {
        std::str::from_utf8(self.bytes()?).ok()?.parse().ok()
    }

    /// Tells whether this is an error, simple or counted.
    pub(crate) fn is_error(&self) -> bool {
        matches!(self.marker(), b'-' | b'!')
    }
}

/// Decodes the first reply in `input`: the reply and the bytes it took, or `None` while it is incomplete.
pub(crate) fn decode(input: &[u8]) -> io::Result<Option<(Reply, usize)>> {
    let mut cursor = Cursor { input, position: 0 };
    match cursor.reply(0) {
        Ok(reply) => Ok(Some((reply, cursor.position))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Malformed(what)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("malformed reply: {what} at byte {} of {:?}", cursor.position, excerpt(input)),
        )),
    }
}

/// Appends a command as an array of bulk strings.
pub(crate) fn encode<W: AsRef<[u8]>>(words: &[W], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Why decoding stopped.
enum Stop {
    Incomplete,
    Malformed(&'static str),
}

struct Cursor<'a> {
    input: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::Malformed("nesting too deep"));
        }
        let line = self.line()?;
        let Some((&marker, rest)) = line.split_first() else {
            return Err(Stop::Malformed("an empty line"));
        };
        match marker {
            b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => Ok(Reply::Line { marker, text: rest.to_vec() }),
            b'$' | b'*' if rest == b"-1" => Ok(Reply::Null { marker }),
            b'$' | b'=' | b'!' => Ok(Reply::Blob { marker, bytes: self.payload(count(rest)?)? }),
            b'*' | b'~' | b'>' => self.aggregate(marker, count(rest)?, depth),
            b'%' => self.aggregate(marker, count(rest)?.saturating_mul(2), depth),
            b'|' => self.aggregate(marker, count(rest)?.saturating_mul(2).saturating_add(1), depth),
            _ => Err(Stop::Malformed("an unknown type marker")),
        }
    }

    fn aggregate(&mut self, marker: u8, count: usize, depth: usize) -> Result<Reply, Stop> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.reply(depth + 1)?);
        }
        Ok(Reply::Aggregate { marker, items })
    }

    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.input[self.position..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop::Incomplete)?;
        self.position += end + 2;
        Ok(&rest[..end])
    }

    fn payload(&mut self, length: usize) -> Result<Vec<u8>, Stop> {
        let rest = &self.input[self.position..];
        if rest.len() < length.saturating_add(2) {
            return Err(Stop::Incomplete);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(Stop::Malformed("a counted string without its CR LF"));
        }
        self.position += length + 2;
        Ok(rest[..length].to_vec())
    }
}

fn count(digits: &[u8]) -> Result<usize, Stop> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Stop::Malformed("a length that is not a number"))
}

fn excerpt(input: &[u8]) -> String {
    String::from_utf8_lossy(&input[..input.len().min(80)]).into_owned()
}

/// Speaks RESP over one TCP connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How much of `buffer` earlier replies have used up.
    consumed: usize,
}

impl Connection {
    /// Connects to `address` (host:port).
    pub(crate) fn open(address: &str) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot connect to {address}: {error}")))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Connection { stream, buffer: Vec::new(), consumed: 0 })
    }

    /// Waits for a reply as long as this, instead of as long as usual.
    pub(crate) fn wait_up_to(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits for the next reply.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        loop {
            if let Some((reply, used)) = decode(&self.buffer[self.consumed..])? {
                self.consumed += used;
                return Ok(reply);
            }
            self.fill()?;
        }
    }

    /// Sends one command and waits for its reply.
    pub(crate) fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        encode(words, &mut bytes);
        self.send(&bytes)?;
        self.receive()
    }

    /// Sends one command whose reply must not be an error.
    pub(crate) fn expect(&mut self, words: &[&str]) -> io::Result<Reply> {
        let reply = self.call(words)?;
        if reply.is_error() {
            return Err(io::Error::other(format!("{}: {}", words.join(" "), reply.text())));
        }
        Ok(reply)
    }

    /// Returns the socket, once all replies have been received.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        // Growing with what is already there keeps the repeated decoding of a large reply linear overall.
        let room = self.buffer.len().max(64 * 1024);
        let start = self.buffer.len();
        self.buffer.resize(start + room, 0);
        let read = self.stream.read(&mut self.buffer[start..]);
        self.buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        match read? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            _ => Ok(()),
        }
    }
}

/// The value of a field in what INFO replies.
pub(crate) fn info_field<'t>(told: &'t str, name: &str) -> Option<&'t str> {
    told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(input: &[u8]) -> Reply {
        let (reply, used) = decode(input).unwrap().unwrap();
        assert_eq!(used, input.len(), "{input:?}");
        reply
    }

    #[test]
    fn payloads_stay_as_sent() {
        assert_eq!(one(b":+007\r\n"), Reply::Line { marker: b':', text: b"+007".to_vec() });
        assert_eq!(one(b"$3\r\n\r\n\0\r\n").bytes(), Some(&b"\r\n\0"[..]));
        assert_eq!(one(b"$-1\r\n"), Reply::Null { marker: b'$' });
        assert_eq!(one(b"*-1\r\n"), Reply::Null { marker: b'*' });
    }

    #[test]
    fn maps_hold_pairs_and_attributes_their_reply() {
        let map = one(b"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n");
        assert_eq!(map.field("b").and_then(Reply::integer), Some(2));
        assert_eq!(one(b"|1\r\n+k\r\n+v\r\n:9\r\n").items().len(), 3);
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let whole = b"*2\r\n$5\r\nhello\r\n~1\r\n#t\r\n";
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).unwrap().is_none(), "{end}");
        }
        assert_eq!(one(whole).items().len(), 2);
    }

    #[test]
    fn junk_is_refused() {
        for junk in [&b"?\r\n"[..], b"$x\r\n", b"$1\r\nabc\r\n", b"\r\n", b"*-2\r\n"] {
            assert!(decode(junk).is_err(), "{junk:?}");
        }
    }

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        let mut out = Vec::new();
        encode(&["GET", ""], &mut out);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    }
}

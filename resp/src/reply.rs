//! The reply writer: what commands answer with, as bytes of RESP2 or RESP3.
//!
//! Handlers say what they mean (a map, a double, a null) and the writer says it in the protocol that the connection
//! has chosen. RESP2 has no word for most of it: a map becomes a flat array, a double a bulk string, a boolean an
//! integer.

mod aggregate;

pub use aggregate::Deferred;

use crate::number::{format_double, format_integer};
use crate::wire;

/// Names the version of the protocol that a connection has chosen (`HELLO 2` or `HELLO 3`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// The protocol that every connection starts with.
    Resp2,
    /// The protocol with maps, sets, doubles, booleans, attributes and push messages.
    Resp3,
}

/// Writes replies into a buffer of its own.
///
/// An aggregate is announced with its length and then its elements are written one by one; where the length is known
/// only afterwards, a [`Deferred`] stands in for it.
///
/// ```
/// use spinel_resp::reply::{Protocol, ReplyWriter};
///
/// let mut reply = ReplyWriter::new(Protocol::Resp2);
/// reply.map(1);
/// reply.bulk(b"score");
/// reply.double(1.5);
/// assert_eq!(reply.bytes(), b"*2\r\n$5\r\nscore\r\n$3\r\n1.5\r\n");
/// ```
#[derive(Debug)]
pub struct ReplyWriter {
    buffer: Vec<u8>,
    protocol: Protocol,
}

impl ReplyWriter {
    /// Creates a writer with an empty buffer. It allocates nothing.
    pub const fn new(protocol: Protocol) -> ReplyWriter {
        ReplyWriter { buffer: Vec::new(), protocol }
    }

    /// Returns the protocol of the replies.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol from the next reply on.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Returns the number of bytes written.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Tells whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Returns the bytes written.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Drops what has been written and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Takes the buffer with what has been written and leaves an empty one.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Makes room for `bytes` more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve(bytes);
    }

    /// Gives memory back down to a capacity of `bytes` or what has been written.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.buffer.shrink_to(bytes);
    }

    /// Returns the place where the next reply will begin, to [`truncate`](Self::truncate) to.
    pub fn position(&self) -> usize {
        self.buffer.len()
    }

    /// Drops what was written since [`position`](Self::position) was asked: a reply that met an error half-way.
    pub fn truncate(&mut self, position: usize) {
        assert!(position <= self.buffer.len(), "truncating to a place that was not reached");
        self.buffer.truncate(position);
    }

    /// Writes bytes that are already a reply, or part of one, in the right protocol.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// Writes a simple string. CR and LF in it become spaces.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// Writes an error. `text` starts with its code (`ERR syntax error`). CR and LF in it become spaces; at its end they are
    /// dropped.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// Writes an error whose text quotes what a client sent and so may be any bytes. CR and LF in it become spaces, at
    /// its end they are dropped.
    pub fn error_bytes(&mut self, text: &[u8]) {
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        self.line(b'-', &text[..end.map_or(0, |end| end + 1)]);
    }

    /// Writes an integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        wire::write_integer_line(b':', value, &mut self.buffer);
    }

    /// Writes a bulk string.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        wire::write_bulk(value, &mut self.buffer);
    }

    /// Writes an integer as a bulk string, as a string value that is kept as an integer is read.
    #[inline(never)]
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(&format_integer(value));
    }

    /// Writes that there is no value.
    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Writes that there is no array, which RESP2 tells from no value.
    pub fn null_array(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Writes a double in the form of [`format_double`]; in RESP2 as a bulk string.
    pub fn double(&mut self, value: f64) {
        let text = format_double(value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(&text),
            Protocol::Resp3 => wire::write_line(b',', &text, &mut self.buffer),
        }
    }

    /// Writes a boolean; in RESP2 the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.protocol, value) {
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        });
    }

    /// Writes an integer of any size from its decimal digits; in RESP2 as a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Writes text to be shown as it is; in RESP2 as a bulk string. `format` is `txt` or `mkd`.
    ///
    /// Panics if `format` is not three bytes long.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert_eq!(format.len(), 3, "a verbatim string's format has three bytes");
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        self.length(b'=', text.len() + 4);
        self.raw(format.as_bytes());
        self.raw(b":");
        self.raw(text);
        self.raw(b"\r\n");
    }

    #[inline]
    fn length(&mut self, marker: u8, length: usize) {
        wire::write_length(marker, length, &mut self.buffer);
    }

    /// Writes text that ends at the next CR LF and therefore must contain none.
    fn line(&mut self, marker: u8, text: &[u8]) {
        self.buffer.reserve(text.len() + 3);
        self.buffer.push(marker);
        self.buffer.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.buffer.extend_from_slice(b"\r\n");
    }
}

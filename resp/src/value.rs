//! Replies as clients see them: values decoded from RESP2 and RESP3, and requests encoded.
//!
//! [`decode`] is for bytes that are all there; a client that reads a connection keeps a [`Decoder`], which never looks
//! at a byte twice however the replies are cut into pieces.

mod decoder;
mod head;

pub use decoder::Decoder;
use head::{Aggregate, Head};

use std::fmt;

use crate::wire;

/// A reply of any kind. Texts are bytes, since nothing makes a server's texts UTF-8.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A simple string, `+OK`.
    Simple(Vec<u8>),
    /// An error with its code, `-ERR syntax error`, also when it came as a bulk (`!`).
    Error(Vec<u8>),
    /// An integer, `:1`.
    Integer(i64),
    /// A bulk string, `$2`.
    Bulk(Vec<u8>),
    /// No value: `_`, and the null bulk `$-1` and null array `*-1` of RESP2.
    Null,
    /// An array, `*2`.
    Array(Vec<Value>),
    /// A map, `%1`, in the order it was sent.
    Map(Vec<(Value, Value)>),
    /// A set, `~2`, in the order it was sent.
    Set(Vec<Value>),
    /// A message that answers no request, `>2`; its first element is its kind.
    Push(Vec<Value>),
    /// A double, `,1.5`.
    Double(Double),
    /// A boolean, `#t`.
    Boolean(bool),
    /// The digits of an integer of any size, `(12345678901234567890`.
    BigNumber(String),
    /// Text to be shown as it is, `=15\r\ntxt:`.
    Verbatim {
        /// How the text is meant: `txt` or `mkd`.
        format: [u8; 3],
        /// The text without its format.
        text: Vec<u8>,
    },
    /// A value and what was said about it, `|1`.
    Attributed {
        /// Names and what they name.
        attributes: Vec<(Value, Value)>,
        /// The value proper.
        value: Box<Value>,
    },
}

/// A double as it was sent: the text is kept, since another server's digits may not be ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Double {
    text: String,
}

impl Double {
    /// Returns the text as it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the number.
    pub fn value(&self) -> f64 {
        self.text.parse().expect("the text was parsed when it was decoded")
    }
}

/// Says why bytes are no reply. What follows them can't be understood either: the connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// No type of reply begins with this byte.
    UnknownType {
        /// The byte in place of a type.
        found: u8,
    },
    /// The line of a reply does not fit the type it begins with: a length, a number, a boolean.
    InvalidLine {
        /// The type's byte.
        marker: u8,
    },
    /// The content of a bulk is not followed by CR LF.
    BulkWithoutEnd,
    /// A verbatim string does not begin with three bytes and a colon.
    VerbatimWithoutFormat,
    /// Aggregates are nested deeper than 512 levels.
    TooDeep,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::UnknownType { found } => {
                write!(formatter, "'{}' begins no type of reply", found.escape_ascii())
            }
            DecodeError::InvalidLine { marker } => {
                write!(formatter, "invalid length or number after '{}'", marker.escape_ascii())
            }
            DecodeError::BulkWithoutEnd => formatter.write_str("no CR LF after a bulk string"),
            DecodeError::VerbatimWithoutFormat => formatter.write_str("no format in a verbatim string"),
            DecodeError::TooDeep => formatter.write_str("reply nested too deeply"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes the reply that `input` begins with: the value and how many bytes it took, or `None` if it is incomplete.
///
/// Memory is bounded by the length of `input`, not by what it announces.
///
/// ```
/// use spinel_resp::value::{Value, decode};
/// assert_eq!(decode(b":1\r\n+OK\r\n"), Ok(Some((Value::Integer(1), 4))));
/// assert_eq!(decode(b"*2\r\n:1\r\n"), Ok(None));
/// ```
pub fn decode(input: &[u8]) -> Result<Option<(Value, usize)>, DecodeError> {
    let (consumed, value) = Decoder::new().decode(input)?;
    Ok(value.map(|value| (value, consumed)))
}

/// Returns how many bytes the reply takes that `input` begins with, or `None` if it is incomplete or no reply.
///
/// Looks at each line once and copies nothing that follows one.
///
/// ```
/// use spinel_resp::value::encoded_length;
/// assert_eq!(encoded_length(b"*2\r\n:1\r\n$2\r\n\r\n\r\n+OK\r\n"), Some(16));
/// assert_eq!(encoded_length(b"$2\r\nx"), None);
/// ```
pub fn encoded_length(input: &[u8]) -> Option<usize> {
    let (mut at, mut values) = (0_usize, 1_usize);
    while values > 0 {
        let line = input[at..].iter().position(|byte| *byte == b'\n')?;
        let content = input[at..at + line].strip_suffix(b"\r")?;
        at += line + 1;
        values -= 1;
        match head::parse(content).ok()? {
            Head::Whole(_) => {}
            Head::Text(_, bytes) => {
                at = at.checked_add(bytes)?.checked_add(2).filter(|end| *end <= input.len())?;
            }
            Head::Aggregate(kind, count) => {
                let owner = usize::from(matches!(kind, Aggregate::Attributes));
                values = values.checked_add(count)?.checked_add(owner)?;
            }
        }
    }
    Some(at)
}

/// Appends a request to `out`: the command's name and its arguments as an array of bulk strings.
///
/// ```
/// let mut out = Vec::new();
/// spinel_resp::value::encode_request(["GET", "k"], &mut out);
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// ```
pub fn encode_request(words: impl IntoIterator<Item = impl AsRef<[u8]>>, out: &mut Vec<u8>) {
    let words: Vec<_> = words.into_iter().collect();
    encode_words(&words, out);
}

/// Appends the request with these words, as [`encode_request`] does, which needs memory of its own.
pub fn encode_words<W: AsRef<[u8]>>(words: &[W], out: &mut Vec<u8>) {
    wire::write_bulks(words, out);
}

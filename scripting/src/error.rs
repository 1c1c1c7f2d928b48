//! What a client is told when something isn't done.

use std::fmt;

/// The text of an error reply, which begins with its code. It may be any bytes: texts quote scripts.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorReply(Vec<u8>);

impl ErrorReply {
    /// Returns the text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// Returns what EVALSHA says of a script that isn't there.
    pub fn no_script() -> ErrorReply {
        ErrorReply::new("NOSCRIPT No matching script. Please use EVAL.")
    }

    /// Returns what FCALL says of a function that isn't there.
    pub fn no_function() -> ErrorReply {
        ErrorReply::new("ERR Function not found")
    }

    pub(crate) fn new(text: &str) -> ErrorReply {
        ErrorReply(text.into())
    }

    pub(crate) fn quoting(text: &str, quoted: &[u8]) -> ErrorReply {
        ErrorReply([text.as_bytes(), quoted].concat())
    }

    pub(crate) fn from_bytes(text: Vec<u8>) -> ErrorReply {
        ErrorReply(text)
    }

    /// A script is suspended, and nothing may change under it.
    pub(crate) fn busy() -> ErrorReply {
        ErrorReply::new("BUSY Redis is busy running a script.")
    }
}

impl fmt::Debug for ErrorReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl std::error::Error for ErrorReply {}

//! How much a peer may announce, and what it is told when it goes wrong.

use std::fmt;

/// The most words in a request before authentication.
const ARGUMENTS_UNAUTHENTICATED_MAX: usize = 10;

/// The most bytes in one word before authentication.
const BULK_BYTES_UNAUTHENTICATED_MAX: usize = 16 * 1024;

/// Bounds what a request may announce. A header that exceeds them is refused when it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most words in one request.
    pub arguments_max: usize,
    /// The most bytes in one word (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// The most bytes in an inline command's line, and in a header's.
    pub inline_bytes_max: usize,
    /// Whether the peer has authenticated or need not. Otherwise it gets 10 words of 16 KiB whatever the other fields
    /// allow.
    pub authenticated: bool,
}

impl Limits {
    /// What everybody may send: `i32::MAX` words of 512 MB and lines of 64 KiB.
    pub const DEFAULT: Limits = Limits {
        arguments_max: i32::MAX as usize,
        bulk_bytes_max: 512 * 1024 * 1024,
        inline_bytes_max: 64 * 1024,
        authenticated: true,
    };

    /// What a peer may send that still has to authenticate: 10 words of 16 KiB.
    pub const UNAUTHENTICATED: Limits = Limits { authenticated: false, ..Limits::DEFAULT };

    #[inline]
    pub(super) fn arguments_allowed(&self) -> usize {
        if self.authenticated {
            self.arguments_max
        } else {
            self.arguments_max.min(ARGUMENTS_UNAUTHENTICATED_MAX)
        }
    }

    #[inline]
    pub(super) fn bulk_bytes_allowed(&self) -> usize {
        if self.authenticated {
            self.bulk_bytes_max
        } else {
            self.bulk_bytes_max.min(BULK_BYTES_UNAUTHENTICATED_MAX)
        }
    }

    /// Checks an array's announced length. Negative ones count as empty.
    pub(super) fn check_arguments(&self, count: Option<i64>) -> Result<usize, ProtocolError> {
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
        let count = usize::try_from(count.max(0)).map_err(|_| ProtocolError::InvalidMultibulkLength)?;
        if count > self.arguments_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if count > self.arguments_allowed() {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(count)
    }

    /// Checks a bulk's announced length.
    pub(super) fn check_bulk(&self, bytes: Option<i64>) -> Result<usize, ProtocolError> {
        let bytes = bytes.ok_or(ProtocolError::InvalidBulkLength)?;
        let bytes = usize::try_from(bytes).map_err(|_| ProtocolError::InvalidBulkLength)?;
        if bytes > self.bulk_bytes_max {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if bytes > self.bulk_bytes_allowed() {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        Ok(bytes)
    }
}

/// Says why a connection's bytes are not requests. There is no way to go on: the text is sent, the connection closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The number after `*` is no canonical integer or exceeds [`Limits::arguments_max`].
    InvalidMultibulkLength,
    /// The number after `*` is more than an unauthenticated peer may announce.
    UnauthenticatedMultibulkLength,
    /// The line of the number after `*` exceeds [`Limits::inline_bytes_max`].
    MultibulkCountTooLong,
    /// Something else stood where a bulk string had to begin.
    ExpectedBulk {
        /// The byte in place of the `$`.
        found: u8,
    },
    /// The number after `$` is no canonical integer, is negative or exceeds [`Limits::bulk_bytes_max`].
    InvalidBulkLength,
    /// The number after `$` is more than an unauthenticated peer may announce.
    UnauthenticatedBulkLength,
    /// The line of the number after `$` exceeds [`Limits::inline_bytes_max`].
    BulkCountTooLong,
    /// An inline command exceeds [`Limits::inline_bytes_max`].
    InlineTooLong,
    /// A quote in an inline command is not closed, or its closing quote is followed by more of the word.
    UnbalancedQuotes,
}

impl ProtocolError {
    /// Returns the text that Redis replies with, without `-ERR ` and CR LF.
    ///
    /// It is bytes and not a `str` because it quotes the byte found; that may be a CR or LF, which the
    /// [`ReplyWriter`](crate::reply::ReplyWriter) makes a space of.
    pub fn text(self) -> Vec<u8> {
        let mut text = b"Protocol error: ".to_vec();
        text.extend_from_slice(self.cause().as_bytes());
        if let ProtocolError::ExpectedBulk { found } = self {
            text.extend_from_slice(&[found, b'\'']);
        }
        text
    }

    fn cause(self) -> &'static str {
        match self {
            ProtocolError::InvalidMultibulkLength => "invalid multibulk length",
            ProtocolError::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            ProtocolError::MultibulkCountTooLong => "too big mbulk count string",
            ProtocolError::ExpectedBulk { .. } => "expected '$', got '",
            ProtocolError::InvalidBulkLength => "invalid bulk length",
            ProtocolError::UnauthenticatedBulkLength => "unauthenticated bulk length",
            ProtocolError::BulkCountTooLong => "too big bulk count string",
            ProtocolError::InlineTooLong => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

impl std::error::Error for ProtocolError {}

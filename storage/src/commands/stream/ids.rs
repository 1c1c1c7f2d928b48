//! Ids of entries as commands take them.

use crate::command::args::Args;
use crate::error::Error;
use spinel_types::StreamId;

/// The error about a word that is no id.
pub(super) const INVALID_ID: Error =
    Error::Text("ERR Invalid stream ID specified as stream command argument");

/// Reads an id; one without a sequence number gets 0.
pub(super) fn parse(word: &[u8]) -> Result<StreamId, Error> {
    parse_with(word, 0)
}

/// Reads ids; the first that is none fails.
pub(super) fn parse_all(words: &[&[u8]]) -> Result<Vec<StreamId>, Error> {
    words.iter().map(|word| parse(word)).collect()
}

fn parse_with(word: &[u8], missing_sequence: u64) -> Result<StreamId, Error> {
    StreamId::parse(word, missing_sequence).ok_or(INVALID_ID)
}

/// Reads an id, `-` for the smallest or `+` for the greatest.
pub(super) fn parse_or_end(word: &[u8], missing_sequence: u64) -> Result<StreamId, Error> {
    match word {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        word => parse_with(word, missing_sequence),
    }
}

/// Reads where an interval starts: as [`parse_or_end`], or `(` and an id that is left out.
pub(super) fn parse_start(word: &[u8]) -> Result<StreamId, Error> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => {
            parse_with(id, 0)?.next().ok_or(Error::Text("ERR invalid start ID for the interval"))
        }
        word => parse_or_end(word, 0),
    }
}

/// Reads where an interval ends: as [`parse_or_end`], or `(` and an id that is left out.
pub(super) fn parse_end(word: &[u8]) -> Result<StreamId, Error> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => {
            parse_with(id, u64::MAX)?.previous().ok_or(Error::Text("ERR invalid end ID for the interval"))
        }
        word => parse_or_end(word, u64::MAX),
    }
}

/// Reads a count that comes with its option and may be negative, which means 0.
pub(super) fn parse_count(args: &mut Args<'_>) -> Result<usize, Error> {
    let count = args.integer();
    args.check()?;
    Ok(usize::try_from(count).unwrap_or(0))
}

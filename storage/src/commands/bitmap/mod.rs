//! Strings as bitmaps and as arrays of integers of any width.
//!
//! Bit 0 is the highest bit of the first byte.

mod bit;
mod bits;
mod count;
mod field;
mod operation;
mod unit;

use super::span;
use crate::command::Command;
use crate::command::call::Call;
use crate::command::keys::{KeySpec, KeyUse};
use crate::error::Error;
use crate::keyspace::guard::STRING_BYTES_MAX;
use spinel_types::string::INTEGER_DIGITS_MAX;

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] =
    &[bit::COMMANDS, count::COMMANDS, operation::COMMANDS, field::COMMANDS];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];

const BAD_OFFSET: Error = Error::Text("ERR bit offset is not an integer or out of range");

/// Reads the position of a bit that a string can have. A field of several bits may end a few bytes later.
fn bit_offset(word: &[u8]) -> Result<usize, Error> {
    let offset = spinel_resp::parse_integer(word).and_then(|offset| usize::try_from(offset).ok());
    offset.filter(|offset| offset / 8 < STRING_BYTES_MAX).ok_or(BAD_OFFSET)
}

/// Lets `ask` look at a value's text.
fn ask_text<T>(call: &mut Call<'_>, key: &[u8], ask: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, Error> {
    let value = call.keys.read_string(key)?;
    Ok(value.map(|value| ask(value.text(&mut [0; INTEGER_DIGITS_MAX]))))
}

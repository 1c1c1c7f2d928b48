//! Hashes: the rows of each file in one list, and what several files need.

mod all;
mod counter;
mod delete;
mod expire;
mod get;
mod getex;
mod random;
mod scan;
mod set;
mod setex;
mod time_left;

use crate::command::Command;
use crate::command::keys::{KeySpec, KeyUse};
use spinel_resp::ReplyWriter;
use spinel_types::Str;

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] = &[
    set::COMMANDS,
    get::COMMANDS,
    all::COMMANDS,
    delete::COMMANDS,
    counter::COMMANDS,
    random::COMMANDS,
    scan::COMMANDS,
    expire::COMMANDS,
    time_left::COMMANDS,
    getex::COMMANDS,
    setex::COMMANDS,
];

/// The first argument is a key whose value is only read.
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
/// The first argument is a key of whose value only sizes are told.
const MEASURE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY)];
/// The first argument is a key whose value changes and is not told.
const CHANGE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))];
/// The first argument is a key whose value changes, depending on what it was, and is told.
const UPDATE_KEY: &[KeySpec] =
    &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))];

/// Replies a field or a value.
#[inline]
fn reply_text(reply: &mut ReplyWriter, text: Str<'_>) {
    super::string::reply_string(reply, text);
}

/// Replies a value, or null.
#[inline]
fn reply_value(reply: &mut ReplyWriter, value: Option<Str<'_>>) {
    match value {
        Some(value) => reply_text(reply, value),
        None => reply.null(),
    }
}

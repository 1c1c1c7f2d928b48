//! Strings: the rows of each file in one list, and what several files need.

mod bounded;
mod condition;
mod counter;
mod delete;
mod get;
mod lcs;
mod multi;
mod range;
mod set;
mod throttle;

use super::{expiry, span};
use crate::command::Command;
use crate::command::keys::{KeySpec, KeyUse};
use crate::engine::effect::Effect;
use crate::keyspace::guard::Expiry;
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use spinel_types::Str;

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] = &[
    get::COMMANDS,
    set::COMMANDS,
    multi::COMMANDS,
    counter::COMMANDS,
    bounded::COMMANDS,
    throttle::COMMANDS,
    range::COMMANDS,
    delete::COMMANDS,
    lcs::COMMANDS,
];

/// The first argument is a key whose value is only read.
pub(super) const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
/// The first argument is a key whose value changes, depending on what it was, and is told.
pub(super) const UPDATE_KEY: &[KeySpec] =
    &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))];

/// Replies a string value as it is stored.
#[inline]
pub(super) fn reply_string(reply: &mut ReplyWriter, value: Str<'_>) {
    match value {
        Str::Text(text) => reply.bulk(text),
        Str::Integer(integer) => reply.bulk_integer(integer),
    }
}

/// Replies a string value, or null.
#[inline]
fn reply_optional(reply: &mut ReplyWriter, value: Option<Str<'_>>) {
    match value {
        Some(value) => reply_string(reply, value),
        None => reply.null(),
    }
}

/// Records that a key got a value, whatever it took to decide that.
fn rewrite_as_set(effect: &mut Effect, key: &[u8], value: &[u8], expiry: Expiry) {
    effect.rewrite_line(|| {
        let mut line = vec![b"SET".to_vec(), key.to_vec(), value.to_vec()];
        match expiry {
            Expiry::Never => {}
            Expiry::Keep => line.push(b"KEEPTTL".to_vec()),
            Expiry::At(UnixMillis(at)) => line.extend([b"PXAT".to_vec(), at.to_string().into_bytes()]),
        }
        line
    });
}

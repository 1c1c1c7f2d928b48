//! Commands on streams.

mod acknowledge;
mod add;
mod auto_claim;
mod claim;
mod configure;
mod delay;
mod delete;
mod effects;
mod group;
mod group_info;
mod ids;
mod info;
mod length;
mod nack;
mod pending;
mod range;
mod read;
mod read_group;
mod set_id;
mod trim;

use crate::command::Command;
use crate::command::keys::{KeySpec, KeyUse};
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use spinel_types::StreamId;
use spinel_types::listpack::Element;
use spinel_types::stream::{Entry, Fields};

/// The rows of the family.
pub(super) const COMMANDS: &[&[Command]] = &[
    add::COMMANDS,
    trim::COMMANDS,
    delete::COMMANDS,
    set_id::COMMANDS,
    length::COMMANDS,
    range::COMMANDS,
    read::COMMANDS,
    read_group::COMMANDS,
    group::COMMANDS,
    acknowledge::COMMANDS,
    nack::COMMANDS,
    pending::COMMANDS,
    claim::COMMANDS,
    auto_claim::COMMANDS,
    info::COMMANDS,
    configure::COMMANDS,
    delay::COMMANDS,
];

const ACCESS_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::DELETE))];

/// The time as streams keep it: milliseconds since the epoch, not before it.
fn millis(now: UnixMillis) -> u64 {
    u64::try_from(now.0).unwrap_or(0)
}

fn reply_id(reply: &mut ReplyWriter, id: StreamId) {
    reply.bulk(&id.text());
}

fn reply_entry(reply: &mut ReplyWriter, entry: Entry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply_fields(reply, entry.fields);
}

fn reply_fields(reply: &mut ReplyWriter, fields: Fields<'_>) {
    reply.array(fields.len() * 2);
    for (field, value) in fields {
        reply_element(reply, field);
        reply_element(reply, value);
    }
}

#[inline]
fn reply_element(reply: &mut ReplyWriter, element: Element<'_>) {
    match element {
        Element::Integer(integer) => reply.bulk_integer(integer),
        Element::Text(text) => reply.bulk(text),
    }
}

/// Replies a count that may not be known.
fn reply_known(reply: &mut ReplyWriter, count: Option<i64>) {
    match count {
        Some(count) => reply.integer(count),
        None => reply.null(),
    }
}

/// The error about a key or a group that is not there.
#[cold]
fn no_group(key: &[u8], group: &[u8]) -> Error {
    Error::quoting(&[b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"])
}

/// The error about a group that an existing stream does not have.
#[cold]
fn no_such_group(key: &[u8], group: &[u8]) -> Error {
    Error::quoting(&[b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"])
}

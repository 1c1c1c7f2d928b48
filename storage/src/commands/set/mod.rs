//! Sets: the rows of each file in one list, and what several files need.

mod cardinality;
mod combine;
mod edit;
mod expire;
mod random;
mod read;
mod scan;
mod store;

use crate::command::Command;
use crate::command::keys::{KeySpec, KeyUse};
use spinel_resp::ReplyWriter;
use spinel_types::Str;

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] = &[
    edit::COMMANDS,
    read::COMMANDS,
    scan::COMMANDS,
    random::COMMANDS,
    combine::COMMANDS,
    store::COMMANDS,
    cardinality::COMMANDS,
    expire::COMMANDS,
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, READ_USE)];
const READ_USE: KeyUse = KeyUse::READ_ONLY.with(KeyUse::ACCESS);

/// Replies a member.
#[inline]
fn reply_member(reply: &mut ReplyWriter, member: Str<'_>) {
    match member {
        Str::Text(text) => reply.bulk(text),
        Str::Integer(integer) => reply.bulk_integer(integer),
    }
}

//! Sorted sets: the rows of each file in one list, and what several files need.

pub(super) mod add;
mod block;
mod bounds;
mod combine;
mod expire;
mod member;
mod pop;
mod random;
mod range;
mod remove;
mod scan;
mod store;

use crate::command::Command;
use crate::command::keys::{KeySpec, KeyUse};
use spinel_resp::{Protocol, ReplyWriter};
use spinel_types::Str;

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] = &[
    add::COMMANDS,
    member::COMMANDS,
    range::COMMANDS,
    store::COMMANDS,
    remove::COMMANDS,
    pop::COMMANDS,
    combine::COMMANDS,
    random::COMMANDS,
    scan::COMMANDS,
    expire::COMMANDS,
    block::COMMANDS,
];

/// The first argument is a key whose value is only read.
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
/// The first argument is a key some of whose members go.
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::DELETE))];

/// Whether a reply tells scores, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scores {
    Hidden,
    Shown,
}

/// Replies members in order, with their scores if wanted: pairs in RESP3, in RESP2 one after the other.
fn reply_entries<'m>(
    reply: &mut ReplyWriter,
    entries: impl Iterator<Item = (Str<'m>, f64)>,
    count: usize,
    scores: Scores,
) {
    let in_pairs = reply.protocol() == Protocol::Resp3;
    if scores == Scores::Hidden {
        reply.array(count);
        entries.for_each(|(member, _)| reply_member(reply, member));
        return;
    }
    reply.array(if in_pairs { count } else { 2 * count });
    for entry in entries {
        if in_pairs {
            reply.array(2);
        }
        reply_entry(reply, entry);
    }
}

fn reply_entry(reply: &mut ReplyWriter, (member, score): (Str<'_>, f64)) {
    reply_member(reply, member);
    reply.double(score);
}

#[inline]
fn reply_member(reply: &mut ReplyWriter, member: Str<'_>) {
    super::string::reply_string(reply, member);
}

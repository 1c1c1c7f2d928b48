//! Asking for members: SISMEMBER, SMISMEMBER, SCARD, SMEMBERS.

use super::{READ_KEY, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::{Str, ValueType};

/// The key of which little is told.
const ASK_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY)];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sismember",
        usage: "key member",
        keys: ASK_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::Set,
        about: "Tells whether a string is a member of a set.",
        run: Run::Data(sismember),
        ..Command::ROW
    },
    Command {
        name: "smismember",
        usage: "key member...",
        keys: READ_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::Set,
        since: "6.2.0",
        cost: "O(N) where N is the number of strings",
        about: "Tells of strings whether they are members of a set.",
        run: Run::Data(smismember),
        ..Command::ROW
    },
    Command {
        name: "scard",
        usage: "key",
        keys: ASK_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::Set,
        about: "Counts the members of a set.",
        run: Run::Data(scard),
        ..Command::ROW
    },
    Command {
        name: "smembers",
        usage: "key",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Set,
        cost: "O(N) where N is the number of members",
        about: "Returns all members of a set.",
        tips: &["nondeterministic_output_order"],
        run: Run::Data(smembers),
        ..Command::ROW
    },
];

fn sismember(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, member) = (call.args.word(), call.args.word());

    let now = call.now.0;
    let set = call.keys.read_set_as_is(key)?;
    let is_member = set.is_some_and(|set| set.contains_at(Str::parse(member), now));

    call.reply.integer(is_member.into());
    Ok(())
}

fn smismember(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, members) = (call.args.word(), call.args.rest());

    let now = call.now.0;
    let set = call.keys.read_set_as_is(key)?;

    call.reply.array(members.len());
    for member in members {
        let is_member = set.is_some_and(|set| set.contains_at(Str::parse(member), now));
        call.reply.integer(is_member.into());
    }
    Ok(())
}

fn scard(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let count = call.keys.cardinality(key, ValueType::Set)?;

    call.reply.integer(count as i64);
    Ok(())
}

fn smembers(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    match call.keys.read_set(key)? {
        None => call.reply.set(0),
        Some(set) => {
            call.reply.set(set.len());
            set.for_each(|member| reply_member(call.reply, member));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_found_in_every_form() {
        check(
            "SADD i 3 -1 2                 => 3
             SMEMBERS i                    => [\"-1\", \"2\", \"3\"]
             SMISMEMBER i 2 4 x            => [1, 0, 0]
             SADD p b 7 a                  => 3
             SMEMBERS p                    => [\"b\", \"7\", \"a\"]
             SMISMEMBER p 7 07 a           => [1, 0, 1]
             SADD h \"x\"*65 7             => 2
             @encoding h                   => hashtable
             SMISMEMBER h 7 07 x           => [1, 0, 0]
             SISMEMBER h 7                 => 1
             SCARD h                       => 2
             SCARD none                    => 0
             SMEMBERS none                 => []
             SISMEMBER none a              => 0
             SMISMEMBER none a b           => [0, 0]
             SET t v                       => OK
             SCARD t                       => WRONGTYPE Operation against a key holding the wrong kind of value
             SMISMEMBER t a                => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}

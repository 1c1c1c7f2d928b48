//! Adding, removing and moving members: SADD, SREM, SMOVE.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Str;

const INSERT_USE: KeyUse = KeyUse::READ_WRITE.with(KeyUse::INSERT);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sadd",
        usage: "key member...",
        keys: &[KeySpec::at(1, INSERT_USE)],
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::Set,
        cost: "O(1) for each member",
        about: "Adds members to a set, which starts empty.",
        run: Run::Data(sadd),
        ..Command::ROW
    },
    Command {
        name: "srem",
        usage: "key member...",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::DELETE))],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Set,
        cost: "O(1) for each member",
        about: "Removes members from a set, which goes with its last one.",
        run: Run::Data(srem),
        ..Command::ROW
    },
    Command {
        name: "smove",
        usage: "source destination member",
        keys: &[
            KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::DELETE)),
            KeySpec::at(2, INSERT_USE),
        ],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Set,
        about: "Moves a member from one set to another.",
        run: Run::Data(smove),
        ..Command::ROW
    },
];

fn sadd(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, members) = (call.args.word(), call.args.rest());
    let first = Str::parse(members[0]);

    let mut guard = call.keys.write(key);
    let mut set = guard.edit_set(first, members.len())?;
    set.expect(members.len());
    let added = members.iter().filter(|member| set.add(Str::parse(member))).count();

    call.reply.integer(added as i64);
    Ok(())
}

fn srem(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, members) = (call.args.word(), call.args.rest());

    let mut guard = call.keys.write(key);
    let removed = match guard.existing_set()? {
        Some(mut set) => members.iter().filter(|member| set.remove(Str::parse(member))).count(),
        None => 0,
    };

    call.reply.integer(removed as i64);
    Ok(())
}

fn smove(call: &mut Call<'_>) -> Result<(), Error> {
    let (source, destination) = (call.args.word(), call.args.word());
    let member = Str::parse(call.args.word());

    let is_member = call.keys.write(source).existing_set()?.map(|set| set.view().contains(member));
    if is_member.is_some() {
        call.keys.write(destination).existing_set()?;
    }
    let is_moved = is_member == Some(true);
    if is_moved && source != destination {
        if let Some(mut set) = call.keys.write(source).existing_set()? {
            set.remove(member);
        }
        call.keys.write(destination).edit_set(member, 1)?.add(member);
    }

    call.reply.integer(is_moved.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_added_and_removed() {
        check(
            "SADD s 1 2 1                  => 2
             @encoding s                   => intset
             SADD s a 2                    => 1
             @encoding s                   => listpack
             SMEMBERS s                    => [\"1\", \"2\", \"a\"]
             SREM s 1 1 x                  => 1
             SREM s 2 a                    => 2
             EXISTS s                      => 0
             SREM s a                      => 0
             SET t v                       => OK
             SADD t a                      => WRONGTYPE Operation against a key holding the wrong kind of value
             SREM t a                      => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn the_first_call_decides_how_a_set_starts() {
        check(
            "SADD long \"x\"*64            => 1
             @encoding long                => listpack
             SADD longer \"x\"*65          => 1
             @encoding longer              => hashtable
             SADD s a \"x\"*65             => 2
             @encoding s                   => hashtable",
        );
    }

    #[test]
    fn members_are_moved() {
        check(
            "SADD a 1 x                    => 2
             SMOVE a b 1                   => 1
             @encoding b                   => intset
             SMOVE a b 1                   => 0
             SMOVE a a x                   => 1
             SMOVE a a y                   => 0
             SMOVE a b x                   => 1
             EXISTS a                      => 0
             SMEMBERS b                    => [\"1\", \"x\"]
             SET t v                       => OK
             SMOVE a t x                   => 0
             SMOVE t b x                   => WRONGTYPE Operation against a key holding the wrong kind of value
             SMOVE b t y                   => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}

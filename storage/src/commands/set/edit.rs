//! Adding, removing and moving members: SADD, SADDEX, SREM, SMOVE.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::commands::expiry::TimeForm;
use crate::commands::members::SET_MEMBERS;
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_types::{Fate, Str};

const INSERT_USE: KeyUse = KeyUse::READ_WRITE.with(KeyUse::INSERT);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sadd",
        event: "sadd",
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
        name: "saddex",
        event: "sadd",
        usage: "key [KEEPTTL] seconds member...",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::INSERT).with(KeyUse::UPDATE))],
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::Set,
        since: "8.0.0",
        cost: "O(1) for each member; O(N) the first time for a small set of N members",
        about: "Adds members to a set that expire after some seconds.",
        run: Run::Data(saddex),
        ..Command::ROW
    },
    Command {
        name: "srem",
        event: "srem",
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

/// As Dragonfly does, members that were there get the new time, too, unless `KEEPTTL` says that it is for new members
/// only.
fn saddex(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let keeps = call.args.accept("KEEPTTL");
    let at = TimeForm::Seconds.positive_moment(call.args.word(), call.now, "saddex")?;
    let members = call.args.rest();
    let first = Str::parse(members.first().ok_or(Error::WrongArity("saddex"))?);

    let mut guard = call.keys.write(key);
    let mut set = guard.edit_set(first, members.len())?;
    set.expect(members.len());
    let (mut added, mut expiring) = (Vec::new(), Vec::new());
    for member in members {
        let is_new = set.add(Str::parse(member));
        if is_new {
            added.push(*member);
        }
        if is_new || !keeps {
            expiring.push(*member);
        }
    }
    for member in &expiring {
        set.decide(Str::parse(member), |_| Fate::Expires(at.0));
    }
    if !added.is_empty() {
        call.effect.rewrite_line(|| {
            [b"SADD", key].into_iter().chain(added.iter().copied()).map(<[u8]>::to_vec).collect()
        });
    }
    SET_MEMBERS.rewrite_as_expiry(call.effect, key, at, None, &expiring);

    call.reply.integer(added.len() as i64);
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
        let mut guard = call.keys.write(source);
        if let Some(mut set) = guard.existing_set()? {
            set.remove(member);
        }
        guard.notify(Event::set("srem"));
        drop(guard);
        let mut guard = call.keys.write(destination);
        if guard.edit_set(member, 1)?.add(member) {
            guard.notify(Event::set("sadd"));
        }
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
    fn members_are_added_that_expire() {
        check(
            "SADDEX s 10 1 2 1             => 2
             @encoding s                   => hashtable
             STTL s MEMBERS 2 1 2          => [10, 10]
             SADD s 3                      => 1
             SADDEX s keepttl 20 2 3 4     => 1
             STTL s MEMBERS 4 1 2 3 4      => [10, 10, -1, 20]
             SADDEX s 30 2 3               => 0
             STTL s MEMBERS 4 1 2 3 4      => [10, 30, 30, 20]
             SADDEX s KEEPTTL 40 1 2       => 0
             SADDEX s 0 1                  => ERR invalid expire time in 'saddex' command
             SADDEX s -1 1                 => ERR invalid expire time in 'saddex' command
             SADDEX s x 1                  => ERR value is not an integer or out of range
             SADDEX s KEEPTTL 10           => ERR wrong number of arguments for 'saddex' command
             SADDEX none KEEPTTL 10        => ERR wrong number of arguments for 'saddex' command
             SET t v                       => OK
             SADDEX t 10 a                 => WRONGTYPE Operation against a key holding the wrong kind of value",
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

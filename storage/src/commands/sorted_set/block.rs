//! Removing and returning the members with the lowest or highest scores, and waiting for them if there are none:
//! BZPOPMIN, BZPOPMAX, BZMPOP.

use super::pop::{end, pop_from_first};
use super::{POP_USE, reply_entry};
use crate::command::args::parse_timeout;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{Begin, Find, KeySpec};
use crate::command::{Command, Group, Run};
use crate::commands::counted::{counted_keys, pop_count};
use crate::engine::wait::{Otherwise, Wait};
use crate::error::Error;
use spinel_types::{Direction, ValueType};
use std::time::Duration;

const ROW: Command = Command {
    usage: "key... timeout:double",
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range { last: -2, step: 1, limit: 0 },
        usage: POP_USE,
    }],
    flags: Flags::WRITE.with(Flags::BLOCKING).with(Flags::FAST),
    group: Group::SortedSet,
    since: "5.0.0",
    cost: "O(log(N)) where N is the size of the sorted set",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "bzpopmin",
        event: "zpopmin",
        about: "Removes and returns the member with the lowest score of the first sorted set that has any; waits for one.",
        run: Run::Data(bzpopmin),
        ..ROW
    },
    Command {
        name: "bzpopmax",
        event: "zpopmax",
        about: "Removes and returns the member with the highest score of the first sorted set that has any; waits for one.",
        run: Run::Data(bzpopmax),
        ..ROW
    },
    Command {
        name: "bzmpop",
        usage: "timeout:double numkeys key... where=<MIN|MAX> [COUNT count]",
        keys: &[KeySpec::counted(2, 1, POP_USE)],
        flags: Flags::WRITE.with(Flags::BLOCKING),
        since: "7.0.0",
        cost: "O(K+M*log(N)) where K is the number of keys, N the size of the sorted set and M the number of \
               members removed",
        about: "Removes and returns members with the lowest or highest scores of the first sorted set that has \
                any; waits for one.",
        run: Run::Data(bzmpop),
        ..ROW
    },
];

/// Waits for a sorted set under one of the keys.
fn wait<'c>(keys: &'c [&'c [u8]], timeout: Option<Duration>) -> Wait<'c> {
    let otherwise = Otherwise::NullArray;
    Wait { keys, awaited: ValueType::SortedSet, until_gone: false, timeout, otherwise, words: None }
}

fn bzpopmin(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, Direction::Forwards)
}

fn bzpopmax(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, Direction::Backwards)
}

fn pop(call: &mut Call<'_>, end: Direction) -> Result<(), Error> {
    let keys = call.args.take(call.args.remaining() - 1)?;
    let timeout = call.args.timeout_seconds(call.now)?;

    for key in keys {
        let mut guard = call.keys.write(key);
        let Some(mut set) = guard.existing_sorted_set()? else { continue };
        let rank = if end == Direction::Forwards { 0 } else { set.view().len() - 1 };
        call.reply.array(3);
        call.reply.bulk(key);
        set.view().entries(rank..rank + 1, end).for_each(|entry| reply_entry(call.reply, entry));
        set.remove_range(rank..rank + 1);
        let name = if end == Direction::Forwards { "ZPOPMIN" } else { "ZPOPMAX" };
        call.effect.rewrite(|| [name.into(), key.to_vec()]);
        return Ok(());
    }
    call.wait = Some(wait(keys, timeout));
    Ok(())
}

fn bzmpop(call: &mut Call<'_>) -> Result<(), Error> {
    // A bad time is the last mistake that is told.
    let timeout = call.args.word();
    let keys = counted_keys(&mut call.args)?;
    let end = end(&mut call.args)?;
    let count = pop_count(&mut call.args)?;
    let timeout = parse_timeout(timeout, call.now)?;

    if !pop_from_first(call, keys, end, count)? {
        call.wait = Some(wait(keys, timeout));
    }
    Ok(())
}

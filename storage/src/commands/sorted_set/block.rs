//! Removing and returning the members with the lowest or highest scores, and waiting for them if there are none:
//! BZPOPMIN, BZPOPMAX, BZMPOP.

use super::pop::{end, pop_from_first};
use super::reply_entry;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::commands::taking::{
    Request, TAKE_USE, WAITING_POP, keys_and_timeout, take_from_first, wait_unless,
};
use crate::engine::wait::Wait;
use crate::error::Error;
use spinel_types::{Direction, ValueType};

const ROW: Command = Command {
    flags: WAITING_POP.flags.with(Flags::FAST),
    group: Group::SortedSet,
    since: "5.0.0",
    cost: "O(log(N)) where N is the size of the sorted set",
    ..WAITING_POP
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
        keys: &[KeySpec::counted(2, 1, TAKE_USE)],
        flags: WAITING_POP.flags,
        since: "7.0.0",
        cost: "O(K+M*log(N)) where K is the number of keys, N the size of the sorted set and M the number of \
               members removed",
        about: "Removes and returns members with the lowest or highest scores of the first sorted set that has \
                any; waits for one.",
        run: Run::Data(bzmpop),
        ..ROW
    },
];

fn bzpopmin(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, Direction::Forwards)
}

fn bzpopmax(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, Direction::Backwards)
}

fn pop(call: &mut Call<'_>, end: Direction) -> Result<(), Error> {
    let (keys, timeout) = keys_and_timeout(call)?;

    let is_lowest = end == Direction::Forwards;
    let name = if is_lowest { "ZPOPMIN" } else { "ZPOPMAX" };
    let is_found = take_from_first(call, keys, name, |guard, key, reply| {
        let Some(mut set) = guard.existing_sorted_set()? else { return Ok(None) };
        let rank = if is_lowest { 0 } else { set.view().len() - 1 };
        reply.array(3);
        reply.bulk(key);
        set.view().entries(rank..rank + 1, end).for_each(|entry| reply_entry(reply, entry));
        set.remove_range(rank..rank + 1);
        Ok(Some(1))
    })?;
    wait_unless(call, is_found, Wait::until(ValueType::SortedSet, keys, timeout))
}

fn bzmpop(call: &mut Call<'_>) -> Result<(), Error> {
    let (request, timeout) = Request::parse_waiting(&mut call.args, end, call.now)?;

    let is_found = pop_from_first(call, &request)?;
    wait_unless(call, is_found, Wait::until(ValueType::SortedSet, request.keys, timeout))
}

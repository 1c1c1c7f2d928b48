//! Taking and moving elements, and waiting for them if there are none: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH,
//! BLMOVEM.

use super::pop::pop_from_first;
use super::transfer::Move;
use super::{INSERT_USE, end, reply_element};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::commands::taking::{
    Request, TAKE_USE, WAITING_POP, keys_and_timeout, take_from_first, wait_unless,
};
use crate::engine::effect::Line;
use crate::engine::wait::{Otherwise, Wait};
use crate::error::Error;
use spinel_types::ValueType;
use spinel_types::list::End;
use std::time::Duration;

const POP: Command =
    Command { group: Group::List, since: "2.0.0", cost: "O(N) where N is the number of keys", ..WAITING_POP };

const MOVE: Command = Command {
    keys: &[KeySpec::at(1, TAKE_USE), KeySpec::at(2, INSERT_USE)],
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::BLOCKING),
    group: Group::List,
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "blpop",
        event: "lpop",
        about: "Removes and returns the first element of the first list that has one; waits until one has.",
        run: Run::Data(blpop),
        ..POP
    },
    Command {
        name: "brpop",
        event: "rpop",
        about: "Removes and returns the last element of the first list that has one; waits until one has.",
        run: Run::Data(brpop),
        ..POP
    },
    Command {
        name: "blmpop",
        usage: "timeout:double numkeys key... where=<LEFT|RIGHT> [COUNT count]",
        keys: &[KeySpec::counted(2, 1, TAKE_USE)],
        since: "7.0.0",
        cost: "O(N+M) where N is the number of keys and M the number of elements returned",
        about: "Removes and returns elements from an end of the first list that has any; waits until one has.",
        run: Run::Data(blmpop),
        ..POP
    },
    Command {
        name: "blmove",
        usage: "source destination wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT> timeout:double",
        since: "6.2.0",
        about: "Moves an element from an end of a list to an end of another one and returns it; waits for one.",
        run: Run::Data(blmove),
        ..MOVE
    },
    Command {
        name: "brpoplpush",
        usage: "source destination timeout:double",
        since: "2.2.0",
        about: "Moves the last element of a list to the start of another one and returns it; waits for one.",
        deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
        run: Run::Data(brpoplpush),
        ..MOVE
    },
    Command {
        name: "blmovem",
        usage: "source destination wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT> timeout:double \
                [how-many=(selector=<COUNT count|EXACTLY exactly:integer> ordering=<OBO|BULK>)]",
        since: "8.10.0",
        cost: "O(N) where N is the number of elements moved",
        about: "Moves elements from an end of a list to an end of another one and returns them; waits for them.",
        run: Run::Data(blmovem),
        ..MOVE
    },
];

fn blpop(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, End::Head)
}

fn brpop(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, End::Tail)
}

fn pop(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let (keys, timeout) = keys_and_timeout(call)?;

    let name = if end == End::Head { "LPOP" } else { "RPOP" };
    let is_found = take_from_first(call, keys, name, |guard, key, reply| {
        let Some(mut list) = guard.existing_list()? else { return Ok(None) };
        reply.array(2);
        reply.bulk(key);
        list.take(end, 1, |element| reply_element(reply, element));
        Ok(Some(1))
    })?;
    wait_unless(call, is_found, Wait::until(ValueType::List, keys, timeout))
}

fn blmpop(call: &mut Call<'_>) -> Result<(), Error> {
    let (request, timeout) = Request::parse_waiting(&mut call.args, end, call.now)?;

    let is_found = pop_from_first(call, &request)?;
    wait_unless(call, is_found, Wait::until(ValueType::List, request.keys, timeout))
}

fn blmove(call: &mut Call<'_>) -> Result<(), Error> {
    let moving = Move::parse_one(&mut call.args)?;
    let timeout = call.args.timeout_seconds(call.now)?;

    move_or_wait(call, &moving, timeout, Otherwise::Null)
}

fn brpoplpush(call: &mut Call<'_>) -> Result<(), Error> {
    let moving = Move::pop_and_push(&mut call.args);
    let timeout = call.args.timeout_seconds(call.now)?;

    move_or_wait(call, &moving, timeout, Otherwise::Null)
}

fn blmovem(call: &mut Call<'_>) -> Result<(), Error> {
    let mut moving = Move::parse_several(&mut call.args)?;
    let timeout = call.args.timeout_seconds(call.now)?;
    moving.parse_count(&mut call.args)?;
    call.args.finish()?;

    move_or_wait(call, &moving, timeout, Otherwise::NullArray)
}

/// Moves what is there, or waits until the source is, or has enough.
fn move_or_wait(
    call: &mut Call<'_>,
    moving: &Move<'_>,
    timeout: Option<Duration>,
    otherwise: Otherwise,
) -> Result<(), Error> {
    let moved = moving.run(call)?;

    let is_found = moving.reply(call.reply, moved);
    if is_found {
        let words = call.args.words();
        call.effect.rewrite_line(|| without_waiting(words));
    }
    let keys = &call.args.words()[1..2];
    wait_unless(call, is_found, Wait { otherwise, ..Wait::until(ValueType::List, keys, timeout) })
}

/// The words of the command that does the same and does not wait.
fn without_waiting(words: &[&[u8]]) -> Line {
    let (name, timeout): (&[u8], usize) = match words.len() {
        4 => (b"RPOPLPUSH", 3),
        6 => (b"LMOVE", 5),
        _ => (b"LMOVEM", 5),
    };
    let others = words.iter().enumerate().skip(1).filter(|(position, _)| *position != timeout);
    std::iter::once(name).chain(others.map(|(_, word)| *word)).map(<[u8]>::to_vec).collect()
}

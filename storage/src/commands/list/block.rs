//! Taking and moving elements, and waiting for them if there are none: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH,
//! BLMOVEM.

use super::pop::pop_from_first;
use super::transfer::Move;
use super::{INSERT_USE, TAKE_USE, end, reply_element};
use crate::command::args::parse_timeout;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{Begin, Find, KeySpec};
use crate::command::{Command, Group, Run};
use crate::commands::counted::{counted_keys, pop_count};
use crate::engine::effect::Line;
use crate::engine::wait::{Otherwise, Wait};
use crate::error::Error;
use spinel_types::ValueType;
use spinel_types::list::End;
use std::time::Duration;

const POP: Command = Command {
    usage: "key... timeout:double",
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range { last: -2, step: 1, limit: 0 },
        usage: TAKE_USE,
    }],
    flags: Flags::WRITE.with(Flags::BLOCKING),
    group: Group::List,
    since: "2.0.0",
    cost: "O(N) where N is the number of keys",
    ..Command::ROW
};

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

/// Waits for a list under one of the keys.
fn wait<'c>(keys: &'c [&'c [u8]], timeout: Option<Duration>, otherwise: Otherwise) -> Wait<'c> {
    Wait { keys, awaited: ValueType::List, until_gone: false, timeout, otherwise, words: None }
}

fn blpop(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, End::Head)
}

fn brpop(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, End::Tail)
}

fn pop(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let keys = call.args.take(call.args.remaining() - 1)?;
    let timeout = call.args.timeout_seconds(call.now)?;

    for key in keys {
        let mut guard = call.keys.write(key);
        let Some(mut list) = guard.existing_list()? else { continue };
        call.reply.array(2);
        call.reply.bulk(key);
        list.take(end, 1, |element| reply_element(call.reply, element));
        let name = if end == End::Head { b"LPOP" } else { b"RPOP" };
        call.effect.rewrite(|| [name.to_vec(), key.to_vec()]);
        return Ok(());
    }
    call.wait = Some(wait(keys, timeout, Otherwise::NullArray));
    Ok(())
}

fn blmpop(call: &mut Call<'_>) -> Result<(), Error> {
    // A bad time is the last mistake that is told.
    let timeout = call.args.word();
    let keys = counted_keys(&mut call.args)?;
    let end = end(&mut call.args)?;
    let count = pop_count(&mut call.args)?;
    let timeout = parse_timeout(timeout, call.now)?;

    if !pop_from_first(call, keys, end, count)? {
        call.wait = Some(wait(keys, timeout, Otherwise::NullArray));
    }
    Ok(())
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

    if moving.reply(call.reply, moved) {
        let words = call.args.words();
        call.effect.rewrite_line(|| without_waiting(words));
    } else {
        call.wait = Some(wait(&call.args.words()[1..2], timeout, otherwise));
    }
    Ok(())
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

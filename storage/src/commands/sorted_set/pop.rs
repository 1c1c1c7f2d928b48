//! Removing and returning the members with the lowest or highest scores: ZPOPMIN, ZPOPMAX, ZMPOP.

use super::reply_entry;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::commands::taking::{Request, TAKE_USE, take_from_first};
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_types::{Direction, SortedSetMut};

const ROW: Command = Command {
    usage: "key [count]",
    keys: &[KeySpec::at(1, TAKE_USE)],
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::SortedSet,
    since: "5.0.0",
    cost: "O(log(N)+M) where N is the size of the sorted set and M the number of members removed",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zpopmin",
        event: "zpopmin",
        about: "Removes and returns the members with the lowest scores.",
        run: Run::Data(zpopmin),
        ..ROW
    },
    Command {
        name: "zpopmax",
        event: "zpopmax",
        about: "Removes and returns the members with the highest scores.",
        run: Run::Data(zpopmax),
        ..ROW
    },
    Command {
        name: "zmpop",
        usage: "numkeys key... where=<MIN|MAX> [COUNT count]",
        keys: &[KeySpec::counted(1, 1, TAKE_USE)],
        flags: Flags::WRITE,
        since: "7.0.0",
        cost: "O(K+log(N)+M) where K is the number of keys, N the size of the sorted set and M the number of \
               members removed",
        about: "Removes and returns members with the lowest or highest scores of the first sorted set that \
                has any.",
        run: Run::Data(zmpop),
        ..ROW
    },
];

fn zpopmin(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, Direction::Forwards)
}

fn zpopmax(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, Direction::Backwards)
}

fn pop(call: &mut Call<'_>, end: Direction) -> Result<(), Error> {
    let key = call.args.word();
    if call.args.remaining() > 1 {
        return Err(Error::Syntax);
    }
    let is_counted = call.args.remaining() > 0;
    let count = if is_counted { call.args.not_negative(Error::Negative)? } else { 1 };

    let in_pairs = is_counted && call.reply.protocol() == Protocol::Resp3;
    let mut guard = call.keys.write(key);
    match guard.existing_sorted_set()? {
        Some(mut set) => _ = take(call.reply, &mut set, end, count, in_pairs),
        None => call.reply.array(0),
    }
    Ok(())
}

/// Replies members from one end with their scores, removes them, and says how many they were.
fn take(
    reply: &mut ReplyWriter,
    set: &mut SortedSetMut<'_>,
    end: Direction,
    count: usize,
    in_pairs: bool,
) -> usize {
    let len = set.view().len();
    let count = count.min(len);
    let ranks = if end == Direction::Forwards { 0..count } else { len - count..len };
    reply.array(if in_pairs { count } else { 2 * count });
    for entry in set.view().entries(ranks.clone(), end) {
        if in_pairs {
            reply.array(2);
        }
        reply_entry(reply, entry);
    }
    set.remove_range(ranks);
    count
}

/// Reads which end is meant.
pub(super) fn end(args: &mut Args<'_>) -> Result<Direction, Error> {
    if args.accept("MIN") {
        Ok(Direction::Forwards)
    } else if args.accept("MAX") {
        Ok(Direction::Backwards)
    } else {
        Err(Error::Syntax)
    }
}

fn zmpop(call: &mut Call<'_>) -> Result<(), Error> {
    let request = Request::parse(&mut call.args, end)?;

    if !pop_from_first(call, &request)? {
        call.reply.null_array();
    }
    Ok(())
}

/// Takes members from the first sorted set that is there and replies its key and them; whether there was one.
pub(super) fn pop_from_first(call: &mut Call<'_>, request: &Request<'_, Direction>) -> Result<bool, Error> {
    let (end, count) = (request.end, request.count);
    let is_lowest = end == Direction::Forwards;
    let (name, event) = if is_lowest { ("ZPOPMIN", "zpopmin") } else { ("ZPOPMAX", "zpopmax") };
    take_from_first(call, request.keys, name, |guard, key, reply| {
        let Some(mut set) = guard.existing_sorted_set()? else { return Ok(None) };
        reply.array(2);
        reply.bulk(key);
        let taken = take(reply, &mut set, end, count, true);
        guard.notify(Event::sorted_set(event));
        Ok(Some(taken))
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_popped_from_either_end() {
        check(
            "ZADD z 1 a 2 b 3 c 4 d 5 e   => 5
             ZPOPMIN z                    => [\"a\", ,1]
             ZPOPMAX z                    => [\"e\", ,5]
             ZPOPMAX z 2                  => [[\"d\", ,4], [\"c\", ,3]]
             ZPOPMIN z 0                  => []
             ZPOPMIN z 9                  => [[\"b\", ,2]]
             EXISTS z                     => 0
             ZPOPMIN z                    => []
             ZPOPMIN z -1                 => ERR value is out of range, must be positive
             ZPOPMIN z x                  => ERR value is out of range, must be positive
             ZPOPMIN z 1 2                => ERR syntax error
             SET s 1                      => OK
             ZPOPMIN s 0                  => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn the_first_sorted_set_of_several_is_popped_from() {
        check(
            "ZADD z 1 a 2 b 3 c           => 3
             ZMPOP 2 none z MIN           => [\"z\", [[\"a\", ,1]]]
             ZMPOP 2 none z MAX COUNT 9   => [\"z\", [[\"c\", ,3], [\"b\", ,2]]]
             ZMPOP 2 none z MIN           => nil
             ZMPOP 0 z MIN                => ERR numkeys should be greater than 0
             ZMPOP x z MIN                => ERR numkeys should be greater than 0
             ZMPOP 2 z MIN                => ERR syntax error
             ZMPOP 1 z MID                => ERR syntax error
             ZMPOP 1 z MIN COUNT 0        => ERR count should be greater than 0
             ZMPOP 1 z MIN COUNT 1 COUNT 2 => ERR syntax error",
        );
    }
}

//! Changing a list in its middle: LSET, LINSERT, LREM, LTRIM.

use super::{INSERT_KEY, index_of, range_of};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_types::Element;
use spinel_types::list::{Direction, Side};

const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::DELETE))];

const ROW: Command = Command { flags: Flags::WRITE, group: Group::List, ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "lset",
        event: "lset",
        usage: "key index element",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        cost: "O(N) where N is the distance of the index from the nearer end",
        about: "Puts an element in the place of the one of an index of a list.",
        run: Run::Data(lset),
        ..ROW
    },
    Command {
        name: "linsert",
        event: "linsert",
        usage: "key where=<BEFORE|AFTER> pivot element",
        keys: INSERT_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        since: "2.2.0",
        cost: "O(N) where N is the number of elements before the pivot",
        about: "Inserts an element before or after another one of a list.",
        run: Run::Data(linsert),
        ..ROW
    },
    Command {
        name: "lrem",
        event: "lrem",
        usage: "key count element",
        keys: DELETE_KEY,
        cost: "O(N+M) where N is the length of the list and M the number of elements removed",
        about: "Removes elements equal to one from a list, the first, the last or all.",
        run: Run::Data(lrem),
        ..ROW
    },
    Command {
        name: "ltrim",
        event: "ltrim",
        usage: "key start stop:integer",
        keys: DELETE_KEY,
        cost: "O(N) where N is the number of elements removed",
        about: "Removes all elements but those of a part of a list.",
        run: Run::Data(ltrim),
        ..ROW
    },
];

fn lset(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut guard = call.keys.write(key);
    let mut list = guard.existing_list()?.ok_or(Error::NoSuchKey)?;
    let (index, element) = (call.args.integer(), Element::Text(call.args.word()));
    call.args.check()?;

    let index = index_of(index, list.view().len());
    if !list.set(index.unwrap_or(usize::MAX), element) {
        return Err(Error::Text("ERR index out of range"));
    }

    call.reply.ok();
    Ok(())
}

fn linsert(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let side = if call.args.accept("BEFORE") {
        Side::Before
    } else if call.args.accept("AFTER") {
        Side::After
    } else {
        return Err(Error::Syntax);
    };
    let (pivot, element) = (Element::Text(call.args.word()), Element::Text(call.args.word()));

    let mut guard = call.keys.write(key);
    let len = match guard.existing_list()? {
        None => 0,
        Some(mut list) => list.insert(pivot, side, element).map_or(-1, |len| len as i64),
    };

    call.reply.integer(len);
    Ok(())
}

fn lrem(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, count) = (call.args.word(), call.args.integer_between(-i64::MAX, i64::MAX));
    let element = Element::Text(call.args.word());
    call.args.check()?;
    let (max, direction) = match count {
        0 => (usize::MAX, Direction::Forwards),
        1.. => (count as usize, Direction::Forwards),
        _ => (count.unsigned_abs() as usize, Direction::Backwards),
    };

    let mut guard = call.keys.write(key);
    let removed = guard.existing_list()?.map_or(0, |mut list| list.remove_matches(element, max, direction));

    call.reply.integer(removed as i64);
    Ok(())
}

fn ltrim(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, start, stop) = (call.args.word(), call.args.integer(), call.args.integer());
    call.args.check()?;

    let mut guard = call.keys.write(key);
    if let Some(mut list) = guard.existing_list()? {
        let range = range_of(start, stop, list.view().len());
        list.keep(range.start, range.len());
        guard.notify(Event::list("ltrim"));
        guard.touch();
    }
    drop(guard);

    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn elements_are_replaced_and_inserted() {
        check(
            "RPUSH l a b c                 => 3
             LSET l 1 5                    => OK
             LSET l -1 z                   => OK
             LRANGE l 0 -1                 => [\"a\", \"5\", \"z\"]
             LSET l 3 x                    => ERR index out of range
             LSET l -4 x                   => ERR index out of range
             LSET l x x                    => ERR value is not an integer or out of range
             LSET none x x                 => ERR no such key
             LINSERT l BEFORE 5 4          => 4
             LINSERT l after z end         => 5
             LRANGE l 0 -1                 => [\"a\", \"4\", \"5\", \"z\", \"end\"]
             LINSERT l AFTER nosuch x      => -1
             LINSERT none AFTER a b        => 0
             LINSERT none BESIDE a b       => ERR syntax error
             SET s v                       => OK
             LSET s x x                    => WRONGTYPE Operation against a key holding the wrong kind of value
             LINSERT s AFTER a b           => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn matches_are_removed_in_either_direction() {
        check(
            "RPUSH l a b a c a b a         => 7
             LREM l 1 a                    => 1
             LREM l -2 a                   => 2
             LRANGE l 0 -1                 => [\"b\", \"a\", \"c\", \"b\"]
             LREM l 0 b                    => 2
             LREM l 0 b                    => 0
             LREM none 0 b                 => 0
             LREM l -9223372036854775808 a => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
             LREM l 0 a                    => 1
             LREM l 0 c                    => 1
             LREM l 0 c                    => 0",
        );
    }

    #[test]
    fn all_but_a_part_is_removed() {
        check(
            "RPUSH l a b c d e             => 5
             LTRIM l 1 -2                  => OK
             LRANGE l 0 -1                 => [\"b\", \"c\", \"d\"]
             LTRIM l 0 9                   => OK
             LTRIM l -1 -1                 => OK
             LRANGE l 0 -1                 => [\"d\"]
             LTRIM l 5 9                   => OK
             LLEN l                        => 0
             LTRIM none 0 1                => OK
             LTRIM none x 1                => ERR value is not an integer or out of range",
        );
    }
}

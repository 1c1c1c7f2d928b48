//! Reading elements by their places: LLEN, LRANGE, LINDEX.

use super::{READ_KEY, index_of, range_of, reply_element};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::ListRef;
use spinel_types::list::Direction;

const ROW: Command = Command { keys: READ_KEY, flags: Flags::READONLY, group: Group::List, ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "llen",
        usage: "key",
        keys: &[KeySpec::at(1, KeyUse::READ_ONLY)],
        flags: Flags::READONLY.with(Flags::FAST),
        about: "Returns the length of a list.",
        run: Run::Data(llen),
        ..ROW
    },
    Command {
        name: "lrange",
        usage: "key start stop:integer",
        cost: "O(S+N) where S is the distance of the start from the nearer end and N the number of elements returned",
        about: "Returns the elements of a part of a list.",
        run: Run::Data(lrange),
        ..ROW
    },
    Command {
        name: "lindex",
        usage: "key index",
        cost: "O(N) where N is the distance of the index from the nearer end",
        about: "Returns the element of an index of a list.",
        run: Run::Data(lindex),
        ..ROW
    },
];

fn llen(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let len = call.keys.read_list(key)?.map_or(0, ListRef::len);

    call.reply.integer(len as i64);
    Ok(())
}

fn lrange(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, start, stop) = (call.args.word(), call.args.integer(), call.args.integer());
    call.args.check()?;

    let Some(list) = call.keys.read_list(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let range = range_of(start, stop, list.len());

    let reply = &mut *call.reply;
    reply.array(range.len());
    list.for_each((range.start, range.len()), Direction::Forwards, |element| reply_element(reply, element));
    Ok(())
}

fn lindex(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let Some(list) = call.keys.read_list(key)? else {
        call.reply.null();
        return Ok(());
    };
    let index = call.args.integer();
    call.args.check()?;

    let reply = &mut *call.reply;
    match index_of(index, list.len()).filter(|index| *index < list.len()) {
        Some(index) => {
            list.for_each((index, 1), Direction::Forwards, |element| reply_element(reply, element));
        }
        None => reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn parts_are_read_from_either_end() {
        check(
            "RPUSH l a b 3 d               => 4
             LLEN l                        => 4
             LRANGE l 1 2                  => [\"b\", \"3\"]
             LRANGE l -2 9                 => [\"3\", \"d\"]
             LRANGE l 3 1                  => []
             LRANGE l 0 -5                 => []
             LRANGE none 0 -1              => []
             LRANGE l 0 x                  => ERR value is not an integer or out of range
             LINDEX l 0                    => \"a\"
             LINDEX l -1                   => \"d\"
             LINDEX l 4                    => nil
             LINDEX l -5                   => nil
             LINDEX none x                 => nil
             LINDEX l x                    => ERR value is not an integer or out of range
             SET s v                       => OK
             LLEN s                        => WRONGTYPE Operation against a key holding the wrong kind of value
             LRANGE s 0 -1                 => WRONGTYPE Operation against a key holding the wrong kind of value
             LINDEX s x                    => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}

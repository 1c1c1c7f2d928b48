//! Taking elements from an end: LPOP, RPOP, LMPOP.

use super::{end, reply_element};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::commands::taking::{Request, TAKE_USE, take_from_first};
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_types::list::End;

const ROW: Command = Command {
    usage: "key [count]",
    keys: &[KeySpec::at(1, TAKE_USE)],
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::List,
    cost: "O(N) where N is the number of elements returned",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "lpop",
        event: "lpop",
        about: "Removes and returns the first elements of a list.",
        run: Run::Data(lpop),
        ..ROW
    },
    Command {
        name: "rpop",
        event: "rpop",
        about: "Removes and returns the last elements of a list, the last one first.",
        run: Run::Data(rpop),
        ..ROW
    },
    Command {
        name: "lmpop",
        usage: "numkeys key... where=<LEFT|RIGHT> [COUNT count]",
        keys: &[KeySpec::counted(1, 1, TAKE_USE)],
        flags: Flags::WRITE,
        since: "7.0.0",
        cost: "O(N+M) where N is the number of keys and M the number of elements returned",
        about: "Removes and returns elements from an end of the first of several lists that is there.",
        run: Run::Data(lmpop),
        ..ROW
    },
];

fn lpop(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, End::Head, "lpop")
}

fn rpop(call: &mut Call<'_>) -> Result<(), Error> {
    pop(call, End::Tail, "rpop")
}

fn pop(call: &mut Call<'_>, end: End, name: &'static str) -> Result<(), Error> {
    let key = call.args.word();
    let count = match call.args.remaining() {
        0 => None,
        1 => Some(call.args.not_negative(Error::Negative)?),
        _ => return Err(Error::WrongArity(name)),
    };

    let mut guard = call.keys.write(key);
    let list = guard.existing_list()?;

    let reply = &mut *call.reply;
    match (list, count) {
        (Some(mut list), None) => list.take(end, 1, |element| reply_element(reply, element)),
        (Some(mut list), Some(count)) => {
            reply.array(count.min(list.view().len()));
            list.take(end, count, |element| reply_element(reply, element));
        }
        (None, None) => reply.null(),
        (None, Some(_)) => reply.null_array(),
    }
    Ok(())
}

fn lmpop(call: &mut Call<'_>) -> Result<(), Error> {
    let request = Request::parse(&mut call.args, end)?;

    if !pop_from_first(call, &request)? {
        call.reply.null_array();
    }
    Ok(())
}

/// Takes elements from the first list that is there and replies its key and them; whether there was one.
pub(super) fn pop_from_first(call: &mut Call<'_>, request: &Request<'_, End>) -> Result<bool, Error> {
    let (end, count) = (request.end, request.count);
    let (name, event) = if end == End::Head { ("LPOP", "lpop") } else { ("RPOP", "rpop") };
    take_from_first(call, request.keys, name, |guard, key, reply| {
        let Some(mut list) = guard.existing_list()? else { return Ok(None) };
        let count = count.min(list.view().len());
        reply.array(2);
        reply.bulk(key);
        reply.array(count);
        list.take(end, count, |element| reply_element(reply, element));
        guard.notify(Event::list(event));
        Ok(Some(count))
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn elements_are_taken_from_an_end() {
        check(
            "RPUSH l a b c d e             => 5
             LPOP l                        => \"a\"
             RPOP l                        => \"e\"
             LPOP l 0                      => []
             RPOP l 2                      => [\"d\", \"c\"]
             LPOP l 9                      => [\"b\"]
             LPOP l                        => nil
             LPOP l 1                      => nil
             LPOP l -1                     => ERR value is out of range, must be positive
             LPOP l x                      => ERR value is out of range, must be positive
             LPOP l 1 1                    => ERR wrong number of arguments for 'lpop' command
             RPOP l 1 1                    => ERR wrong number of arguments for 'rpop' command
             SET s v                       => OK
             LPOP s                        => WRONGTYPE Operation against a key holding the wrong kind of value
             LPOP s x                      => ERR value is out of range, must be positive",
        );
    }

    #[test]
    fn the_first_list_that_is_there_gives() {
        check(
            "RPUSH b 1 2 3 4               => 4
             LMPOP 2 a b LEFT              => [\"b\", [\"1\"]]
             LMPOP 2 a b RIGHT COUNT 2     => [\"b\", [\"4\", \"3\"]]
             LMPOP 1 b LEFT COUNT 9        => [\"b\", [\"2\"]]
             LMPOP 2 a b LEFT              => nil
             SET s v                       => OK
             LMPOP 2 s b LEFT              => WRONGTYPE Operation against a key holding the wrong kind of value
             LMPOP 0 a LEFT                => ERR numkeys should be greater than 0
             LMPOP x a LEFT                => ERR numkeys should be greater than 0
             LMPOP 2 a LEFT                => ERR syntax error
             LMPOP 1 a MIDDLE              => ERR syntax error
             LMPOP 1 a LEFT COUNT 0        => ERR count should be greater than 0
             LMPOP 1 a LEFT COUNT          => ERR syntax error
             LMPOP 1 a LEFT COUNT 1 COUNT 1 => ERR syntax error",
        );
    }
}

//! Reading fields: HGET, HMGET, HEXISTS, HLEN, HSTRLEN.

use super::{MEASURE_KEY, READ_KEY, reply_value};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::{Str, ValueType};

const ROW: Command = Command {
    keys: READ_KEY,
    flags: Flags::READONLY.with(Flags::FAST),
    group: Group::Hash,
    since: "2.0.0",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hget",
        usage: "key field",
        about: "Returns the value of a field of a hash.",
        run: Run::Data(hget),
        ..ROW
    },
    Command {
        name: "hmget",
        usage: "key field...",
        cost: "O(N) where N is the number of fields being requested",
        about: "Returns the values of fields of a hash.",
        run: Run::Data(hmget),
        ..ROW
    },
    Command {
        name: "hexists",
        usage: "key field",
        keys: MEASURE_KEY,
        about: "Tells whether a hash has a field.",
        run: Run::Data(hexists),
        ..ROW
    },
    Command {
        name: "hlen",
        usage: "key",
        keys: MEASURE_KEY,
        about: "Returns the number of fields of a hash.",
        run: Run::Data(hlen),
        ..ROW
    },
    Command {
        name: "hstrlen",
        usage: "key field",
        keys: MEASURE_KEY,
        since: "3.2.0",
        about: "Returns the length of the value of a field of a hash in bytes.",
        run: Run::Data(hstrlen),
        ..ROW
    },
];

fn hget(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, field) = (call.args.word(), call.args.word());

    let now = call.now.0;
    let hash = call.keys.read_hash_as_is(key)?;

    reply_value(call.reply, hash.and_then(|hash| hash.value_at(field, now)));
    Ok(())
}

fn hmget(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, fields) = (call.args.word(), call.args.rest());

    let now = call.now.0;
    let hash = call.keys.read_hash_as_is(key)?;

    call.reply.array(fields.len());
    for field in fields {
        reply_value(call.reply, hash.and_then(|hash| hash.value_at(field, now)));
    }
    Ok(())
}

fn hexists(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, field) = (call.args.word(), call.args.word());

    let now = call.now.0;
    let value = call.keys.read_hash_as_is(key)?.and_then(|hash| hash.value_at(field, now));

    call.reply.integer(value.is_some().into());
    Ok(())
}

fn hlen(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let len = call.keys.cardinality(key, ValueType::Hash)?;

    call.reply.integer(len as i64);
    Ok(())
}

fn hstrlen(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, field) = (call.args.word(), call.args.word());

    let now = call.now.0;
    let value = call.keys.read_hash_as_is(key)?.and_then(|hash| hash.value_at(field, now));

    call.reply.integer(value.map_or(0, Str::len) as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_read() {
        check(
            "HSET h a 1 b text             => 2
             HGET h a                      => \"1\"
             HGET h none                   => nil
             HGET none a                   => nil
             HMGET h b none a b            => [\"text\", nil, \"1\", \"text\"]
             HMGET none a b                => [nil, nil]
             HEXISTS h a                   => 1
             HEXISTS h c                   => 0
             HEXISTS none c                => 0
             HLEN h                        => 2
             HLEN none                     => 0
             HSET h n -100                 => 1
             HSTRLEN h n                   => 4
             HSTRLEN h b                   => 4
             HSTRLEN h none                => 0
             HSTRLEN none a                => 0
             SET s v                       => OK
             HGET s a                      => WRONGTYPE Operation against a key holding the wrong kind of value
             HLEN s                        => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}

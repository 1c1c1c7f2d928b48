//! Reading whole hashes: HGETALL, HKEYS, HVALS.

use super::{READ_KEY, reply_text};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::HashRef;

const ROW: Command = Command {
    usage: "key",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::Hash,
    since: "2.0.0",
    cost: "O(N) where N is the size of the hash",
    tips: &["nondeterministic_output_order"],
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hgetall",
        about: "Returns all fields of a hash with their values.",
        run: Run::Data(hgetall),
        ..ROW
    },
    Command { name: "hkeys", about: "Returns all fields of a hash.", run: Run::Data(hkeys), ..ROW },
    Command { name: "hvals", about: "Returns all values of a hash.", run: Run::Data(hvals), ..ROW },
];

fn hgetall(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let (hash, reply) = (call.keys.read_hash(key)?, &mut *call.reply);

    reply.map(hash.map_or(0, HashRef::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value, _| {
            reply_text(reply, field);
            reply_text(reply, value);
        });
    }
    Ok(())
}

fn hkeys(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let (hash, reply) = (call.keys.read_hash(key)?, &mut *call.reply);

    reply.array(hash.map_or(0, HashRef::len));
    if let Some(hash) = hash {
        hash.for_each(|field, _, _| reply_text(reply, field));
    }
    Ok(())
}

fn hvals(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let (hash, reply) = (call.keys.read_hash(key)?, &mut *call.reply);

    reply.array(hash.map_or(0, HashRef::len));
    if let Some(hash) = hash {
        hash.for_each(|_, value, _| reply_text(reply, value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn a_small_hash_is_read_in_its_order() {
        check(
            "HSET h b 1 a x c -7           => 3
             HGETALL h                     => {\"b\": \"1\", \"a\": \"x\", \"c\": \"-7\"}
             HKEYS h                       => [\"b\", \"a\", \"c\"]
             HVALS h                       => [\"1\", \"x\", \"-7\"]
             HGETALL none                  => {}
             HKEYS none                    => []
             HVALS none                    => []
             SET s v                       => OK
             HKEYS s                       => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}

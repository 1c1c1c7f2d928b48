//! Giving fields values: HSET, HMSET, HSETNX.

use super::CHANGE_KEY;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::FieldExpiry;

const ROW: Command = Command {
    keys: CHANGE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::Hash,
    since: "2.0.0",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hset",
        event: "hset",
        usage: "key data=(field value)...",
        cost: "O(1) for each field, O(N) to set N fields",
        about: "Gives fields of a hash values.",
        run: Run::Data(|call| {
            let added = set_all(call, "hset")?;
            call.reply.integer(added as i64);
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "hmset",
        event: "hset",
        usage: "key data=(field value)...",
        cost: "O(N) where N is the number of fields being set",
        about: "Gives several fields of a hash values.",
        deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
        run: Run::Data(|call| {
            set_all(call, "hmset")?;
            call.reply.ok();
            Ok(())
        }),
        ..ROW
    },
    Command {
        name: "hsetnx",
        event: "hset",
        usage: "key field value",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::INSERT))],
        about: "Gives a field of a hash a value unless it has one.",
        run: Run::Data(hsetnx),
        ..ROW
    },
];

/// Sets the fields that follow the key; how many are new.
fn set_all(call: &mut Call<'_>, command: &'static str) -> Result<usize, Error> {
    let (key, pairs) = (call.args.word(), call.args.rest());
    if !pairs.len().is_multiple_of(2) {
        return Err(Error::WrongArity(command));
    }

    let mut guard = call.keys.write(key);
    let added = guard.hash()?.set_all(pairs, FieldExpiry::Clear);
    guard.name_parts(pairs.iter().step_by(2).copied());
    Ok(added)
}

fn hsetnx(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, field, value) = (call.args.word(), call.args.word(), call.args.word());

    let mut guard = call.keys.write(key);
    let is_there = guard.existing_hash()?.is_some_and(|hash| hash.view().contains(field));
    if !is_there {
        guard.hash()?.set(field, value, FieldExpiry::Clear);
        guard.name_parts([field]);
    }

    call.reply.integer((!is_there).into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_set() {
        check(
            "HSET h a 1 b 2                => 2
             HSET h b 3 c x b 4            => 1
             HGETALL h                     => {\"a\": \"1\", \"b\": \"4\", \"c\": \"x\"}
             @encoding h                   => listpack
             HSET h a \"x\"*64             => 0
             @encoding h                   => listpack
             HSET h a \"x\"*65             => 0
             @encoding h                   => hashtable
             HSET h a                      => ERR wrong number of arguments for 'hset' command
             HSET h a 1 b                  => ERR wrong number of arguments for 'hset' command
             HMSET h a 1 b                 => ERR wrong number of arguments for 'hmset' command
             HMSET m a 1 b 2               => OK
             HLEN m                        => 2
             HSETNX m a 3                  => 0
             HSETNX m c 3                  => 1
             HSETNX n a 1                  => 1
             HGET m a                      => \"1\"
             SET s v                       => OK
             HSET s a 1                    => WRONGTYPE Operation against a key holding the wrong kind of value
             HSETNX s a 1                  => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn setting_a_field_takes_its_expiry_away() {
        check(
            "HSET h a 1 b 2                => 2
             HEXPIRE h 10 FIELDS 2 a b     => [1, 1]
             @encoding h                   => listpackex
             HSET h a 3                    => 0
             HTTL h FIELDS 2 a b           => [-1, 10]
             HSET h c 3                    => 1
             HGETALL h                     => {\"b\": \"2\", \"a\": \"3\", \"c\": \"3\"}",
        );
    }
}

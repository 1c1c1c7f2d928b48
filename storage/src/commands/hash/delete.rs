//! Removing fields: HDEL, HGETDEL.

use super::reply_value;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::commands::members::FIELDS;
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hdel",
        event: "hdel",
        usage: "key field...",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::DELETE))],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Hash,
        since: "2.0.0",
        cost: "O(N) where N is the number of fields to be removed",
        about: "Removes fields of a hash, and the hash with the last of them.",
        run: Run::Data(hdel),
        ..Command::ROW
    },
    Command {
        name: "hgetdel",
        event: "hdel",
        usage: "key FIELDS fields=(numfields:integer field...)",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::DELETE))],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Hash,
        since: "8.0.0",
        cost: "O(N) where N is the number of fields",
        about: "Returns the values of fields of a hash and removes the fields.",
        run: Run::Data(hgetdel),
        ..Command::ROW
    },
];

fn hdel(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, fields) = (call.args.word(), call.args.rest());

    let mut guard = call.keys.write(key);
    let removed: Vec<&[u8]> = match guard.existing_hash()? {
        Some(mut hash) => fields.iter().copied().filter(|field| hash.remove(field)).collect(),
        None => Vec::new(),
    };
    guard.name_parts(removed.iter().copied());

    call.reply.integer(removed.len() as i64);
    Ok(())
}

fn hgetdel(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let fields = FIELDS.members(&mut call.args);

    let mut guard = call.keys.write(key);
    let mut hash = guard.existing_hash()?;
    let fields = fields?;
    let mut removed = Vec::new();
    call.reply.array(fields.len());
    for field in fields {
        reply_value(call.reply, hash.as_ref().and_then(|hash| hash.view().value(field)));
        if hash.as_mut().is_some_and(|hash| hash.remove(field)) {
            removed.push(*field);
        }
    }
    guard.name_parts(removed);
    FIELDS.rewrite_as_removal(call.effect, key, fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_removed_and_the_hash_with_the_last() {
        check(
            "HSET h a 1 b 2 c 3            => 3
             HDEL h a none a               => 1
             HDEL none a                   => 0
             HGETDEL h FIELDS 2 b none     => [\"2\", nil]
             HGETDEL none FIELDS 2 b b     => [nil, nil]
             HLEN h                        => 1
             HGETDEL h FIELDS 2 c c        => [\"3\", nil]
             EXISTS h                      => 0
             HSET h a 1                    => 1
             HDEL h a                      => 1
             EXISTS h                      => 0
             SET s v                       => OK
             HDEL s a                      => WRONGTYPE Operation against a key holding the wrong kind of value
             HGETDEL s FIELDS 0 a          => WRONGTYPE Operation against a key holding the wrong kind of value
             HGETDEL none FIELDS 0 a       => ERR Number of fields must be a positive integer",
        );
    }
}

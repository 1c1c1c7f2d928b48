//! Whether keys are there, what they hold, and removing them: DEL, UNLINK, EXISTS, TYPE, TOUCH.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::error::Error;
use spinel_types::ValueType;

const REMOVED: &[KeySpec] = &[KeySpec::from(1, 1, KeyUse::REMOVE.with(KeyUse::DELETE))];
const SEEN: &[KeySpec] = &[KeySpec::from(1, 1, KeyUse::READ_ONLY)];
const READ_FAST: Flags = Flags::READONLY.with(Flags::FAST);
const SUM_OF_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "del",
        usage: "key...",
        keys: REMOVED,
        flags: Flags::WRITE,
        cost: "O(N) where N is the number of keys",
        about: "Removes keys and counts those that existed.",
        tips: SUM_OF_SHARDS,
        run: Run::Data(delete),
        ..Command::ROW
    },
    Command {
        name: "unlink",
        usage: "key...",
        keys: REMOVED,
        flags: Flags::WRITE.with(Flags::FAST),
        since: "4.0.0",
        cost: "O(N) where N is the number of keys",
        about: "Removes keys without waiting for their memory and counts those that existed.",
        tips: SUM_OF_SHARDS,
        run: Run::Data(delete),
        ..Command::ROW
    },
    Command {
        name: "exists",
        usage: "key...",
        keys: SEEN,
        flags: READ_FAST,
        cost: "O(N) where N is the number of keys",
        about: "Counts how many of the keys exist; a key given twice counts twice.",
        tips: SUM_OF_SHARDS,
        run: Run::Data(exists),
        ..Command::ROW
    },
    Command {
        name: "type",
        usage: "key",
        keys: &[KeySpec::at(1, KeyUse::READ_ONLY)],
        flags: READ_FAST,
        about: "Names the type of the value of a key.",
        run: Run::Data(value_type),
        ..Command::ROW
    },
    Command {
        name: "touch",
        usage: "key...",
        keys: SEEN,
        flags: READ_FAST,
        since: "3.2.1",
        cost: "O(N) where N is the number of keys",
        about: "Marks keys as used and counts those that exist.",
        tips: SUM_OF_SHARDS,
        run: Run::Data(touch),
        ..Command::ROW
    },
];

fn delete(call: &mut Call<'_>) -> Result<(), Error> {
    let mut removed = 0;
    for key in call.args.rest() {
        removed += i64::from(call.keys.write(key).remove());
    }

    call.reply.integer(removed);
    Ok(())
}

fn exists(call: &mut Call<'_>) -> Result<(), Error> {
    let mut found = 0;
    for key in call.args.rest() {
        found += i64::from(call.keys.look(key).is_some());
    }

    call.reply.integer(found);
    Ok(())
}

fn value_type(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    call.reply.simple(call.keys.look(key).map_or("none", |entry| ValueType::of(entry).name()));
    Ok(())
}

fn touch(call: &mut Call<'_>) -> Result<(), Error> {
    let mut found = 0;
    for key in call.args.rest() {
        found += i64::from(call.keys.touch(key));
    }

    call.reply.integer(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn keys_are_counted_and_removed() {
        check(
            "MSET a 1 b 2 c 3              => OK
             EXISTS a b none a             => 3
             TOUCH a none                  => 1
             DEL a none a                  => 1
             UNLINK b c                    => 2
             EXISTS a b c                  => 0
             DEL none                      => 0",
        );
    }

    #[test]
    fn types_have_names() {
        check(
            "SET k v                       => OK
             SET n 12                      => OK
             TYPE k                        => string
             TYPE n                        => string
             TYPE none                     => none
             SET k v PXAT 1                => OK
             TYPE k                        => none",
        );
    }
}

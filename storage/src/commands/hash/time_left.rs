//! How long fields live: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME; and for ever: HPERSIST.

use super::fields::{NOT_A_NUMBER_OF_FIELDS, fields};
use super::{CHANGE_KEY, NO_FIELD, READ_KEY};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Fate;

const ROW: Command = Command {
    usage: "key FIELDS fields=(numfields:integer field...)",
    keys: READ_KEY,
    flags: Flags::READONLY.with(Flags::FAST),
    group: Group::Hash,
    since: "7.4.0",
    cost: "O(N) where N is the number of fields",
    ..Command::ROW
};

const CHANGES_WITH_TIME: &[&str] = &["nondeterministic_output"];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "httl",
        about: "Tells in how many seconds fields of a hash expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| reply_times(call, |at, now| seconds(at.saturating_sub(now)))),
        ..ROW
    },
    Command {
        name: "hpttl",
        about: "Tells in how many milliseconds fields of a hash expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| reply_times(call, i64::saturating_sub)),
        ..ROW
    },
    Command {
        name: "hexpiretime",
        about: "Tells the Unix time in seconds at which fields of a hash expire.",
        run: Run::Data(|call| reply_times(call, |at, _| seconds(at))),
        ..ROW
    },
    Command {
        name: "hpexpiretime",
        about: "Tells the Unix time in milliseconds at which fields of a hash expire.",
        run: Run::Data(|call| reply_times(call, |at, _| at)),
        ..ROW
    },
    Command {
        name: "hpersist",
        keys: CHANGE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        about: "Lets fields of a hash live for ever.",
        run: Run::Data(hpersist),
        ..ROW
    },
];

const NO_EXPIRY: i64 = -1;

/// Replies what `shown` makes of each field's expiry and the time, both in milliseconds since the epoch.
fn reply_times(call: &mut Call<'_>, shown: fn(i64, i64) -> i64) -> Result<(), Error> {
    let key = call.args.word();
    let fields = fields(&mut call.args, NOT_A_NUMBER_OF_FIELDS);

    let now = call.now.0;
    let hash = call.keys.read_hash(key)?;
    let fields = fields?;
    call.reply.array(fields.len());
    for field in fields {
        let time = match hash.and_then(|hash| hash.expiry(field)) {
            None => NO_FIELD,
            Some(expiry) => expiry.map_or(NO_EXPIRY, |at| shown(at, now)),
        };
        call.reply.integer(time);
    }
    Ok(())
}

/// Rounds milliseconds, which are not negative, up to whole seconds.
fn seconds(millis: i64) -> i64 {
    millis / 1000 + i64::from(millis % 1000 > 0)
}

fn hpersist(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let fields = fields(&mut call.args, NOT_A_NUMBER_OF_FIELDS);

    let mut guard = call.keys.write(key);
    let mut hash = guard.existing_hash()?;
    let fields = fields?;
    call.reply.array(fields.len());
    for field in fields {
        let persist = |before: Option<i64>| if before.is_some() { Fate::Persists } else { Fate::Stays };
        let code = match hash.as_mut().and_then(|hash| hash.decide(field, persist)) {
            None => NO_FIELD,
            Some(Fate::Persists) => 1,
            Some(_) => NO_EXPIRY,
        };
        call.reply.integer(code);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, expected) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)] {
            assert_eq!(seconds(millis), expected, "{millis}");
        }
    }

    #[test]
    fn times_are_relative_or_absolute() {
        check(
            "HSET h a 1 b 2                => 2
             HPEXPIRE h 1500 FIELDS 1 a    => [1]
             HTTL h FIELDS 3 a b c         => [2, -1, -2]
             HPTTL h FIELDS 1 a            => [1500]
             HEXPIRETIME h FIELDS 1 a      => [1002]
             HPEXPIRETIME h FIELDS 1 a     => [1001500]
             HPERSIST h FIELDS 4 a a b c   => [1, -1, -1, -2]
             HTTL h FIELDS 1 a             => [-1]
             @encoding h                   => listpackex
             HTTL none FIELDS 2 a b        => [-2, -2]
             HPERSIST none FIELDS 1 a      => [-2]
             HTTL h FIELDS 0 a             => ERR Number of fields must be a positive integer
             HPERSIST h FIELDS 2 a         => ERR The `numfields` parameter must match the number of arguments
             SET s v                       => OK
             HTTL s FIELDS 0 a             => WRONGTYPE Operation against a key holding the wrong kind of value
             HPERSIST s FIELDS 0 a         => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}

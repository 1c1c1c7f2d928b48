//! How long fields live: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME; and for ever: HPERSIST.

use super::{CHANGE_KEY, READ_KEY};
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::members::{FIELDS, time_left};

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
        run: Run::Data(|call| time_left::seconds_left(call, &FIELDS)),
        ..ROW
    },
    Command {
        name: "hpttl",
        about: "Tells in how many milliseconds fields of a hash expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| time_left::milliseconds_left(call, &FIELDS)),
        ..ROW
    },
    Command {
        name: "hexpiretime",
        about: "Tells the Unix time in seconds at which fields of a hash expire.",
        run: Run::Data(|call| time_left::unix_seconds(call, &FIELDS)),
        ..ROW
    },
    Command {
        name: "hpexpiretime",
        about: "Tells the Unix time in milliseconds at which fields of a hash expire.",
        run: Run::Data(|call| time_left::unix_milliseconds(call, &FIELDS)),
        ..ROW
    },
    Command {
        name: "hpersist",
        event: "hpersist",
        keys: CHANGE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        about: "Lets fields of a hash live for ever.",
        run: Run::Data(|call| time_left::persist(call, &FIELDS)),
        ..ROW
    },
];

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

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

//! Setting when fields expire: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT.

use super::CHANGE_KEY;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::expiry::TimeForm;
use crate::commands::members::FIELDS;
use crate::commands::members::expire::expire;

const ROW: Command = Command {
    keys: CHANGE_KEY,
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::Hash,
    since: "7.4.0",
    cost: "O(N) where N is the number of fields",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hexpire",
        event: "hexpire",
        usage: "key seconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire after some seconds.",
        run: Run::Data(|call| expire(call, &FIELDS, TimeForm::Seconds, "hexpire")),
        ..ROW
    },
    Command {
        name: "hpexpire",
        event: "hexpire",
        usage: "key milliseconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire after some milliseconds.",
        run: Run::Data(|call| expire(call, &FIELDS, TimeForm::Milliseconds, "hpexpire")),
        ..ROW
    },
    Command {
        name: "hexpireat",
        event: "hexpire",
        usage: "key unix-time-seconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire at a Unix time in seconds.",
        run: Run::Data(|call| expire(call, &FIELDS, TimeForm::UnixSeconds, "hexpireat")),
        ..ROW
    },
    Command {
        name: "hpexpireat",
        event: "hexpire",
        usage: "key unix-time-milliseconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire at a Unix time in milliseconds.",
        run: Run::Data(|call| expire(call, &FIELDS, TimeForm::UnixMilliseconds, "hpexpireat")),
        ..ROW
    },
];

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_expire() {
        check(
            "HSET h a 1 b 2 c 3              => 3
             HEXPIRE h 100 FIELDS 2 b none   => [1, -2]
             HPEXPIRE h 50000 FIELDS 1 c     => [1]
             HGETALL h                       => {\"c\": \"3\", \"b\": \"2\", \"a\": \"1\"}
             HPTTL h FIELDS 3 a b c          => [-1, 100000, 50000]
             HEXPIREAT h 1050 NX FIELDS 2 a c => [1, 0]
             HPEXPIREAT h 1040000 LT FIELDS 3 a b c => [1, 1, 1]
             HEXPIRE h 1 GT FIELDS 1 a       => [0]
             HEXPIRE h 0 GT FIELDS 1 a       => [0]
             HEXPIRE h 0 FIELDS 2 a a        => [2, -2]
             HPEXPIREAT h 1 FIELDS 2 b c     => [2, 2]
             EXISTS h                        => 0
             HEXPIRE none 10 FIELDS 2 a b    => [-2, -2]
             HSET h a 1                      => 1
             HEXPIRE h 10 XX FIELDS 1 a      => [0]
             @encoding h                     => listpackex",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "SET s v                          => OK
             HEXPIRE s x FIELDS 1 a           => WRONGTYPE Operation against a key holding the wrong kind of value
             HEXPIRE h x FIELDS 1 a           => ERR value is not an integer or out of range
             HEXPIRE h -1 FIELDS 1 a          => ERR invalid expire time, must be >= 0
             HPEXPIRE h 70368744177663 FIELDS 1 a => ERR invalid expire time in 'hpexpire' command
             HEXPIRE h 1 NX XX FIELDS 1 a     => ERR Mandatory argument FIELDS is missing or not at the right position
             HEXPIRE h 1 FIELDS 0 a           => ERR Parameter `numFields` should be greater than 0
             HEXPIRE h 1 FIELDS 2 a           => ERR The `numfields` parameter must match the number of arguments",
        );
    }
}

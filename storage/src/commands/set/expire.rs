//! Members that expire: SEXPIRE, SPEXPIRE, SEXPIREAT, SPEXPIREAT; how long they live: STTL, SPTTL, SEXPIRETIME,
//! SPEXPIRETIME; and for ever: SPERSIST.

use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::commands::expiry::TimeForm;
use crate::commands::members::expire::expire;
use crate::commands::members::{SET_MEMBERS, time_left};

/// A row of a command that changes when members expire.
const CHANGE: Command = Command {
    keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
    flags: Flags::WRITE.with(Flags::FAST),
    ..ASK
};

/// A row of a command that tells when members expire.
const ASK: Command = Command {
    usage: "key MEMBERS members=(nummembers:integer member...)",
    keys: super::READ_KEY,
    flags: Flags::READONLY.with(Flags::FAST),
    group: Group::Set,
    since: "8.12.0",
    cost: "O(N) where N is the number of members",
    ..Command::ROW
};

const CHANGES_WITH_TIME: &[&str] = &["nondeterministic_output"];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sexpire",
        usage: "key seconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a set expire after some seconds.",
        run: Run::Data(|call| expire(call, &SET_MEMBERS, TimeForm::Seconds, "sexpire")),
        ..CHANGE
    },
    Command {
        name: "spexpire",
        usage: "key milliseconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a set expire after some milliseconds.",
        run: Run::Data(|call| expire(call, &SET_MEMBERS, TimeForm::Milliseconds, "spexpire")),
        ..CHANGE
    },
    Command {
        name: "sexpireat",
        usage: "key unix-time-seconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a set expire at a Unix time in seconds.",
        run: Run::Data(|call| expire(call, &SET_MEMBERS, TimeForm::UnixSeconds, "sexpireat")),
        ..CHANGE
    },
    Command {
        name: "spexpireat",
        usage: "key unix-time-milliseconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a set expire at a Unix time in milliseconds.",
        run: Run::Data(|call| expire(call, &SET_MEMBERS, TimeForm::UnixMilliseconds, "spexpireat")),
        ..CHANGE
    },
    Command {
        name: "sttl",
        about: "Tells in how many seconds members of a set expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| time_left::seconds_left(call, &SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "spttl",
        about: "Tells in how many milliseconds members of a set expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| time_left::milliseconds_left(call, &SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "sexpiretime",
        about: "Tells the Unix time in seconds at which members of a set expire.",
        run: Run::Data(|call| time_left::unix_seconds(call, &SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "spexpiretime",
        about: "Tells the Unix time in milliseconds at which members of a set expire.",
        run: Run::Data(|call| time_left::unix_milliseconds(call, &SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "spersist",
        usage: ASK.usage,
        about: "Lets members of a set live for ever.",
        run: Run::Data(|call| time_left::persist(call, &SET_MEMBERS)),
        ..CHANGE
    },
];

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_expire() {
        check(
            "SADD s 1 2 3                           => 3
             SEXPIRE s 100 XX MEMBERS 2 1 4         => [0, -2]
             @encoding s                            => intset
             SEXPIRE s 100 MEMBERS 2 1 4            => [1, -2]
             @encoding s                            => hashtable
             SPEXPIRE s 1500 MEMBERS 1 2            => [1]
             STTL s MEMBERS 4 1 2 3 4               => [100, 2, -1, -2]
             SPTTL s MEMBERS 2 1 2                  => [100000, 1500]
             SEXPIRETIME s MEMBERS 2 1 2            => [1100, 1002]
             SPEXPIRETIME s MEMBERS 2 1 2           => [1100000, 1001500]
             SEXPIREAT s 1050 NX MEMBERS 2 1 3      => [0, 1]
             SPEXPIREAT s 1040000 LT MEMBERS 3 1 2 3 => [1, 0, 1]
             SADD s 1 2 3                           => 0
             STTL s MEMBERS 1 1                     => [40]
             SPERSIST s MEMBERS 4 1 1 3 4           => [1, -1, 1, -2]
             SEXPIRE s 0 MEMBERS 2 1 1              => [2, -2]
             SPEXPIREAT s 1 MEMBERS 2 2 3           => [2, 2]
             EXISTS s                               => 0
             SEXPIRE none 10 MEMBERS 2 a b          => [-2, -2]
             STTL none MEMBERS 1 a                  => [-2]
             SPERSIST none MEMBERS 1 a              => [-2]",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "SET t v                                => OK
             SEXPIRE t x MEMBERS 1 a                => WRONGTYPE Operation against a key holding the wrong kind of value
             STTL t MEMBERS 0 a                     => WRONGTYPE Operation against a key holding the wrong kind of value
             SEXPIRE s x MEMBERS 1 a                => ERR value is not an integer or out of range
             SPEXPIRE s 70368744177663 MEMBERS 1 a  => ERR invalid expire time in 'spexpire' command
             SEXPIRE s 1 FIELDS 1 a                 => ERR Mandatory argument MEMBERS is missing or not at the right position",
        );
    }
}

//! Members that expire: ZEXPIRE, ZPEXPIRE, ZEXPIREAT, ZPEXPIREAT; how long they live: ZTTL, ZPTTL, ZEXPIRETIME,
//! ZPEXPIRETIME; and for ever: ZPERSIST.

use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::commands::expiry::TimeForm;
use crate::commands::members::expire::expire;
use crate::commands::members::{SORTED_SET_MEMBERS, time_left};

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
    group: Group::SortedSet,
    since: "8.0.0",
    cost: "O(N) where N is the number of members",
    ..Command::ROW
};

const CHANGES_WITH_TIME: &[&str] = &["nondeterministic_output"];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zexpire",
        usage: "key seconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a sorted set expire after some seconds.",
        run: Run::Data(|call| expire(call, &SORTED_SET_MEMBERS, TimeForm::Seconds, "zexpire")),
        ..CHANGE
    },
    Command {
        name: "zpexpire",
        usage: "key milliseconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a sorted set expire after some milliseconds.",
        run: Run::Data(|call| expire(call, &SORTED_SET_MEMBERS, TimeForm::Milliseconds, "zpexpire")),
        ..CHANGE
    },
    Command {
        name: "zexpireat",
        usage: "key unix-time-seconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a sorted set expire at a Unix time in seconds.",
        run: Run::Data(|call| expire(call, &SORTED_SET_MEMBERS, TimeForm::UnixSeconds, "zexpireat")),
        ..CHANGE
    },
    Command {
        name: "zpexpireat",
        usage: "key unix-time-milliseconds condition=[NX|XX|GT|LT] MEMBERS members=(nummembers:integer member...)",
        about: "Lets members of a sorted set expire at a Unix time in milliseconds.",
        run: Run::Data(|call| expire(call, &SORTED_SET_MEMBERS, TimeForm::UnixMilliseconds, "zpexpireat")),
        ..CHANGE
    },
    Command {
        name: "zttl",
        about: "Tells in how many seconds members of a sorted set expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| time_left::seconds_left(call, &SORTED_SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "zpttl",
        about: "Tells in how many milliseconds members of a sorted set expire.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| time_left::milliseconds_left(call, &SORTED_SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "zexpiretime",
        about: "Tells the Unix time in seconds at which members of a sorted set expire.",
        run: Run::Data(|call| time_left::unix_seconds(call, &SORTED_SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "zpexpiretime",
        about: "Tells the Unix time in milliseconds at which members of a sorted set expire.",
        run: Run::Data(|call| time_left::unix_milliseconds(call, &SORTED_SET_MEMBERS)),
        ..ASK
    },
    Command {
        name: "zpersist",
        usage: ASK.usage,
        about: "Lets members of a sorted set live for ever.",
        run: Run::Data(|call| time_left::persist(call, &SORTED_SET_MEMBERS)),
        ..CHANGE
    },
];

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_expire() {
        check(
            "ZADD z 1 a 2 b 3 7                     => 3
             ZEXPIRE z 100 XX MEMBERS 2 a none      => [0, -2]
             @encoding z                            => listpack
             ZEXPIRE z 100 MEMBERS 2 a none         => [1, -2]
             @encoding z                            => skiplist
             ZPEXPIRE z 1500 MEMBERS 1 7            => [1]
             ZTTL z MEMBERS 4 a b 7 x               => [100, -1, 2, -2]
             ZPTTL z MEMBERS 2 a 7                  => [100000, 1500]
             ZEXPIRETIME z MEMBERS 2 a 7            => [1100, 1002]
             ZPEXPIRETIME z MEMBERS 2 a 7           => [1100000, 1001500]
             ZEXPIREAT z 1050 NX MEMBERS 2 a b      => [0, 1]
             ZPEXPIREAT z 1040000 LT MEMBERS 3 a b 7 => [1, 1, 0]
             ZRANGE z 0 -1 WITHSCORES               => [[\"a\", ,1], [\"b\", ,2], [\"7\", ,3]]
             ZADD z 9 a                             => 0
             ZINCRBY z 1 b                          => ,3
             ZTTL z MEMBERS 2 a b                   => [40, 40]
             ZPERSIST z MEMBERS 4 a a b x           => [1, -1, 1, -2]
             ZTTL z MEMBERS 2 a b                   => [-1, -1]
             ZEXPIRE z 0 MEMBERS 2 a a              => [2, -2]
             ZPEXPIREAT z 1 MEMBERS 2 b 7           => [2, 2]
             EXISTS z                               => 0
             ZEXPIRE none 10 MEMBERS 2 a b          => [-2, -2]
             ZTTL none MEMBERS 1 a                  => [-2]
             ZPERSIST none MEMBERS 1 a              => [-2]",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "SET s v                                => OK
             ZEXPIRE s x MEMBERS 1 a                => WRONGTYPE Operation against a key holding the wrong kind of value
             ZTTL s MEMBERS 0 a                     => WRONGTYPE Operation against a key holding the wrong kind of value
             ZPERSIST s MEMBERS 0 a                 => WRONGTYPE Operation against a key holding the wrong kind of value
             ZEXPIRE z x MEMBERS 1 a                => ERR value is not an integer or out of range
             ZEXPIRE z -1 MEMBERS 1 a               => ERR invalid expire time, must be >= 0
             ZPEXPIRE z 70368744177663 MEMBERS 1 a  => ERR invalid expire time in 'zpexpire' command
             ZEXPIRE z 1 NX XX MEMBERS 1 a          => ERR Mandatory argument MEMBERS is missing or not at the right position
             ZEXPIRE z 1 FIELDS 1 a                 => ERR Mandatory argument MEMBERS is missing or not at the right position
             ZEXPIRE z 1 MEMBERS 0 a                => ERR Parameter `numMembers` should be greater than 0
             ZTTL z MEMBERS 0 a                     => ERR Number of members must be a positive integer
             ZTTL z MEMBERS 2 a                     => ERR The `nummembers` parameter must match the number of arguments",
        );
    }
}

//! How long a key lives: TTL, PTTL, EXPIRETIME, PEXPIRETIME. A second word asks TTL and PTTL for a member of a
//! collection, as in `KeyDB`.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::error::Error;

const ROW: Command = Command {
    usage: "key",
    keys: &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))],
    flags: Flags::READONLY.with(Flags::FAST),
    ..Command::ROW
};

const CHANGES_WITH_TIME: &[&str] = &["nondeterministic_output"];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "ttl",
        usage: "key member=[member]",
        about: "Tells in how many seconds a key, or a member of a collection, expires.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| reply_time_left(call, "ttl", |at, now| seconds(at.saturating_sub(now)))),
        ..ROW
    },
    Command {
        name: "pttl",
        usage: "key member=[member]",
        since: "2.6.0",
        about: "Tells in how many milliseconds a key, or a member of a collection, expires.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| reply_time_left(call, "pttl", i64::saturating_sub)),
        ..ROW
    },
    Command {
        name: "expiretime",
        since: "7.0.0",
        about: "Tells the Unix time in seconds at which a key expires.",
        run: Run::Data(|call| reply_time(call, |at, _| seconds(at))),
        ..ROW
    },
    Command {
        name: "pexpiretime",
        since: "7.0.0",
        about: "Tells the Unix time in milliseconds at which a key expires.",
        run: Run::Data(|call| reply_time(call, |at, _| at)),
        ..ROW
    },
];

/// There is no such key, or no such member.
const NOT_THERE: i64 = -2;
const NO_EXPIRY: i64 = -1;

/// Replies as [`reply_time`], for the key or, if the call names one, for a member.
fn reply_time_left(call: &mut Call<'_>, name: &'static str, shown: fn(i64, i64) -> i64) -> Result<(), Error> {
    let member = match *call.args.words() {
        [_, _] => return reply_time(call, shown),
        [_, _, member] => member,
        _ => return Err(Error::WrongArity(name)),
    };
    let key = call.args.word();

    let now = call.now.0;
    let time = match call.keys.look_at_value(key).and_then(|value| value.member_expiry(member, now)) {
        None => NOT_THERE,
        Some(expiry) => expiry.map_or(NO_EXPIRY, |at| shown(at, now)),
    };

    call.reply.integer(time);
    Ok(())
}

/// Replies what `shown` makes of the key's expiry and the time, both in milliseconds since the epoch.
fn reply_time(call: &mut Call<'_>, shown: fn(i64, i64) -> i64) -> Result<(), Error> {
    let key = call.args.word();

    let now = call.now.0;
    let time = match call.keys.look(key) {
        None => NOT_THERE,
        Some(entry) => entry.stamp().map_or(NO_EXPIRY, |at| shown(at, now)),
    };

    call.reply.integer(time);
    Ok(())
}

/// Rounds milliseconds, which are not negative, to the nearest second, halves up.
fn seconds(millis: i64) -> i64 {
    millis / 1000 + i64::from(millis % 1000 >= 500)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn seconds_are_rounded_without_overflow() {
        for (millis, expected) in
            [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2), (i64::MAX, i64::MAX / 1000 + 1)]
        {
            assert_eq!(seconds(millis), expected, "{millis}");
        }
    }

    #[test]
    fn times_are_relative_or_absolute() {
        check(
            "SET k v PX 1500               => OK
             TTL k                         => 2
             PTTL k                        => 1500
             EXPIRETIME k                  => 1002
             PEXPIRETIME k                 => 1001500
             PERSIST k                     => 1
             TTL k                         => -1
             EXPIRETIME k                  => -1
             PTTL none                     => -2
             PEXPIRETIME none              => -2",
        );
    }

    #[test]
    fn a_second_word_names_a_member() {
        check(
            "HSET h a 1 b 2                => 2
             HPEXPIRE h 1500 FIELDS 1 a    => [1]
             EXPIRE h 100                  => 1
             TTL h a                       => 2
             PTTL h a                      => 1500
             TTL h b                       => -1
             PTTL h c                      => -2
             TTL h                         => 100
             SADD s 1 2                    => 2
             EXPIREMEMBER s 1 10           => 1
             TTL s 1                       => 10
             TTL s 2                       => -1
             ZADD z 1 a                    => 1
             PTTL z a                      => -1
             ZEXPIRE z 10 MEMBERS 1 a      => [1]
             PTTL z a                      => 10000
             TTL none a                    => -2
             SET k v EX 10                 => OK
             TTL k v                       => -2
             TTL h a b                     => ERR wrong number of arguments for 'ttl' command
             PTTL h a b                    => ERR wrong number of arguments for 'pttl' command",
        );
    }
}

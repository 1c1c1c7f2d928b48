//! How long a key lives: TTL, PTTL, EXPIRETIME, PEXPIRETIME.

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
        about: "Tells in how many seconds a key expires.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| reply_time(call, |at, now| seconds(at.saturating_sub(now)))),
        ..ROW
    },
    Command {
        name: "pttl",
        since: "2.6.0",
        about: "Tells in how many milliseconds a key expires.",
        tips: CHANGES_WITH_TIME,
        run: Run::Data(|call| reply_time(call, i64::saturating_sub)),
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

const NO_KEY: i64 = -2;
const NO_EXPIRY: i64 = -1;

/// Replies what `shown` makes of the key's expiry and the time, both in milliseconds since the epoch.
fn reply_time(call: &mut Call<'_>, shown: fn(i64, i64) -> i64) -> Result<(), Error> {
    let key = call.args.word();

    let now = call.now.0;
    let time = match call.keys.look(key) {
        None => NO_KEY,
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
}

//! Setting when members of collections expire: EXPIREMEMBER, EXPIREMEMBERAT, PEXPIREMEMBERAT, as in `KeyDB`.
//!
//! A member is a field of a hash, or a member of a set or a sorted set; a small set or sorted set becomes large,
//! because its small form has no room for times. The effect on the journal is a PEXPIREMEMBERAT, which means the
//! same whenever it runs; where the time has passed already it is the removal that the command comes to.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::commands::expiry::TimeForm;
use crate::error::Error;
use crate::keyspace::members::removal_command;
use spinel_types::{Fate, ValueType};

const ROW: Command = Command {
    keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
    flags: Flags::WRITE.with(Flags::FAST),
    cost: "O(1); O(N) the first time for a small collection of N members",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "expiremember",
        usage: "key subkey delay:integer unit=[unit]",
        about: "Lets a member of a collection expire after some seconds, or milliseconds where the unit is `ms`.",
        run: Run::Data(expiremember),
        ..ROW
    },
    Command {
        name: "expirememberat",
        usage: "key subkey unix-time-seconds",
        about: "Lets a member of a collection expire at a Unix time in seconds.",
        run: Run::Data(|call| expire(call, TimeForm::UnixSeconds, "expirememberat")),
        ..ROW
    },
    Command {
        name: "pexpirememberat",
        usage: "key subkey unix-time-milliseconds",
        about: "Lets a member of a collection expire at a Unix time in milliseconds.",
        run: Run::Data(|call| expire(call, TimeForm::UnixMilliseconds, "pexpirememberat")),
        ..ROW
    },
];

fn expiremember(call: &mut Call<'_>) -> Result<(), Error> {
    let form = match call.args.words().get(4) {
        None => TimeForm::Seconds,
        Some(unit) if unit.eq_ignore_ascii_case(b"s") => TimeForm::Seconds,
        Some(unit) if unit.eq_ignore_ascii_case(b"ms") => TimeForm::Milliseconds,
        Some(_) => return Err(Error::Syntax),
    };
    if call.args.words().len() > 5 {
        return Err(Error::Syntax);
    }
    expire(call, form, "expiremember")
}

fn expire(call: &mut Call<'_>, form: TimeForm, command: &'static str) -> Result<(), Error> {
    let (key, member, amount) = (call.args.word(), call.args.word(), call.args.integer());
    call.args.check()?;
    let at = form.moment(amount, call.now).ok_or(Error::InvalidExpire(command))?;

    let mut guard = call.keys.write(key);
    let Some(value_type) = guard.entry().map(ValueType::of) else {
        call.reply.integer(0);
        return Ok(());
    };
    let fate = if at <= call.now { Fate::Goes } else { Fate::Expires(at.0) };
    let collection = guard.existing_members(value_type)?;
    let is_there = collection.and_then(|mut collection| collection.decide(member, |_| fate)).is_some();
    if is_there && fate == Fate::Goes {
        call.effect.rewrite(|| [removal_command(value_type), key, member].map(<[u8]>::to_vec));
    } else if is_there {
        let at = at.0.to_string();
        call.effect.rewrite(|| [b"PEXPIREMEMBERAT", key, member, at.as_bytes()].map(<[u8]>::to_vec));
    }

    call.reply.integer(is_there.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_of_all_collections_expire() {
        check(
            "HSET h f 1 g 2                => 2
             SADD s f 7                    => 2
             ZADD z 1 f 2 g                => 2
             EXPIREMEMBER h f 10           => 1
             HTTL h FIELDS 2 f g           => [10, -1]
             EXPIREMEMBER h f 1500 ms      => 1
             HPTTL h FIELDS 1 f            => [1500]
             EXPIREMEMBERAT h g 1020 => 1
             HTTL h FIELDS 1 g             => [20]
             EXPIREMEMBER s 7 10 s         => 1
             @encoding s                   => hashtable
             EXPIREMEMBER z f 10           => 1
             @encoding z                   => skiplist
             ZSCORE z f                    => ,1
             EXPIREMEMBER s none 10        => 0
             EXPIREMEMBER none f 10        => 0
             PEXPIREMEMBERAT s f 1         => 1
             SMEMBERS s                    => [\"7\"]
             EXPIREMEMBER z g 0            => 1
             ZCARD z                       => 1
             EXPIREMEMBER h f -1           => 1
             EXPIREMEMBER h g 0            => 1
             EXISTS h                      => 0",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "SET t v                       => OK
             EXPIREMEMBER t f 10           => WRONGTYPE Operation against a key holding the wrong kind of value
             EXPIREMEMBER t f x            => ERR value is not an integer or out of range
             EXPIREMEMBER t f 10 minutes   => ERR syntax error
             EXPIREMEMBER t f 10 s s       => ERR syntax error
             EXPIREMEMBER t f 9223372036854775807 => ERR invalid expire time in 'expiremember' command",
        );
    }
}

//! Several keys at once: MGET, MSET, MSETNX, MSETEX.

use super::condition::Condition;
use super::expiry::ExpiryOption;
use super::set::tell_stored;
use super::{reply_optional, rewrite_as_set};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::Expiry;
use spinel_types::Str;

const READ_KEYS: &[KeySpec] = &[KeySpec::from(1, 1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
const OVERWRITE_PAIRS: &[KeySpec] = &[KeySpec::from(1, 2, KeyUse::OVERWRITE.with(KeyUse::UPDATE))];
const INSERT_PAIRS: &[KeySpec] = &[KeySpec::from(1, 2, KeyUse::OVERWRITE.with(KeyUse::INSERT))];
const COUNTED_PAIRS: &[KeySpec] = &[KeySpec::counted(1, 2, KeyUse::OVERWRITE.with(KeyUse::UPDATE))];

const MULTI_SHARD: &str = "request_policy:multi_shard";
const ALL_SUCCEEDED: &str = "response_policy:all_succeeded";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "mget",
        usage: "key...",
        keys: READ_KEYS,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::String,
        cost: "O(N) where N is the number of keys",
        about: "Returns the string values of keys.",
        tips: &[MULTI_SHARD],
        run: Run::Data(mget),
        ..Command::ROW
    },
    Command {
        name: "mset",
        event: "set",
        usage: "data=(key value)...",
        keys: OVERWRITE_PAIRS,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        since: "1.0.1",
        cost: "O(N) where N is the number of keys",
        about: "Sets the string values of keys.",
        tips: &[MULTI_SHARD, ALL_SUCCEEDED],
        run: Run::Data(mset),
        ..Command::ROW
    },
    Command {
        name: "msetnx",
        event: "set",
        usage: "data=(key value)...",
        keys: INSERT_PAIRS,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        since: "1.0.1",
        cost: "O(N) where N is the number of keys",
        about: "Sets the string values of keys if none of them exists.",
        run: Run::Data(msetnx),
        ..Command::ROW
    },
    Command {
        name: "msetex",
        event: "set",
        usage: "numkeys data=(key value)... condition=[NX|XX] \
                expiration=[EX seconds|PX milliseconds|EXAT unix-time-seconds\
                |PXAT unix-time-milliseconds|KEEPTTL]",
        keys: COUNTED_PAIRS,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        since: "8.4.0",
        cost: "O(N) where N is the number of keys",
        about: "Sets the string values of keys if all or none of them exist, and when they expire.",
        tips: &[MULTI_SHARD, ALL_SUCCEEDED],
        run: Run::Data(msetex),
        ..Command::ROW
    },
];

fn mget(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.args.rest();

    call.reply.array(keys.len());
    for key in keys {
        // Keys of other types count as missing here.
        let value = call.keys.read(key).and_then(Str::of);
        reply_optional(call.reply, value);
    }
    Ok(())
}

/// Takes all words as pairs of keys and values.
fn pairs<'a>(call: &mut Call<'a>, command: &'static str) -> Result<&'a [[&'a [u8]; 2]], Error> {
    match call.args.rest().as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(Error::WrongArity(command)),
    }
}

fn mset(call: &mut Call<'_>) -> Result<(), Error> {
    for [key, value] in pairs(call, "mset")? {
        call.keys.write(key).set_text(value, Expiry::Never);
    }

    call.reply.ok();
    Ok(())
}

fn msetnx(call: &mut Call<'_>) -> Result<(), Error> {
    let pairs = pairs(call, "msetnx")?;

    let is_set = pairs.iter().all(|[key, _]| call.keys.peek(key).is_none());
    if is_set {
        for [key, value] in pairs {
            call.keys.write(key).set_text(value, Expiry::Never);
        }
    }

    call.reply.integer(is_set.into());
    Ok(())
}

fn msetex(call: &mut Call<'_>) -> Result<(), Error> {
    let pairs = counted_pairs(call)?;
    let (mut condition, mut option) = (Condition::default(), ExpiryOption::default());
    while call.args.remaining() > 0 {
        let args = &mut call.args;
        if !(condition.accept_existence(args) || option.accept_time(args) || option.accept_keep(args)) {
            args.fail(Error::Syntax);
        }
        args.check()?;
    }
    let expiry = option.of_written(call.now, "msetex")?;

    let is_set = pairs.iter().all(|[key, _]| match condition {
        Condition::Missing => call.keys.peek(key).is_none(),
        Condition::Existing => call.keys.peek(key).is_some(),
        _ => true,
    });
    if is_set {
        for [key, value] in pairs {
            let mut guard = call.keys.write(key);
            guard.set_text(value, expiry);
            tell_stored(&mut guard, expiry);
            drop(guard);
            rewrite_as_set(call.effect, key, value, expiry);
        }
    }

    call.reply.integer(is_set.into());
    Ok(())
}

/// Takes a count and as many pairs.
fn counted_pairs<'a>(call: &mut Call<'a>) -> Result<&'a [[&'a [u8]; 2]], Error> {
    const OUT_OF_RANGE: Error = Error::Text("ERR invalid numkeys value or out of range");
    let count = call.args.integer_or(OUT_OF_RANGE);
    call.args.check()?;
    let count = i32::try_from(count).ok().filter(|count| *count > 0).ok_or(OUT_OF_RANGE)?;
    let words = call.args.take(count as usize * 2)?;
    Ok(words.as_chunks().0)
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn several_keys_are_read_and_set() {
        check(
            r#"MSET a 1 b x a 2              => OK
               MGET a b none a               => ["2", "x", nil, "2"]
               @encoding a                   => int
               SET a 1 EX 10                 => OK
               MSET a 3                      => OK
               @expiry a                     => never
               MSET a                        => ERR wrong number of arguments for 'mset' command
               MSET a 1 b                    => ERR wrong number of arguments for 'mset' command
               MSETNX c 1 b                  => ERR wrong number of arguments for 'msetnx' command
               MSETNX c 1 b 2                => 0
               MGET c b                      => [nil, "x"]
               MSETNX c 1 d 2 c 3            => 1
               MGET c d                      => ["3", "2"]"#,
        );
    }

    #[test]
    fn msetex_sets_all_or_nothing() {
        check(
            r#"MSETEX 2 a 1 b 2              => 1
               MSETEX 2 a 9 c 9 NX EX 5      => 0
               MSETEX 2 a 9 c 9 XX           => 0
               MGET a b c                    => ["1", "2", nil]
               MSETEX 2 a 3 b 4 xx ex 5      => 1
               @expiry b                     => 1005000
               MSETEX 2 a 5 d 6 KEEPTTL      => 1
               @expiry a                     => 1005000
               @expiry d                     => never
               MSETEX 2 NX v EX 5            => 1
               MGET NX EX                    => ["v", "5"]
               MSETEX 2 a x b y PXAT 1       => 1
               MGET a b                      => [nil, nil]"#,
        );
    }

    #[test]
    fn msetex_refuses_what_does_not_fit() {
        check(
            "MSETEX 0 a 1                    => ERR invalid numkeys value or out of range
             MSETEX x a 1                    => ERR invalid numkeys value or out of range
             MSETEX 2147483648 a 1           => ERR invalid numkeys value or out of range
             MSETEX 2147483647 a 1           => ERR syntax error
             MSETEX 2 a 1 b                  => ERR syntax error
             MSETEX 1 a 1 b 2                => ERR syntax error
             MSETEX 1 a 1 NX XX              => ERR syntax error
             MSETEX 1 a 1 EX 1 KEEPTTL       => ERR syntax error
             MSETEX 1 a 1 PERSIST            => ERR syntax error
             MSETEX 1 a 1 EX 0               => ERR invalid expire time in 'msetex' command
             MSETEX 1 a                      => ERR wrong number of arguments for 'msetex' command
             GET a                           => nil",
        );
    }
}

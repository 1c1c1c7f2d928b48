//! Reading one whole value: GET, GETEX, GETDEL, STRLEN, DIGEST.

use super::expiry::ExpiryOption;
use super::{READ_KEY, UPDATE_KEY, reply_optional, reply_string};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::keyspace::guard::Expiry;
use crate::time::UnixMillis;
use spinel_types::Str;
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::xxh3;

const MEASURE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY)];
const TAKE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::DELETE))];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "get",
        usage: "key",
        keys: READ_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::String,
        about: "Returns the string value of a key.",
        run: Run::Data(get),
        ..Command::ROW
    },
    Command {
        name: "getex",
        usage: "key expiration=[EX seconds|PX milliseconds|EXAT unix-time-seconds\
                |PXAT unix-time-milliseconds|PERSIST]",
        keys: UPDATE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::String,
        since: "6.2.0",
        about: "Returns the string value of a key and sets or clears when it expires.",
        run: Run::Data(getex),
        ..Command::ROW
    },
    Command {
        name: "getdel",
        usage: "key",
        keys: TAKE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::String,
        since: "6.2.0",
        about: "Returns the string value of a key and removes the key.",
        run: Run::Data(getdel),
        ..Command::ROW
    },
    Command {
        name: "strlen",
        usage: "key",
        keys: MEASURE_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::String,
        since: "2.2.0",
        about: "Returns the length of a string value in bytes.",
        run: Run::Data(strlen),
        ..Command::ROW
    },
    Command {
        name: "digest",
        usage: "key",
        keys: READ_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::String,
        since: "8.4.0",
        cost: "O(N) where N is the length of the string value",
        about: "Returns a hash of a string value, to compare values without sending them.",
        run: Run::Data(digest),
        ..Command::ROW
    },
];

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let value = call.keys.read_string(key)?;

    reply_optional(call.reply, value);
    Ok(())
}

fn getex(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut option = ExpiryOption::default();
    while call.args.remaining() > 0 {
        if !option.accept_time(&mut call.args) && !option.accept_persist(&mut call.args) {
            call.args.fail(Error::Syntax);
        }
        call.args.check()?;
    }

    let Some(value) = call.keys.read_string(key)? else {
        call.reply.null();
        return Ok(());
    };
    reply_string(call.reply, value);
    match option {
        ExpiryOption::Persist => persist(call, key),
        ExpiryOption::Time(..) => {
            if let Expiry::At(at) = option.of_written(call.now, "getex")? {
                expire(call, key, at);
            }
        }
        ExpiryOption::Unsaid | ExpiryOption::Keep => {}
    }
    Ok(())
}

fn persist(call: &mut Call<'_>, key: &[u8]) {
    let mut guard = call.keys.write(key);
    if guard.expiry().is_some() {
        guard.set_expiry(None);
        guard.notify(Event::PERSIST);
        call.effect.rewrite(|| [b"PERSIST".to_vec(), key.to_vec()]);
    }
}

/// Sets when an existing key expires; a moment that is past removes it.
fn expire(call: &mut Call<'_>, key: &[u8], at: UnixMillis) {
    let mut guard = call.keys.write(key);
    if at > call.now {
        guard.set_expiry(Some(at));
        guard.notify(Event::EXPIRE);
        let at = || at.0.to_string().into_bytes();
        call.effect.rewrite(|| [b"PEXPIREAT".to_vec(), key.to_vec(), at()]);
    } else {
        guard.remove();
        call.effect.rewrite(|| [b"DEL".to_vec(), key.to_vec()]);
    }
}

fn getdel(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let value = call.keys.read_string(key)?;
    reply_optional(call.reply, value);
    if call.keys.write(key).remove() {
        call.effect.rewrite(|| [b"DEL".to_vec(), key.to_vec()]);
    }
    Ok(())
}

fn strlen(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let len = call.keys.read_string(key)?.map_or(0, Str::len);

    call.reply.integer(len as i64);
    Ok(())
}

fn digest(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let value = call.keys.read_string(key)?;
    let digest = value.map(|value| xxh3::hash(value.text(&mut [0; INTEGER_DIGITS_MAX])));

    match digest {
        Some(digest) => call.reply.bulk(format!("{digest:016x}").as_bytes()),
        None => call.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn values_are_read_measured_and_hashed() {
        check(
            "SET k \"a\\x00b\"                => OK
             GET k                          => \"a\\x00b\"
             STRLEN k                       => 3
             SET k -120                     => OK
             GET k                          => \"-120\"
             STRLEN k                       => 4
             GET none                       => nil
             STRLEN none                    => 0
             DIGEST none                    => nil
             SET k \"Hello world\"           => OK
             DIGEST k                       => \"b6acb9d84a38ff74\"
             SET k 12345                    => OK
             DIGEST k                       => \"f34099ede96b5581\"",
        );
    }

    #[test]
    fn getex_sets_and_clears_the_expiry() {
        check(
            "SET k v                        => OK
             GETEX k                        => \"v\"
             GETEX k EX 10                  => \"v\"
             @expiry k                      => 1010000
             GETEX k                        => \"v\"
             @expiry k                      => 1010000
             GETEX k PERSIST                => \"v\"
             @expiry k                      => never
             GETEX k PERSIST PERSIST        => \"v\"
             GETEX k PX 7                   => \"v\"
             @expiry k                      => 1000007
             GETEX k EXAT 1001              => \"v\"
             @expiry k                      => 1001000
             GETEX k PXAT 1000001           => \"v\"
             @expiry k                      => 1000001
             GETEX k PXAT 1000000           => \"v\"
             GET k                          => nil
             GETEX none EX 10               => nil",
        );
    }

    #[test]
    fn getex_looks_for_the_key_before_it_checks_the_time() {
        check(
            "SET k v                        => OK
             GETEX k EX 10 PERSIST          => ERR syntax error
             GETEX k KEEPTTL                => ERR syntax error
             GETEX k EX                     => ERR syntax error
             GETEX none EX                  => ERR syntax error
             GETEX none EX 0                => nil
             GETEX k EX 0                   => ERR invalid expire time in 'getex' command
             GETEX k EX abc                 => ERR value is not an integer or out of range
             GETEX k PX 9223372036854775807 => ERR invalid expire time in 'getex' command
             @expiry k                      => never",
        );
    }

    #[test]
    fn getdel_takes_the_key() {
        check(
            "SET k v                        => OK
             SET n 5 EX 10                  => OK
             GETDEL k                       => \"v\"
             GETDEL k                       => nil
             GETDEL n                       => \"5\"
             GET n                          => nil",
        );
    }
}

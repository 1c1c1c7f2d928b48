//! Writing one whole value: SET, SETNX, SETEX, PSETEX, GETSET.

use super::condition::Condition;
use super::expiry::{ExpiryOption, TimeForm};
use super::{UPDATE_KEY, reply_optional, rewrite_as_set};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::keyspace::guard::Expiry;
use crate::keyspace::guard::KeyGuard;

const SET_KEY: &[KeySpec] =
    &[KeySpec::varying(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE), use_of_set)];
const INSERT_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::INSERT))];
const OVERWRITE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::UPDATE))];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "set",
        event: "set",
        usage: "key value condition=[NX|XX|IFEQ ifeq-value|IFNE ifne-value\
                |IFDEQ ifdeq-digest:integer|IFDNE ifdne-digest:integer] [GET] \
                expiration=[EX seconds|PX milliseconds|EXAT unix-time-seconds\
                |PXAT unix-time-milliseconds|KEEPTTL]",
        keys: SET_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        about: "Sets the string value of a key, whatever it held before.",
        run: Run::Data(set),
        ..Command::ROW
    },
    Command {
        name: "setnx",
        event: "set",
        usage: "key value",
        keys: INSERT_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::String,
        about: "Sets the string value of a key that does not exist.",
        deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
        run: Run::Data(setnx),
        ..Command::ROW
    },
    Command {
        name: "setex",
        event: "set",
        usage: "key seconds value",
        keys: OVERWRITE_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        since: "2.0.0",
        about: "Sets the string value of a key and the seconds until it expires.",
        deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
        run: Run::Data(setex),
        ..Command::ROW
    },
    Command {
        name: "psetex",
        event: "set",
        usage: "key milliseconds value",
        keys: OVERWRITE_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        since: "2.6.0",
        about: "Sets the string value of a key and the milliseconds until it expires.",
        deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
        run: Run::Data(psetex),
        ..Command::ROW
    },
    Command {
        name: "getset",
        event: "set",
        usage: "key value",
        keys: UPDATE_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::String,
        about: "Sets the string value of a key and returns the one before.",
        deprecated: Some(("6.2.0", "`SET` with the `GET` argument")),
        run: Run::Data(getset),
        ..Command::ROW
    },
];

#[derive(Default)]
struct SetOptions<'a> {
    condition: Condition<'a>,
    expiry: ExpiryOption<'a>,
    /// Reply the value before instead of whether it was set.
    is_get: bool,
}

impl<'a> SetOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<SetOptions<'a>, Error> {
        let mut options = SetOptions::default();
        while args.remaining() > 0 {
            options.accept(args);
            args.check()?;
        }
        Ok(options)
    }

    fn accept(&mut self, args: &mut Args<'a>) {
        if args.accept("GET") {
            self.is_get = true;
        } else if !(self.expiry.accept_time(args)
            || self.expiry.accept_keep(args)
            || self.condition.accept_existence(args)
            || self.condition.accept_comparison(args))
        {
            args.fail(Error::Syntax);
        }
    }
}

/// What a call of SET does with its key: one that compares or returns the former value reads it.
fn use_of_set(words: &[&[u8]]) -> KeyUse {
    let reads = |word: &&[u8]| {
        [&b"get"[..], b"ifeq", b"ifne", b"ifdeq", b"ifdne"].iter().any(|name| word.eq_ignore_ascii_case(name))
    };
    if words.iter().skip(3).any(reads) {
        KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE)
    } else {
        KeyUse::OVERWRITE.with(KeyUse::UPDATE)
    }
}

fn set(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, value) = (call.args.word(), call.args.word());
    if call.args.remaining() > 0 {
        return set_with_options(call, key, value);
    }

    call.keys.write(key).set_text(value, Expiry::Never);

    call.reply.ok();
    Ok(())
}

fn set_with_options(call: &mut Call<'_>, key: &[u8], value: &[u8]) -> Result<(), Error> {
    let options = SetOptions::parse(&mut call.args)?;
    let expiry = options.expiry.of_written(call.now, "set")?;

    if options.is_get {
        reply_optional(call.reply, call.keys.read_string(key)?);
    }
    let mut guard = call.keys.write(key);
    let is_set = options.condition.holds(&mut guard)?;
    if is_set {
        guard.set_text(value, expiry);
        tell_stored(&mut guard, expiry);
        rewrite_as_set(call.effect, key, value, expiry);
    }

    match (options.is_get, is_set) {
        (true, _) => {}
        (false, true) => call.reply.ok(),
        (false, false) => call.reply.null(),
    }
    Ok(())
}

/// Tells that a string was stored, and that it got a time to live if it did.
pub(super) fn tell_stored(guard: &mut KeyGuard<'_, '_>, expiry: Expiry) {
    guard.notify(Event::SET);
    if let Expiry::At(_) = expiry {
        guard.notify(Event::EXPIRE);
    }
}

fn setnx(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, value) = (call.args.word(), call.args.word());

    let mut guard = call.keys.write(key);
    let is_set = !guard.exists();
    if is_set {
        guard.set_text(value, Expiry::Never);
    }

    call.reply.integer(is_set.into());
    Ok(())
}

fn setex(call: &mut Call<'_>) -> Result<(), Error> {
    set_expiring(call, TimeForm::Seconds, "setex")
}

fn psetex(call: &mut Call<'_>) -> Result<(), Error> {
    set_expiring(call, TimeForm::Milliseconds, "psetex")
}

fn set_expiring(call: &mut Call<'_>, form: TimeForm, command: &'static str) -> Result<(), Error> {
    let (key, time, value) = (call.args.word(), call.args.word(), call.args.word());
    let expiry = Expiry::At(form.positive_moment(time, call.now, command)?);

    let mut guard = call.keys.write(key);
    guard.set_text(value, expiry);
    tell_stored(&mut guard, expiry);
    drop(guard);
    rewrite_as_set(call.effect, key, value, expiry);

    call.reply.ok();
    Ok(())
}

fn getset(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, value) = (call.args.word(), call.args.word());

    reply_optional(call.reply, call.keys.read_string(key)?);
    call.keys.write(key).set_text(value, Expiry::Never);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn set_with_each_option() {
        check(
            "SET k v                        => OK
             @expiry k                      => never
             SET k v2 NX                    => nil
             SET k v2 nx nx GET             => \"v\"
             SET n v NX GET                 => nil
             GET n                          => \"v\"
             SET k v2 XX EX 10              => OK
             @expiry k                      => 1010000
             SET none v XX                  => nil
             SET k v3 KEEPTTL GET           => \"v2\"
             @expiry k                      => 1010000
             SET k v4 PX 5                  => OK
             @expiry k                      => 1000005
             SET k v5 EXAT 2000             => OK
             @expiry k                      => 2000000
             SET k v6 pxat 2000001          => OK
             @expiry k                      => 2000001
             SET k v7                       => OK
             @expiry k                      => never
             SET k gone PXAT 1              => OK
             GET k                          => nil",
        );
    }

    #[test]
    fn set_compares_values_and_digests() {
        check(
            "SET k old                      => OK
             SET k new IFEQ other           => nil
             SET k new IFEQ old             => OK
             SET k x IFNE new               => nil
             SET k 5 IFNE other GET         => \"new\"
             SET k 6 IFEQ 05                => nil
             SET k old IFEQ 5               => OK
             SET k new IFDEQ 4db73088ace631b8 => nil
             SET k new IFDEQ 0F3CA07A8CC8BF40 EX 1 => OK
             SET k newer IFDNE 4db73088ace631b8 => nil
             SET k newer IFDNE 0f3ca07a8cc8bf40 KEEPTTL => OK
             @expiry k                      => 1001000
             SET none v IFEQ \"\"            => nil
             SET none v IFDEQ 0f3ca07a8cc8bf40 => nil
             SET none v IFNE \"\"            => OK
             SET none2 v IFDNE 0f3ca07a8cc8bf40 GET => nil
             GET none2                      => \"v\"
             SET k v IFDEQ 12               => ERR must be exactly 16 hexadecimal characters
             SET k v IFDEQ +f3ca07a8cc8bf40 => ERR must be exactly 16 hexadecimal characters",
        );
    }

    #[test]
    fn set_refuses_what_makes_no_sense() {
        check(
            "SET k v NX XX                  => ERR syntax error
             SET k v NX IFEQ v              => ERR syntax error
             SET k v IFEQ v IFEQ v          => ERR syntax error
             SET k v IFEQ                   => ERR syntax error
             SET k v EX                     => ERR syntax error
             SET k v EX 1 PX 1              => ERR syntax error
             SET k v KEEPTTL EX 1           => ERR syntax error
             SET k v PERSIST                => ERR syntax error
             SET k v EX 0 nosuch            => ERR syntax error
             SET k v EX 1.5                 => ERR value is not an integer or out of range
             SET k v EX 0                   => ERR invalid expire time in 'set' command
             SET k v PX -1                  => ERR invalid expire time in 'set' command
             SET k v EX 9223372036854775807 => ERR invalid expire time in 'set' command
             SET k                          => ERR wrong number of arguments for 'set' command
             GET k                          => nil",
        );
    }

    #[test]
    fn older_ways_to_set() {
        check(
            "SETNX k 1                      => 1
             SETNX k 2                      => 0
             @encoding k                    => int
             SETEX k 10 v                   => OK
             @expiry k                      => 1010000
             PSETEX k 10 w                  => OK
             @expiry k                      => 1000010
             GETSET k x                     => \"w\"
             @expiry k                      => never
             GETSET none x                  => nil
             SETEX k 0 v                    => ERR invalid expire time in 'setex' command
             PSETEX k -1 v                  => ERR invalid expire time in 'psetex' command
             SETEX k abc v                  => ERR value is not an integer or out of range
             GET k                          => \"x\"",
        );
    }

    #[test]
    fn the_value_decides_the_encoding() {
        check(
            "SET k 12                       => OK
             @encoding k                    => int
             SET k 012                      => OK
             @encoding k                    => embstr
             SET k 9223372036854775808      => OK
             @encoding k                    => embstr
             SET k -9223372036854775808     => OK
             @encoding k                    => int
             SET k \"x\"*44                  => OK
             @encoding k                    => embstr
             SET k \"x\"*45                  => OK
             @encoding k                    => raw",
        );
    }
}

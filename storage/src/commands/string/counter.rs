//! Values as counters: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

use super::{UPDATE_KEY, rewrite_as_set};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::extended::Extended;
use crate::keyspace::guard::Expiry;
use spinel_types::{Str, StringEncoding};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "incr",
        event: "incrby",
        usage: "key",
        about: "Adds one to the integer value of a key, which starts at 0.",
        run: Run::Data(incr),
        ..COUNTER
    },
    Command {
        name: "decr",
        event: "incrby",
        usage: "key",
        about: "Subtracts one from the integer value of a key, which starts at 0.",
        run: Run::Data(decr),
        ..COUNTER
    },
    Command {
        name: "incrby",
        event: "incrby",
        usage: "key increment",
        about: "Adds an integer to the integer value of a key, which starts at 0.",
        run: Run::Data(incrby),
        ..COUNTER
    },
    Command {
        name: "decrby",
        event: "incrby",
        usage: "key decrement",
        about: "Subtracts an integer from the integer value of a key, which starts at 0.",
        run: Run::Data(decrby),
        ..COUNTER
    },
    Command {
        name: "incrbyfloat",
        event: "incrbyfloat",
        usage: "key increment:double",
        since: "2.6.0",
        about: "Adds a floating point number to the number in a key, which starts at 0.",
        run: Run::Data(incrbyfloat),
        ..COUNTER
    },
];

/// What the rows of counters have in common.
const COUNTER: Command = Command {
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::String,
    ..Command::ROW
};

fn incr(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    add(call, key, 1)
}

fn decr(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    add(call, key, -1)
}

fn incrby(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, increment) = (call.args.word(), call.args.integer());
    call.args.finish()?;

    add(call, key, increment)
}

fn decrby(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, decrement) = (call.args.word(), call.args.integer());
    call.args.finish()?;
    let increment = decrement.checked_neg().ok_or(Error::Text("ERR decrement would overflow"))?;

    add(call, key, increment)
}

fn add(call: &mut Call<'_>, key: &[u8], increment: i64) -> Result<(), Error> {
    let mut guard = call.keys.write(key);
    let before = integer_value(guard.string()?)?;
    let after = before.checked_add(increment).ok_or(Error::IncrementOverflow)?;
    guard.set_integer(after, Expiry::Keep);

    call.reply.integer(after);
    Ok(())
}

fn incrbyfloat(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, increment) = (call.args.word(), call.args.word());

    let mut guard = call.keys.write(key);
    let before = float_value(guard.string()?)?;
    let increment = Extended::parse(increment).ok_or(Error::NotAFloat)?;
    let after = before.plus(increment);
    if !after.is_finite() {
        return Err(Error::IncrementNotFinite);
    }
    let text = after.text();
    guard.set_verbatim(text.as_bytes(), StringEncoding::of_text(text.len()), Expiry::Keep);
    rewrite_as_set(call.effect, key, text.as_bytes(), Expiry::Keep);

    call.reply.bulk(text.as_bytes());
    Ok(())
}

/// The integer that a value is; a missing one is 0.
pub(super) fn integer_value(value: Option<Str<'_>>) -> Result<i64, Error> {
    match value {
        None => Ok(0),
        Some(Str::Integer(integer)) => Ok(integer),
        Some(Str::Text(text)) => spinel_resp::parse_integer(text).ok_or(Error::NotAnInteger),
    }
}

/// The floating point number that a value is; a missing one is 0.
pub(super) fn float_value(value: Option<Str<'_>>) -> Result<Extended, Error> {
    match value {
        None => Ok(Extended::ZERO),
        Some(Str::Integer(integer)) => Ok(Extended::from(integer)),
        Some(Str::Text(text)) => Extended::parse(text).ok_or(Error::NotAFloat),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn integers_are_counted() {
        check(
            "INCR k                         => 1
             @encoding k                    => int
             DECR k                         => 0
             DECR k                         => -1
             INCRBY k 11                    => 10
             DECRBY k -5                    => 15
             SET k 5 EX 10                  => OK
             INCR k                         => 6
             @expiry k                      => 1010000
             SET k 9223372036854775806      => OK
             INCR k                         => 9223372036854775807
             INCR k                         => ERR increment or decrement would overflow
             DECRBY k -9223372036854775808  => ERR decrement would overflow
             INCRBY k 9223372036854775808   => ERR value is not an integer or out of range
             GET k                          => \"9223372036854775807\"
             SET k 01                       => OK
             INCR k                         => ERR value is not an integer or out of range
             INCRBY k x                     => ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn floating_point_numbers_are_counted() {
        check(
            r#"INCRBYFLOAT k 0.1             => "0.1"
               INCRBYFLOAT k 0.2             => "0.3"
               @encoding k                   => embstr
               INCRBYFLOAT k -0.3            => "0"
               @encoding k                   => embstr
               INCR k                        => 1
               INCRBYFLOAT k 1.5e2           => "151"
               INCRBYFLOAT k 0x1p3           => "159"
               SET k 10 EX 10                => OK
               INCRBYFLOAT k .5              => "10.5"
               @expiry k                     => 1010000
               INCRBYFLOAT k x               => ERR value is not a valid float
               INCRBYFLOAT k nan             => ERR value is not a valid float
               INCRBYFLOAT k inf             => ERR increment would produce NaN or Infinity
               GET k                         => "10.5"
               SET k ""                      => OK
               INCRBYFLOAT k 1               => ERR value is not a valid float"#,
        );
    }
}

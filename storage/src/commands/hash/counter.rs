//! Fields as counters: HINCRBY, HINCRBYFLOAT.

use super::UPDATE_KEY;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::extended::Extended;
use spinel_types::string::{INTEGER_DIGITS_MAX, write_decimal};
use spinel_types::{FieldExpiry, Str};

const ROW: Command = Command {
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::Hash,
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hincrby",
        event: "hincrby",
        usage: "key field increment",
        since: "2.0.0",
        about: "Adds an integer to the integer value of a field of a hash, which starts at 0.",
        run: Run::Data(hincrby),
        ..ROW
    },
    Command {
        name: "hincrbyfloat",
        event: "hincrbyfloat",
        usage: "key field increment:double",
        since: "2.6.0",
        about: "Adds a floating point number to the number in a field of a hash, which starts at 0.",
        run: Run::Data(hincrbyfloat),
        ..ROW
    },
];

fn hincrby(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, field, increment) = (call.args.word(), call.args.word(), call.args.integer());
    call.args.finish()?;

    let mut guard = call.keys.write(key);
    let before = match guard.existing_hash()? {
        Some(hash) => integer_value(hash.view().value(field))?,
        None => 0,
    };
    let after = before.checked_add(increment).ok_or(Error::IncrementOverflow)?;
    guard.hash()?.set(field, write_decimal(after, &mut [0; INTEGER_DIGITS_MAX]), FieldExpiry::Keep);
    guard.name_parts([field]);

    call.reply.integer(after);
    Ok(())
}

fn hincrbyfloat(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, field, increment) = (call.args.word(), call.args.word(), call.args.word());
    let increment = Extended::parse(increment).ok_or(Error::NotAFloat)?;
    if !increment.is_finite() {
        return Err(Error::Text("ERR value is NaN or Infinity"));
    }

    let mut guard = call.keys.write(key);
    let before = match guard.existing_hash()? {
        Some(hash) => float_value(hash.view().value(field))?,
        None => Extended::ZERO,
    };
    let after = before.plus(increment);
    if !after.is_finite() {
        return Err(Error::IncrementNotFinite);
    }
    let text = after.text();
    guard.hash()?.set(field, text.as_bytes(), FieldExpiry::Keep);
    guard.name_parts([field]);
    let line = [b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, text.as_bytes()];
    call.effect.rewrite(|| line.map(<[u8]>::to_vec));

    call.reply.bulk(text.as_bytes());
    Ok(())
}

/// The integer that a value is; a missing one is 0.
fn integer_value(value: Option<Str<'_>>) -> Result<i64, Error> {
    match value {
        None => Ok(0),
        Some(Str::Integer(integer)) => Ok(integer),
        Some(Str::Text(_)) => Err(Error::Text("ERR hash value is not an integer")),
    }
}

/// The floating point number that a value is; a missing one is 0.
fn float_value(value: Option<Str<'_>>) -> Result<Extended, Error> {
    match value {
        None => Ok(Extended::ZERO),
        Some(Str::Integer(integer)) => Ok(Extended::from(integer)),
        Some(Str::Text(text)) => Extended::parse(text).ok_or(Error::Text("ERR hash value is not a float")),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn integers_are_counted() {
        check(
            "HINCRBY h n 5                 => 5
             HINCRBY h n -7                => -2
             HEXPIRE h 10 FIELDS 1 n       => [1]
             HINCRBY h n 1                 => -1
             HTTL h FIELDS 1 n             => [10]
             HSET h t text m 9223372036854775807 => 2
             HINCRBY h t 1                 => ERR hash value is not an integer
             HINCRBY h m 1                 => ERR increment or decrement would overflow
             HINCRBY h m x                 => ERR value is not an integer or out of range
             SET s v                       => OK
             HINCRBY s n x                 => ERR value is not an integer or out of range
             HINCRBY s n 1                 => WRONGTYPE Operation against a key holding the wrong kind of value
             HINCRBY none n x              => ERR value is not an integer or out of range
             EXISTS none                   => 0",
        );
    }

    #[test]
    fn floating_point_numbers_are_counted() {
        check(
            r#"HINCRBYFLOAT h f 0.1          => "0.1"
               HINCRBYFLOAT h f 0.2          => "0.3"
               HEXPIRE h 10 FIELDS 1 f       => [1]
               HINCRBYFLOAT h f 2.7          => "3"
               HTTL h FIELDS 1 f             => [10]
               HINCRBY h f 1                 => 4
               HSET h t text i inf           => 2
               HINCRBYFLOAT h t 1            => ERR hash value is not a float
               HINCRBYFLOAT h i 1            => ERR increment would produce NaN or Infinity
               HINCRBYFLOAT h f x            => ERR value is not a valid float
               HINCRBYFLOAT h f nan          => ERR value is not a valid float
               HINCRBYFLOAT h f inf          => ERR value is NaN or Infinity
               HINCRBYFLOAT none f -inf      => ERR value is NaN or Infinity
               EXISTS none                   => 0"#,
        );
    }
}

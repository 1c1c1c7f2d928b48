//! Parts of a value: APPEND, GETRANGE, SUBSTR, SETRANGE.

use super::READ_KEY;
use super::span::ordered_span;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::{Expiry, STRING_BYTES_MAX};
use spinel_types::Str;
use spinel_types::string::INTEGER_DIGITS_MAX;

const APPEND_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::INSERT))];
const EDIT_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))];

const RANGE_COST: &str = "O(N) where N is the length of the returned string";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "append",
        event: "append",
        usage: "key value",
        keys: APPEND_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::String,
        since: "2.0.0",
        cost: "O(1), amortised over growth",
        about: "Appends to the string value of a key, which starts empty.",
        run: Run::Data(append),
        ..Command::ROW
    },
    Command {
        name: "getrange",
        usage: "key start end",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::String,
        since: "2.4.0",
        cost: RANGE_COST,
        about: "Returns a part of a string value.",
        run: Run::Data(getrange),
        ..Command::ROW
    },
    Command {
        name: "substr",
        usage: "key start end",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::String,
        cost: RANGE_COST,
        about: "Returns a part of a string value.",
        deprecated: Some(("2.0.0", "`GETRANGE`")),
        run: Run::Data(getrange),
        ..Command::ROW
    },
    Command {
        name: "setrange",
        event: "setrange",
        usage: "key offset value",
        keys: EDIT_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        since: "2.2.0",
        cost: "O(M) where M is the length of the value, more if the string must grow",
        about: "Overwrites a part of a string value, which grows with zero bytes as needed.",
        run: Run::Data(setrange),
        ..Command::ROW
    },
];

fn append(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, value) = (call.args.word(), call.args.word());

    let mut guard = call.keys.write(key);
    let len = match guard.string()?.map(Str::len) {
        None => {
            guard.set_text(value, Expiry::Never);
            value.len()
        }
        Some(len) => {
            let end = checked_length(len + value.len())?;
            guard.edit_text(end)?[len..].copy_from_slice(value);
            end
        }
    };

    call.reply.integer(len as i64);
    Ok(())
}

fn getrange(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let (start, end) = (call.args.integer(), call.args.integer());
    call.args.finish()?;

    let mut digits = [0; INTEGER_DIGITS_MAX];
    let text = call.keys.read_string(key)?.map_or(&b""[..], |value| value.text(&mut digits));

    call.reply.bulk(ordered_span(start, end, text.len()).map_or(b"", |range| &text[range]));
    Ok(())
}

fn setrange(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, offset, value) = (call.args.word(), call.args.integer(), call.args.word());
    call.args.finish()?;
    let offset = usize::try_from(offset).map_err(|_| Error::Text("ERR offset is out of range"))?;

    let mut guard = call.keys.write(key);
    let mut len = guard.string()?.map_or(0, Str::len);
    if !value.is_empty() {
        let end = checked_length(offset.saturating_add(value.len()))?;
        let text = guard.edit_text(end)?;
        text[offset..end].copy_from_slice(value);
        len = text.len();
    }

    call.reply.integer(len as i64);
    Ok(())
}

/// Refuses lengths that no string may have.
fn checked_length(len: usize) -> Result<usize, Error> {
    if len > STRING_BYTES_MAX { Err(Error::StringTooLong) } else { Ok(len) }
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn append_grows_the_value() {
        check(
            r#"APPEND k 10                   => 2
               @encoding k                   => int
               APPEND k ""                   => 2
               @encoding k                   => raw
               APPEND k 0                    => 3
               INCR k                        => 101
               APPEND k ab                   => 5
               GET k                         => "101ab"
               SET k x EX 10                 => OK
               APPEND k y                    => 2
               @expiry k                     => 1010000
               APPEND e ""                   => 0
               GET e                         => """#,
        );
    }

    #[test]
    fn ranges_are_clipped_to_the_value() {
        check(
            r#"SET k Hello                   => OK
               GETRANGE k 1 3                => "ell"
               GETRANGE k -3 -1              => "llo"
               GETRANGE k 0 100              => "Hello"
               GETRANGE k 3 1                => ""
               GETRANGE k 0 -100             => "H"
               GETRANGE k -99 -100           => ""
               SET n 12345                   => OK
               SUBSTR n 1 2                  => "23"
               GETRANGE none 0 -1            => ""
               GETRANGE k a 1                => ERR value is not an integer or out of range
               GETRANGE k 1 1.5              => ERR value is not an integer or out of range"#,
        );
    }

    #[test]
    fn setrange_overwrites_and_pads() {
        check(
            r#"SETRANGE k 2 ab               => 4
               GET k                         => "\x00\x00ab"
               @encoding k                   => raw
               SET n 12345 EX 10             => OK
               SETRANGE n 1 x                => 5
               GET n                         => "1x345"
               @expiry n                     => 1010000
               SETRANGE n 9 ""               => 5
               SETRANGE none 3 ""            => 0
               GET none                      => nil
               SETRANGE none 536870912 ""    => 0
               SETRANGE k -1 ""              => ERR offset is out of range
               SETRANGE k x ""               => ERR value is not an integer or out of range
               SETRANGE k 536870912 a        => ERR string exceeds maximum allowed size (proto-max-bulk-len)
               SETRANGE k 9223372036854775807 a => ERR string exceeds maximum allowed size (proto-max-bulk-len)"#,
        );
    }
}

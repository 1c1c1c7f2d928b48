//! Single bits: SETBIT, GETBIT.

use super::{READ_KEY, ask_text, bit_offset};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Str;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "setbit",
        event: "setbit",
        usage: "key offset value:integer",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::Bitmap,
        since: "2.2.0",
        about: "Sets or clears a bit of a string value, which grows as needed, and returns the bit before.",
        run: Run::Data(setbit),
        ..Command::ROW
    },
    Command {
        name: "getbit",
        usage: "key offset",
        keys: READ_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::Bitmap,
        since: "2.2.0",
        about: "Returns a bit of a string value.",
        run: Run::Data(getbit),
        ..Command::ROW
    },
];

fn setbit(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, offset, bit) = (call.args.word(), call.args.word(), call.args.word());
    let offset = bit_offset(offset)?;
    let bit = match bit {
        b"0" => 0,
        b"1" => 1,
        _ => return Err(Error::Text("ERR bit is not an integer or out of range")),
    };

    let mut guard = call.keys.write(key);
    let former_len = guard.string()?.map_or(0, Str::len);
    let text = guard.edit_text(offset / 8 + 1)?;
    let is_longer = text.len() > former_len;
    let (byte, shift) = (&mut text[offset / 8], 7 - offset % 8);
    let before = *byte >> shift & 1;
    *byte = *byte & !(1 << shift) | bit << shift;
    if before == bit && !is_longer {
        guard.keep_quiet();
    }

    call.reply.integer(before.into());
    Ok(())
}

fn getbit(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, offset) = (call.args.word(), call.args.word());
    let offset = bit_offset(offset)?;

    let byte = ask_text(call, key, |text| text.get(offset / 8).copied())?.flatten().unwrap_or(0);

    call.reply.integer((byte >> (7 - offset % 8) & 1).into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn bits_are_set_and_read() {
        check(
            r#"SETBIT k 7 1                  => 0
               SETBIT k 7 1                  => 1
               GET k                         => "\x01"
               @encoding k                   => raw
               SETBIT k 16 1                 => 0
               GET k                         => "\x01\x00\x80"
               SETBIT k 7 0                  => 1
               GETBIT k 16                   => 1
               GETBIT k 15                   => 0
               GETBIT k 4294967295           => 0
               GETBIT none 0                 => 0
               SET n 12 EX 10                => OK
               GETBIT n 2                    => 1
               SETBIT n 7 0                  => 1
               GET n                         => "02"
               @expiry n                     => 1010000
               SET e same                    => OK
               SETBIT e 0 0                  => 0
               @encoding e                   => raw"#,
        );
    }

    #[test]
    fn bad_offsets_are_found_before_bad_bits() {
        check(
            "SETBIT k -1 2                   => ERR bit offset is not an integer or out of range
             SETBIT k x 1                    => ERR bit offset is not an integer or out of range
             SETBIT k 4294967296 1           => ERR bit offset is not an integer or out of range
             GETBIT k 4294967296             => ERR bit offset is not an integer or out of range
             SETBIT k 0 2                    => ERR bit is not an integer or out of range
             SETBIT k 0 x                    => ERR bit is not an integer or out of range
             SETBIT k 0 01                   => ERR bit is not an integer or out of range
             GET k                           => nil",
        );
    }
}

//! Integers of any width in a string: `BITFIELD`, `BITFIELD_RO`.

mod integer;
mod operation;

use super::{BAD_OFFSET, READ_KEY, ask_text};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use integer::Integer;
use operation::{Operation, parse};
use spinel_resp::ReplyWriter;

const USED: KeyUse = KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE);
const FIELD_KEY: &[KeySpec] = &[KeySpec::varying(1, USED, use_of_field)];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "bitfield",
        event: "setbit",
        usage: "key operation=[GET get-block=(encoding offset)\
                |write=([OVERFLOW overflow-block=<WRAP|SAT|FAIL>] \
                write-operation=<SET set-block=(encoding offset value:integer)\
                |INCRBY incrby-block=(encoding offset increment)>)]...",
        keys: FIELD_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::Bitmap,
        since: "3.2.0",
        cost: "O(1) for each operation",
        about: "Reads, sets and counts up integers of any width in a string value.",
        run: Run::Data(bitfield),
        ..Command::ROW
    },
    Command {
        name: "bitfield_ro",
        usage: "key [GET get-block=(encoding offset)]...",
        keys: READ_KEY,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::Bitmap,
        since: "6.0.0",
        cost: "O(1) for each operation",
        about: "Reads integers of any width in a string value.",
        run: Run::Data(bitfield_ro),
        ..Command::ROW
    },
];

/// What a call of BITFIELD does with its key: if it has only complete reads, it reads.
fn use_of_field(words: &[&[u8]]) -> KeyUse {
    let mut at = 2;
    while let Some(word) = words.get(at) {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        at += match words.len() - at - 1 {
            2.. if is(b"get") => 3,
            1.. if is(b"overflow") => 2,
            _ => return USED,
        };
    }
    KeyUse::READ_ONLY.with(KeyUse::ACCESS)
}

fn bitfield(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let operations = parse(&mut call.args)?;
    let Some(end) = written_end(&operations) else { return read(call, key, &operations) };

    let mut guard = call.keys.write(key);
    let text = guard.edit_text(end.div_ceil(8))?;
    call.reply.array(operations.len());
    let mut is_written = false;
    for operation in &operations {
        let result = operation.run(text);
        is_written |= operation.is_write() && result.is_some();
        reply_integer(call.reply, result);
    }
    if !is_written {
        guard.keep_quiet();
    }
    Ok(())
}

fn bitfield_ro(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let operations = parse(&mut call.args)?;
    if written_end(&operations).is_some() {
        return Err(Error::Text("ERR BITFIELD_RO only supports the GET subcommand"));
    }

    read(call, key, &operations)
}

/// Replies operations that only read.
fn read(call: &mut Call<'_>, key: &[u8], operations: &[Operation]) -> Result<(), Error> {
    let read_all = |text: &[u8]| operations.iter().map(|operation| operation.field.read(text)).collect();
    let integers: Option<Vec<Integer>> = ask_text(call, key, read_all)?;
    let integers = integers.unwrap_or_else(|| read_all(b""));

    call.reply.array(integers.len());
    for integer in integers {
        reply_integer(call.reply, Some(integer));
    }
    Ok(())
}

/// The bit after the last that is written, if any is.
fn written_end(operations: &[Operation]) -> Option<usize> {
    operations.iter().filter(|operation| operation.is_write()).map(|operation| operation.field.end()).max()
}

fn reply_integer(reply: &mut ReplyWriter, integer: Option<Integer>) {
    match integer {
        Some(integer) => reply.integer(integer as i64),
        None => reply.null(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn integers_are_read_set_and_counted_up() {
        check(
            r#"BITFIELD k SET u8 0 255 GET u8 0 INCRBY u8 0 10 => [0, 255, 9]
               GET k                         => "\t"
               @encoding k                   => raw
               BITFIELD k SET i5 6 -3        => [8]
               BITFIELD k GET i5 6 GET u5 6 GET u1 100 => [-3, 29, 0]
               BITFIELD_RO k GET i5 6        => [-3]
               BITFIELD k SET i64 3 -1 GET i64 3 GET u63 3 => [6701356245527298048, -1, 9223372036854775807]
               BITFIELD t SET u8 #2 65 GET u8 16 GET u4 #4 => [0, 65, 4]
               GET t                         => "\x00\x00A"
               BITFIELD none GET u8 0        => [0]
               BITFIELD none                 => []
               BITFIELD none OVERFLOW SAT    => []
               GET none                      => nil
               SET n 12 EX 10                => OK
               BITFIELD n GET u8 0 INCRBY u8 8 1 => [49, 51]
               GET n                         => "13"
               @expiry n                     => 1010000"#,
        );
    }

    #[test]
    fn overflows_wrap_saturate_or_fail() {
        check(
            "BITFIELD k OVERFLOW SAT SET u4 0 200 INCRBY u4 0 -100 INCRBY u4 0 99 => [0, 0, 15]
             BITFIELD k OVERFLOW FAIL INCRBY u4 0 1 SET u4 0 16 OVERFLOW WRAP SET u4 0 18 => [nil, nil, 15]
             BITFIELD k GET u4 0              => [2]
             BITFIELD k SET u4 0 -1 GET u4 0  => [2, 15]
             BITFIELD k overflow sat SET u4 0 -1 GET u4 0 => [15, 15]
             BITFIELD i SET i8 0 127 INCRBY i8 0 1 => [0, -128]
             BITFIELD i OVERFLOW SAT INCRBY i8 0 -1 SET i8 0 999 INCRBY i8 0 1 => [-128, -128, 127]
             BITFIELD i OVERFLOW FAIL SET i8 0 -129 INCRBY i8 0 1 => [nil, nil]
             BITFIELD w SET i64 0 9223372036854775807 INCRBY i64 0 1 => [0, -9223372036854775808]
             BITFIELD w OVERFLOW SAT INCRBY i64 0 -1 => [-9223372036854775808]
             BITFIELD w INCRBY i64 0 -1       => [9223372036854775807]
             BITFIELD f OVERFLOW FAIL SET u1 17 5 => [nil]
             STRLEN f                         => 3",
        );
    }

    #[test]
    fn operations_that_are_refused() {
        check(
            "BITFIELD k GET u64 0            => ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
             BITFIELD k GET i65 0            => ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
             BITFIELD k GET U8 x             => ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
             BITFIELD k GET u8 x             => ERR bit offset is not an integer or out of range
             BITFIELD k GET u8 #-1           => ERR bit offset is not an integer or out of range
             BITFIELD k GET u8 4294967296    => ERR bit offset is not an integer or out of range
             BITFIELD k GET u8 #9223372036854775807 => ERR bit offset is not an integer or out of range
             BITFIELD k SET u8 0 x           => ERR value is not an integer or out of range
             BITFIELD k SET u8 0             => ERR syntax error
             BITFIELD k GET u8               => ERR syntax error
             BITFIELD k nosuch               => ERR syntax error
             BITFIELD k OVERFLOW             => ERR syntax error
             BITFIELD k OVERFLOW nosuch      => ERR Invalid OVERFLOW type specified
             BITFIELD_RO k SET u8 0 1        => ERR BITFIELD_RO only supports the GET subcommand
             BITFIELD_RO k SET u8 0 1 GET x 0 => ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
             GET k                           => nil",
        );
    }
}

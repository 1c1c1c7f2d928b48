//! Bits of a range: BITCOUNT, BITPOS.

use super::unit::Unit;
use super::{READ_KEY, ask_text, bits};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "bitcount",
        usage: "key range=[start end unit=[BYTE|BIT]]",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Bitmap,
        since: "2.6.0",
        cost: "O(N)",
        about: "Counts the set bits of a string value or of a range of it.",
        run: Run::Data(bitcount),
        ..Command::ROW
    },
    Command {
        name: "bitpos",
        usage: "key bit range=[start end-unit-block=[end unit=[BYTE|BIT]]]",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Bitmap,
        since: "2.8.7",
        cost: "O(N)",
        about: "Finds the first set or clear bit of a string value or of a range of it.",
        run: Run::Data(bitpos),
        ..Command::ROW
    },
];

/// Which part of a value is looked at.
struct Part {
    start: i64,
    end: i64,
    unit: Unit,
}

impl Part {
    const WHOLE: Part = Part { start: 0, end: -1, unit: Unit::Byte };

    /// Reads start, end and unit, or nothing.
    fn parse(args: &mut Args<'_>) -> Result<Part, Error> {
        match args.remaining() {
            0 => return Ok(Part::WHOLE),
            2 | 3 => {}
            _ => return Err(Error::Syntax),
        }
        let (start, end) = (args.integer(), args.integer());
        args.check()?;
        let unit = if args.remaining() > 0 { Unit::parse(args)? } else { Unit::Byte };
        Ok(Part { start, end, unit })
    }

    /// Whether both bounds count from the end and are in the wrong order.
    fn is_backwards(&self) -> bool {
        self.start < 0 && self.end < 0 && self.start > self.end
    }
}

fn bitcount(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let part = Part::parse(&mut call.args)?;

    let counted = ask_text(call, key, |text| {
        let range = part.unit.bits(part.start, part.end, text.len());
        range.filter(|_| !part.is_backwards()).map_or(0, |range| bits::count(text, &range))
    })?;

    call.reply.integer(counted.unwrap_or(0) as i64);
    Ok(())
}

fn bitpos(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, bit) = (call.args.word(), call.args.integer());
    call.args.check()?;
    if bit != 0 && bit != 1 {
        return Err(Error::Text("ERR The bit argument must be 1 or 0."));
    }
    let is_end_given = call.args.remaining() > 1;
    let part = parse_position_range(&mut call.args)?;

    let is_set = bit == 1;
    let found = ask_text(call, key, |text| {
        let range = part.unit.bits(part.start, part.end, text.len())?;
        // Without an end, a text goes on with clear bits forever.
        let beyond = (!is_set && !is_end_given).then_some(text.len() * 8);
        bits::find(text, &range, is_set).or(beyond)
    })?;

    call.reply.integer(match found {
        Some(Some(position)) => position as i64,
        None if !is_set => 0,
        _ => -1,
    });
    Ok(())
}

/// Reads start, end and unit, as far as they are there; the unit is checked before the end.
fn parse_position_range(args: &mut Args<'_>) -> Result<Part, Error> {
    if args.remaining() > 3 {
        return Err(Error::Syntax);
    }
    let mut part = Part::WHOLE;
    if args.remaining() > 0 {
        part.start = args.integer();
        args.check()?;
    }
    if args.remaining() > 0 {
        let end = args.word();
        if args.remaining() > 0 {
            part.unit = Unit::parse(args)?;
        }
        part.end = spinel_resp::parse_integer(end).ok_or(Error::NotAnInteger)?;
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn set_bits_are_counted() {
        check(
            "SET k foobar                    => OK
             BITCOUNT k                      => 26
             BITCOUNT k 0 0                  => 4
             BITCOUNT k 1 1 BYTE             => 6
             BITCOUNT k 5 30 bit             => 17
             BITCOUNT k -2 -1                => 7
             BITCOUNT k -1 -2                => 0
             BITCOUNT k -100 -200            => 0
             BITCOUNT k 0 -200               => 4
             BITCOUNT k 6 9                  => 0
             BITCOUNT none                   => 0
             SET n 123                       => OK
             BITCOUNT n                      => 10
             BITCOUNT k 0                    => ERR syntax error
             BITCOUNT k 0 1 nosuch           => ERR syntax error
             BITCOUNT k 0 1 BIT x            => ERR syntax error
             BITCOUNT none 0 x nosuch        => ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn bits_are_found() {
        check(
            r#"SET k "\xff\xf0\x00"          => OK
               BITPOS k 0                    => 12
               BITPOS k 1                    => 0
               BITPOS k 1 2                  => -1
               BITPOS k 1 2 -1               => -1
               BITPOS k 0 0 0                => -1
               BITPOS k 0 0 0 BYTE           => -1
               BITPOS k 0 13 14 BIT          => 13
               BITPOS k 1 -13 -1 bit         => 11
               BITPOS k 1 2 1                => -1
               BITPOS k 1 -8 -9              => 0
               SET f "\xff\xff"              => OK
               BITPOS f 0                    => 16
               BITPOS f 0 1                  => 16
               BITPOS f 0 0 -1               => -1
               BITPOS f 0 2                  => -1
               SET e ""                      => OK
               BITPOS e 0                    => -1
               BITPOS none 0                 => 0
               BITPOS none 0 5 6             => 0
               BITPOS none 1                 => -1"#,
        );
    }

    #[test]
    fn the_order_of_checks_when_finding() {
        check(
            "BITPOS k 2                      => ERR The bit argument must be 1 or 0.
             BITPOS k x nosuch               => ERR value is not an integer or out of range
             BITPOS k 1 x 0 nosuch           => ERR value is not an integer or out of range
             BITPOS k 1 0 x nosuch           => ERR syntax error
             BITPOS k 1 0 x                  => ERR value is not an integer or out of range
             BITPOS k 1 0 1 BIT x            => ERR syntax error",
        );
    }
}

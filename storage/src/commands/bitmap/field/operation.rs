//! The operations of BITFIELD and how they are written.

use super::BAD_OFFSET;
use super::integer::{Field, Integer, Overflow};
use crate::command::args::Args;
use crate::error::Error;
use crate::keyspace::guard::STRING_BYTES_MAX;

const BAD_TYPE: Error = Error::Text(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

/// One operation on one field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    pub(super) field: Field,
    action: Action,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

impl Operation {
    pub(super) fn is_write(&self) -> bool {
        self.action != Action::Get
    }

    /// Runs on a text that is long enough; `None` if the integer did not fit and nothing was written.
    pub(super) fn run(&self, text: &mut [u8]) -> Option<Integer> {
        let before = self.field.read(text);
        match self.action {
            Action::Get => Some(before),
            Action::Set(value, overflow) => {
                // A negative number is a large one to an unsigned field, so that it overflows upwards.
                let value = if self.field.is_signed { value.into() } else { (value as u64).into() };
                self.field.write(text, self.field.fit(value, overflow)?);
                Some(before)
            }
            Action::Add(increment, overflow) => {
                let after = self.field.fit(before + Integer::from(increment), overflow)?;
                self.field.write(text, after);
                Some(after)
            }
        }
    }
}

/// Reads all operations; `OVERFLOW` goes for those that follow it.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Vec<Operation>, Error> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::default();
    while args.remaining() > 0 {
        // An operation with too few words is no operation.
        let following = args.remaining() - 1;
        if following >= 2 && args.accept("GET") {
            operations.push(Operation { field: field(args)?, action: Action::Get });
        } else if following >= 3 && args.accept("SET") {
            let (field, value) = (field(args)?, args.integer());
            operations.push(Operation { field, action: Action::Set(value, overflow) });
        } else if following >= 3 && args.accept("INCRBY") {
            let (field, increment) = (field(args)?, args.integer());
            operations.push(Operation { field, action: Action::Add(increment, overflow) });
        } else if following >= 1 && args.accept("OVERFLOW") {
            overflow = parse_overflow(args)?;
        } else {
            return Err(Error::Syntax);
        }
        args.check()?;
    }
    Ok(operations)
}

fn parse_overflow(args: &mut Args<'_>) -> Result<Overflow, Error> {
    if args.accept("WRAP") {
        Ok(Overflow::Wrap)
    } else if args.accept("SAT") {
        Ok(Overflow::Saturate)
    } else if args.accept("FAIL") {
        Ok(Overflow::Fail)
    } else {
        Err(Error::Text("ERR Invalid OVERFLOW type specified"))
    }
}

fn field(args: &mut Args<'_>) -> Result<Field, Error> {
    let (encoding, offset) = (args.word(), args.word());
    let (is_signed, width_max, width) = match encoding {
        [b'i', width @ ..] => (true, 64, width),
        [b'u', width @ ..] => (false, 63, width),
        _ => return Err(BAD_TYPE),
    };
    let width = spinel_resp::parse_integer(width).filter(|width| (1..=width_max).contains(width));
    let width = width.ok_or(BAD_TYPE)? as usize;
    Ok(Field { is_signed, width, offset: field_offset(offset, width)? })
}

/// Reads a position in bits, or after `#` in fields of this width.
fn field_offset(word: &[u8], width: usize) -> Result<usize, Error> {
    let (number, scale) = match word {
        [b'#', number @ ..] => (number, width),
        number => (number, 1),
    };
    let number = spinel_resp::parse_integer(number).and_then(|number| usize::try_from(number).ok());
    let offset = number.and_then(|number| number.checked_mul(scale));
    offset.filter(|offset| offset / 8 < STRING_BYTES_MAX).ok_or(BAD_OFFSET)
}

//! Ranges of bits, given in bytes or in bits.

use super::span::span;
use crate::command::args::Args;
use crate::error::Error;
use std::ops::Range;

/// What the positions of a range count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Unit {
    /// `BYTE`.
    #[default]
    Byte,
    /// `BIT`.
    Bit,
}

impl Unit {
    /// Takes the last word, which must be a unit.
    pub(super) fn parse(args: &mut Args<'_>) -> Result<Unit, Error> {
        let unit = if args.accept("BIT") {
            Unit::Bit
        } else {
            args.accept("BYTE");
            Unit::Byte
        };
        args.finish()?;
        Ok(unit)
    }

    /// The bits from `start` to `end`, both included, of a string of `bytes`; negative ones count from the end.
    pub(super) fn bits(self, start: i64, end: i64, bytes: usize) -> Option<Range<usize>> {
        match self {
            Unit::Bit => span(start, end, bytes * 8),
            Unit::Byte => span(start, end, bytes).map(|range| range.start * 8..range.end * 8),
        }
    }
}

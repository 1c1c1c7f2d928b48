//! Units of length.

use super::number;
use crate::command::args::Args;
use crate::error::Error;

/// A unit of length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    metres: f64,
}

impl Unit {
    /// What distances are in when nobody names a unit.
    pub(super) const METRE: Unit = Unit { metres: 1.0 };

    const ALL: [(&str, Unit); 4] = [
        ("M", Unit::METRE),
        ("KM", Unit { metres: 1000.0 }),
        ("FT", Unit { metres: 0.3048 }),
        ("MI", Unit { metres: 1609.34 }),
    ];

    /// Reads the name of a unit.
    pub(super) fn parse(args: &mut Args<'_>) -> Result<Unit, Error> {
        let found = Unit::ALL.iter().find(|(name, _)| args.accept(name));
        found
            .map(|(_, unit)| *unit)
            .ok_or(Error::Text("ERR unsupported unit provided. please use M, KM, FT, MI"))
    }

    /// A distance in this unit.
    pub(super) fn of_metres(self, metres: f64) -> f64 {
        metres / self.metres
    }

    fn metres(self, distance: f64) -> f64 {
        distance * self.metres
    }
}

/// Reads a radius with its unit, and returns it in metres.
pub(super) fn radius_m(args: &mut Args<'_>) -> Result<(f64, Unit), Error> {
    let radius = number(args, Error::Text("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Error::Text("ERR radius cannot be negative"));
    }
    let unit = Unit::parse(args)?;
    Ok((unit.metres(radius), unit))
}

/// Reads width and height with their unit, and returns them in metres.
pub(super) fn sides_m(args: &mut Args<'_>) -> Result<(f64, f64, Unit), Error> {
    let width = number(args, Error::Text("ERR need numeric width"))?;
    let height = number(args, Error::Text("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::Text("ERR height or width cannot be negative"));
    }
    let unit = Unit::parse(args)?;
    Ok((unit.metres(width), unit.metres(height), unit))
}

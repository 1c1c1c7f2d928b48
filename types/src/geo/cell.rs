//! Cells: rectangles of longitudes and latitudes that are ranges of scores.

use super::point::{LATITUDE_MAX, LONGITUDE_MAX, Point};
use std::ops::Range;

/// From a degree up to another one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Extent {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Extent {
    /// All longitudes.
    pub(super) const LONGITUDES: Extent = Extent { low: -LONGITUDE_MAX, high: LONGITUDE_MAX };
    /// All latitudes that have cells.
    pub(super) const LATITUDES: Extent = Extent { low: -LATITUDE_MAX, high: LATITUDE_MAX };

    fn length(self) -> f64 {
        self.high - self.low
    }

    /// Which of `2^step` equal parts a degree is in; the very end is behind the last part.
    fn part(self, degree: f64, step: u8) -> u32 {
        ((degree - self.low) / self.length() * parts(step)) as u32
    }

    /// Where the part of a number begins.
    #[inline]
    fn start_of(self, part: u32, step: u8) -> f64 {
        self.low + f64::from(part) / parts(step) * self.length()
    }

    /// A part of it.
    fn section(self, part: u32, step: u8) -> Extent {
        Extent { low: self.start_of(part, step), high: self.start_of(part.wrapping_add(1), step) }
    }

    fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }
}

#[inline]
fn parts(step: u8) -> f64 {
    (1_u64 << step) as f64
}

/// A rectangle of longitudes and latitudes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Area {
    /// From west to east.
    pub longitude: Extent,
    /// From south to north.
    pub latitude: Extent,
}

impl Area {
    /// All points that have cells.
    pub(super) const WORLD: Area = Area { longitude: Extent::LONGITUDES, latitude: Extent::LATITUDES };
}

/// One of the `4^step` cells of the world.
///
/// Only the cells of points at the easternmost longitude or the northernmost latitude have a column or a row
/// of `2^step`, one too many; their scores are above all others, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    column: u32,
    row: u32,
    step: u8,
}

impl Cell {
    /// The precision of scores.
    pub const STEP_MAX: u8 = 26;

    /// The cell of a point at a precision up to [`Cell::STEP_MAX`].
    pub fn containing(point: Point, step: u8) -> Cell {
        Cell::within(Area::WORLD, point, step)
    }

    /// The cell of a point when it is not the world but this area that is cut up.
    pub(super) fn within(area: Area, point: Point, step: u8) -> Cell {
        debug_assert!(step <= Cell::STEP_MAX);
        let column = area.longitude.part(point.longitude, step);
        Cell { column, row: area.latitude.part(point.latitude, step), step }
    }

    /// The cell of a score. Scores that no point has give some cell, too.
    #[inline]
    pub fn of_score(score: f64) -> Cell {
        let bits = truncated(score);
        Cell { column: gathered(bits >> 1), row: gathered(bits), step: Cell::STEP_MAX }
    }

    /// The bits of column and row in turn.
    pub fn bits(self) -> u64 {
        spread(self.column) << 1 | spread(self.row)
    }

    /// The score of a cell of the highest precision.
    pub fn score(self) -> f64 {
        debug_assert_eq!(self.step, Cell::STEP_MAX);
        self.bits() as f64
    }

    /// The scores of the points in it.
    pub fn scores(self) -> Range<f64> {
        let score = |bits: u64| (bits << (2 * (Cell::STEP_MAX - self.step))) as f64;
        score(self.bits())..score(self.bits() + 1)
    }

    /// The rectangle it is.
    pub fn area(self) -> Area {
        Area {
            longitude: Extent::LONGITUDES.section(self.column, self.step),
            latitude: Extent::LATITUDES.section(self.row, self.step),
        }
    }

    /// The point in the middle, which is what a score decodes to.
    #[inline]
    pub fn center(self) -> Point {
        let area = self.area();
        Point { longitude: area.longitude.middle(), latitude: area.latitude.middle() }.clamped()
    }

    /// The cell next to it in a direction: −1, 0 or 1 columns to the east and rows to the north. Behind the
    /// last column or row comes the first one.
    pub(super) fn neighbour(self, columns: i32, rows: i32) -> Cell {
        let last = (1_u32 << self.step) - 1;
        let moved = |from: u32, by: i32| if by == 0 { from } else { from.wrapping_add_signed(by) & last };
        Cell { column: moved(self.column, columns), row: moved(self.row, rows), step: self.step }
    }
}

/// Truncates a score to an integer. What is out of range wraps around as it does in Redis on x86-64.
#[inline]
fn truncated(score: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    const LIMIT: f64 = SIGN as f64;
    if score < LIMIT {
        return score as i64 as u64;
    }
    if score < 2.0 * LIMIT { score as u64 } else { 0 }
}

/// Puts a zero in front of each bit.
#[inline]
fn spread(bits: u32) -> u64 {
    let mut spread = u64::from(bits);
    for (shift, mask) in SPREADING {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

/// Takes every other bit, from the lowest on.
#[inline]
fn gathered(bits: u64) -> u32 {
    let mut gathered = bits & SPREADING[4].1;
    for place in [3, 2, 1, 0] {
        gathered = (gathered | gathered >> SPREADING[place + 1].0) & SPREADING[place].1;
    }
    (gathered | gathered >> SPREADING[0].0) as u32
}

/// Groups of bits are moved apart by half their length at a time: 16, 8, 4, 2 and 1.
const SPREADING: [(u32, u64); 5] = [
    (16, 0x0000_FFFF_0000_FFFF),
    (8, 0x00FF_00FF_00FF_00FF),
    (4, 0x0F0F_0F0F_0F0F_0F0F),
    (2, 0x3333_3333_3333_3333),
    (1, 0x5555_5555_5555_5555),
];

//! The cells that cover a shape: one of about its size and those around it.
//!
//! ```text
//!   7 │ 1 │ 6        the cells in the order in which they are searched, north on top, after 0 in the middle:
//!  ───┼───┼───       north, south, east, west, then the corners. On sides where the shape does not reach
//!   4 │ 0 │ 3        over the middle cell there are none.
//!  ───┼───┼───
//!   9 │ 2 │ 8
//! ```

use super::cell::{Area, Cell};
use super::point::Point;

/// Half the length of the equator on a Mercator map in metres: what the cells of step 1 measure.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// Steps to the east and to the north, in the order of the search.
const DIRECTIONS: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// The cells to be searched, each once.
pub(super) fn cells(center: Point, bounds: Area, reach_m: f64) -> impl Iterator<Item = Cell> {
    let mut step = step_for(reach_m, center.latitude);
    if step > 1 && !is_covered(Cell::containing(center, step), bounds) {
        step -= 1;
    }
    let middle = Cell::containing(center, step);
    let area = middle.area();
    // Of the four cells of step 1, each is a neighbour of all others, so none is left out.
    let is_needed = move |(columns, rows): (i32, i32)| {
        step < 2
            || !(columns < 0 && area.longitude.low < bounds.longitude.low
                || columns > 0 && area.longitude.high > bounds.longitude.high
                || rows < 0 && area.latitude.low < bounds.latitude.low
                || rows > 0 && area.latitude.high > bounds.latitude.high)
    };
    let neighbours = DIRECTIONS.into_iter().filter(move |direction| is_needed(*direction));
    let mut last = None;
    neighbours.map(move |(columns, rows)| middle.neighbour(columns, rows)).filter(move |cell| {
        // With few cells, those on both sides are the same one.
        let is_repeated = last == Some(*cell);
        last = Some(*cell);
        !is_repeated
    })
}

/// The precision at which nine cells cover what is this far around, in most cases.
fn step_for(reach_m: f64, latitude: f64) -> u8 {
    if reach_m == 0.0 {
        return Cell::STEP_MAX;
    }
    let mut step: i32 = -1;
    let mut cell_m = reach_m;
    while cell_m < MERCATOR_MAX_M {
        cell_m *= 2.0;
        step += 1;
    }
    // Towards the poles, as many degrees are fewer metres.
    step -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    step.clamp(1, Cell::STEP_MAX.into()) as u8
}

/// Whether the bounds end before the cells around this one do.
fn is_covered(middle: Cell, bounds: Area) -> bool {
    let area = |columns, rows| middle.neighbour(columns, rows).area();
    !(area(0, 1).latitude.high < bounds.latitude.high
        || area(0, -1).latitude.low > bounds.latitude.low
        || area(1, 0).longitude.high < bounds.longitude.high
        || area(-1, 0).longitude.low > bounds.longitude.low)
}

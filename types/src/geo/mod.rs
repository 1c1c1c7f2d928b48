//! Points on the earth as scores of sorted sets, and searches among them.
//!
//! ```text
//! longitude −180 … 180           ─→  one of 2^26 columns   c25 … c0
//! latitude  −85.05112878 … +     ─→  one of 2^26 rows      r25 … r0
//! score, 52 bits                     c25 r25 c24 r24 … c0 r0        exact in a double
//! ```
//!
//! A [`Cell`] is a rectangle of longitudes and latitudes: each step of precision quarters it. The bits of a
//! cell are the first bits of all cells in it, so **the points of a cell are one range of scores**. A
//! [`Search`] covers its shape with a cell of about its size and the eight around it, that is at most nine
//! ranges, and tests the points in them one by one.
//!
//! The latitudes end where the Mercator projection is a square. The last cells measure 0.6 m by at most 0.3 m, so
//! decoding a score gives a point that is off by less than that.
//!
//! Results must equal Redis's to the last digit, so formulas keep the order of operations of its documented
//! behaviour, and the earth is the sphere it takes it for.

mod cell;
mod cover;
mod point;
mod search;
#[cfg(test)]
mod tests;
mod text;
mod window;

pub use cell::{Area, Cell, Extent};
pub use point::{LATITUDE_MAX, LONGITUDE_MAX, Point};
pub use search::{Hit, Search};
pub use text::{GEOHASH_LEN, geohash};

//! Geohashes as text, as other programs write them.

use super::cell::{Area, Cell, Extent};
use super::point::Point;

/// How many characters a geohash has.
pub const GEOHASH_LEN: usize = 11;

const BITS_PER_CHARACTER: u32 = 5;
/// Ten characters hold 50 of the 52 bits. An eleventh, which the two that are left would begin, is always zero.
const CHARACTERS: [u8; 32] = *b"0123456789bcdefghjkmnpqrstuvwxyz";

/// The standard geohash of a point, whose latitudes reach from pole to pole.
///
/// See <https://en.wikipedia.org/wiki/Geohash>. The eleventh character is `0`, as in Redis.
pub fn geohash(point: Point) -> [u8; GEOHASH_LEN] {
    const WHOLE: Area = Area { longitude: Extent::LONGITUDES, latitude: Extent { low: -90.0, high: 90.0 } };
    let bits = Cell::within(WHOLE, point, Cell::STEP_MAX).bits();
    let mut text = [CHARACTERS[0]; GEOHASH_LEN];
    let mut shift = 2 * u32::from(Cell::STEP_MAX);
    for character in &mut text[..GEOHASH_LEN - 1] {
        shift -= BITS_PER_CHARACTER;
        *character = CHARACTERS[(bits >> shift) as usize % CHARACTERS.len()];
    }
    text
}

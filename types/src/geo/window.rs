//! A quick test that spares most points of the covering cells the exact one.

use super::cell::Area;
use super::point::{EARTH_RADIUS_M, Point, degrees, radians};

/// A shape is inside of this, and by more than any rounding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    center: Point,
    /// Degrees to either side of the centre.
    longitude: f64,
    latitude: f64,
}

/// Far more than the rounding of any formula here: a centimetre, and a ten-millionth.
const MARGIN_DEGREES: f64 = 1e-7;
const MARGIN_FACTOR: f64 = 1.0 + 1e-7;

/// Up to this many radians, some 4,400 km, there is a window. It must be far below a half circle, where the
/// exact test loses digits.
const REACH_MAX: f64 = 0.7;
/// The latitude in radians from which on a window has all longitudes: about a degree from the pole.
const POLAR: f64 = 1.55;

const ALL: f64 = f64::INFINITY;

impl Window {
    /// On a sphere, a circle spans most longitudes where the meridian touches it: there, the pole, the centre
    /// and the point make a right-angled triangle.
    pub(super) fn of_circle(center: Point, radius_m: f64) -> Window {
        let (radius, latitude) = (radius_m / EARTH_RADIUS_M, radians(center.latitude.abs()));
        let longitude = if latitude + radius < POLAR { (radius.sin() / latitude.cos()).asin() } else { ALL };
        Window::new(center, radius, longitude, radius)
    }

    /// A rectangle spans most longitudes at the side that is nearest to a pole. Its width is measured along great
    /// circles between points of one latitude.
    pub(super) fn of_rectangle(center: Point, half_width_m: f64, half_height_m: f64) -> Window {
        let (half_width, half_height) = (half_width_m / EARTH_RADIUS_M, half_height_m / EARTH_RADIUS_M);
        let polar_side = radians(center.latitude.abs()) + half_height;
        let sine = (half_width / 2.0).sin() / polar_side.cos();
        let longitude = if polar_side < POLAR && sine < 0.9 { 2.0 * sine.asin() } else { ALL };
        Window::new(center, half_width.max(half_height), longitude, half_height)
    }

    /// The sides of these bounds.
    pub(super) fn around(center: Point, bounds: Area) -> Window {
        let farthest = |low: f64, middle: f64, high: f64| (middle - low).max(high - middle) + MARGIN_DEGREES;
        let Area { longitude, latitude } = bounds;
        Window {
            center,
            longitude: farthest(longitude.low, center.longitude, longitude.high),
            latitude: farthest(latitude.low, center.latitude, latitude.high),
        }
    }

    fn new(center: Point, reach: f64, longitude: f64, latitude: f64) -> Window {
        if reach > REACH_MAX {
            return Window { center, longitude: ALL, latitude: ALL };
        }
        let widened = |radians: f64| degrees(radians) * MARGIN_FACTOR + MARGIN_DEGREES;
        Window { center, longitude: widened(longitude), latitude: widened(latitude) }
    }

    /// Whether a point is certainly outside.
    #[inline]
    pub(super) fn excludes(&self, point: Point) -> bool {
        if (point.latitude - self.center.latitude).abs() > self.latitude {
            return true;
        }
        let across = (point.longitude - self.center.longitude).abs();
        across.min(360.0 - across) > self.longitude
    }
}

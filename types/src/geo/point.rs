//! A point on the earth, and how far two are from each other.

/// The easternmost longitude in degrees; the westernmost is its negative.
pub const LONGITUDE_MAX: f64 = 180.0;
/// The northernmost latitude in degrees; the southernmost is its negative.
pub const LATITUDE_MAX: f64 = 85.051_128_78;

/// The radius of the earth, which is taken for a sphere.
pub(super) const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;

/// Turns degrees into radians.
///
/// Not the standard library's conversion, which may round differently.
#[inline]
pub(super) fn radians(degrees: f64) -> f64 {
    degrees * RADIANS_PER_DEGREE
}

/// Turns radians into degrees.
#[inline]
pub(super) fn degrees(radians: f64) -> f64 {
    radians / RADIANS_PER_DEGREE
}

/// A point on the earth, in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// From −180, which is the same place as 180, eastwards.
    pub longitude: f64,
    /// From the south to the north.
    pub latitude: f64,
}

impl Point {
    /// Makes a point, if there is a cell for it.
    pub fn new(longitude: f64, latitude: f64) -> Option<Point> {
        let is_inside = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        is_inside.then_some(Point { longitude, latitude })
    }

    /// The nearest degrees that have a cell.
    #[inline]
    pub(super) fn clamped(self) -> Point {
        Point {
            longitude: self.longitude.clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: self.latitude.clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The distance to another point in metres, along the surface (haversine formula).
    pub fn distance_m(self, other: Point) -> f64 {
        Origin::new(self).distance_m(other)
    }
}

/// The distance in metres between two latitudes on one meridian.
#[inline]
pub(super) fn latitude_distance_m(one: f64, other: f64) -> f64 {
    EARTH_RADIUS_M * (radians(other) - radians(one)).abs()
}

/// A point from which many distances are measured: what depends on it alone is computed once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    point: Point,
    longitude_radians: f64,
    latitude_radians: f64,
    latitude_cosine: f64,
}

impl Origin {
    pub(super) fn new(point: Point) -> Origin {
        let latitude_radians = radians(point.latitude);
        let longitude_radians = radians(point.longitude);
        Origin { point, longitude_radians, latitude_radians, latitude_cosine: latitude_radians.cos() }
    }

    pub(super) fn point(&self) -> Point {
        self.point
    }

    /// The distance to another point in metres.
    #[inline]
    pub(super) fn distance_m(&self, other: Point) -> f64 {
        let across = ((radians(other.longitude) - self.longitude_radians) / 2.0).sin();
        if across == 0.0 {
            return latitude_distance_m(self.point.latitude, other.latitude);
        }
        let latitude_radians = radians(other.latitude);
        let along = ((latitude_radians - self.latitude_radians) / 2.0).sin();
        let haversine = along * along + self.latitude_cosine * latitude_radians.cos() * across * across;
        2.0 * EARTH_RADIUS_M * haversine.sqrt().asin()
    }
}

//! What is searched for: the points in a circle, a rectangle or a polygon.

use super::cell::{Area, Cell, Extent};
use super::cover;
use super::point::{EARTH_RADIUS_M, Origin, Point, degrees, latitude_distance_m, radians};
use super::window::Window;
use std::ops::Range;

/// A shape on the earth, ready to be compared with many points.
pub struct Search {
    origin: Origin,
    outline: Outline,
    /// No point of the shape is outside, but for shapes that reach over a pole.
    bounds: Area,
    /// From the origin to what is farthest of the shape, roughly.
    reach_m: f64,
    window: Window,
}

enum Outline {
    Circle { radius_m: f64 },
    Rectangle { width_m: f64, height_m: f64 },
    Polygon(Vec<Point>),
}

/// A point that was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    /// Where it is.
    pub point: Point,
    /// How far it is from the centre of the search in metres.
    pub distance_m: f64,
}

impl Search {
    /// Points at most this far from a centre.
    pub fn circle(center: Point, radius_m: f64) -> Search {
        Search {
            origin: Origin::new(center),
            outline: Outline::Circle { radius_m },
            bounds: bounds(center, radius_m, radius_m),
            reach_m: radius_m,
            window: Window::of_circle(center, radius_m),
        }
    }

    /// Points in a rectangle around a centre, whose sides run along meridians and parallels.
    pub fn rectangle(center: Point, width_m: f64, height_m: f64) -> Search {
        let (half_width_m, half_height_m) = (width_m / 2.0, height_m / 2.0);
        Search {
            origin: Origin::new(center),
            outline: Outline::Rectangle { width_m, height_m },
            bounds: bounds(center, half_width_m, half_height_m),
            reach_m: (half_width_m * half_width_m + half_height_m * half_height_m).sqrt(),
            window: Window::of_rectangle(center, half_width_m, half_height_m),
        }
    }

    /// Points in a polygon of at least three vertices, whose edges are straight on a map whose axes are
    /// degrees. It can't reach across the longitude of 180 degrees. Distances are those from the centroid
    /// of the vertices.
    pub fn polygon(vertices: Vec<Point>) -> Search {
        debug_assert!(vertices.len() >= 3);
        let origin = Origin::new(centroid(&vertices));
        let bounds = Area {
            longitude: extent(vertices.iter().map(|vertex| vertex.longitude)),
            latitude: extent(vertices.iter().map(|vertex| vertex.latitude)),
        };
        let corner = |longitude, latitude| origin.distance_m(Point { longitude, latitude });
        let Area { longitude, latitude } = bounds;
        let reach_m = corner(longitude.low, latitude.high)
            .max(corner(longitude.high, latitude.high))
            .max(corner(longitude.low, latitude.low))
            .max(corner(longitude.high, latitude.low));
        let window = Window::around(origin.point(), bounds);
        Search { origin, outline: Outline::Polygon(vertices), bounds, reach_m, window }
    }

    /// Ranges of scores, at most nine, that hold all points of the shape: that of its centre first.
    pub fn ranges(&self) -> impl Iterator<Item = Range<f64>> {
        // The centroid of a polygon may be nearer to a pole than its vertices are.
        cover::cells(self.origin.point().clamped(), self.bounds, self.reach_m).map(Cell::scores)
    }

    /// The point of a score, if it is in the shape. O(1), or O(n) for n vertices.
    #[inline]
    pub fn hit(&self, score: f64) -> Option<Hit> {
        let point = Cell::of_score(score).center();
        if self.window.excludes(point) {
            return None;
        }
        let distance_m = self.distance_m(point)?;
        Some(Hit { point, distance_m })
    }

    /// The distance from the centre of a point that is in the shape.
    fn distance_m(&self, point: Point) -> Option<f64> {
        let center = self.origin.point();
        let is_outside = match &self.outline {
            Outline::Circle { radius_m } => {
                let distance_m = self.origin.distance_m(point);
                // Antipodes whose distance is not a number because of rounding are inside.
                return if distance_m > *radius_m { None } else { Some(distance_m) };
            }
            Outline::Rectangle { width_m, height_m } => {
                let abreast = Point { longitude: center.longitude, latitude: point.latitude };
                latitude_distance_m(point.latitude, center.latitude) > height_m / 2.0
                    || point.distance_m(abreast) > width_m / 2.0
            }
            Outline::Polygon(vertices) => !is_inside(vertices, point),
        };
        (!is_outside).then(|| self.origin.distance_m(point))
    }
}

/// Longitudes and latitudes of what is this far to the sides, and upwards and downwards.
fn bounds(center: Point, half_width_m: f64, half_height_m: f64) -> Area {
    let Point { longitude, latitude } = center;
    let height = degrees(half_height_m / EARTH_RADIUS_M);
    // The parallels shrink towards the pole: at the side that is nearer to it, a width is most degrees.
    let nearest_pole = if latitude < 0.0 { latitude - height } else { latitude + height };
    let width = degrees(half_width_m / EARTH_RADIUS_M / radians(nearest_pole).cos());
    Area {
        longitude: Extent { low: longitude - width, high: longitude + width },
        latitude: Extent { low: latitude - height, high: latitude + height },
    }
}

fn extent(degrees: impl Iterator<Item = f64>) -> Extent {
    let empty = Extent { low: f64::INFINITY, high: f64::NEG_INFINITY };
    degrees
        .fold(empty, |extent, degree| Extent { low: extent.low.min(degree), high: extent.high.max(degree) })
}

/// The point below the mean of points in space.
fn centroid(vertices: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for vertex in vertices {
        let (longitude, latitude) = (radians(vertex.longitude), radians(vertex.latitude));
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    Point {
        longitude: degrees(y.atan2(x)),
        // Not `hypot`, which rounds better than the square root of both squares.
        latitude: degrees(z.atan2((x * x + y * y).sqrt())),
    }
}

/// Whether a ray to the east crosses an odd number of edges.
///
/// See Franklin, <https://wrfranklin.org/Research/Short_Notes/pnpoly.html>. An edge has the northern one of
/// its ends, but not the southern one, so that a ray through a vertex crosses one of two edges that go on in
/// one direction.
fn is_inside(vertices: &[Point], point: Point) -> bool {
    let mut is_inside = false;
    let mut from = vertices[vertices.len() - 1];
    for &to in vertices {
        let crosses = (to.latitude > point.latitude) != (from.latitude > point.latitude);
        let crossing = || {
            let slope = (from.longitude - to.longitude) * (point.latitude - to.latitude);
            slope / (from.latitude - to.latitude) + to.longitude
        };
        is_inside ^= crosses && point.longitude < crossing();
        from = to;
    }
    is_inside
}

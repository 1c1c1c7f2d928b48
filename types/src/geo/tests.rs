//! Values seen at Redis 8.0, and properties of random points and shapes.

use super::{Cell, LATITUDE_MAX, LONGITUDE_MAX, Point, Search, geohash};
use crate::random::{Random, model_steps};

fn point(longitude: f64, latitude: f64) -> Point {
    Point::new(longitude, latitude).expect("there is a cell")
}

fn cell(point: Point) -> Cell {
    Cell::containing(point, Cell::STEP_MAX)
}

fn score(point: Point) -> f64 {
    cell(point).score()
}

impl Random {
    /// A number from 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.below(1 << 50) as f64 / (1_u64 << 50) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.fraction() * (high - low)
    }

    fn point(&mut self, latitude_max: f64) -> Point {
        let longitude = self.between(-LONGITUDE_MAX, LONGITUDE_MAX);
        Point { longitude, latitude: self.between(-latitude_max, latitude_max) }
    }

    /// A point up to this many degrees of latitude away.
    fn near(&mut self, center: Point, degrees: f64) -> Point {
        let wide = degrees / center.latitude.to_radians().cos().max(0.05);
        let longitude = center.longitude + self.between(-wide, wide);
        let latitude = center.latitude + self.between(-degrees, degrees);
        Point { longitude: (longitude + 540.0).rem_euclid(360.0) - 180.0, latitude }.clamped()
    }
}

#[test]
fn known_points() {
    let palermo = point(13.361_389, 38.115_556);
    let catania = point(15.087_269, 37.502_669);
    assert_eq!(cell(palermo).bits(), 3_479_099_956_230_698);
    assert_eq!(cell(catania).bits(), 3_479_447_370_796_909);
    let (palermo, catania) =
        (Cell::of_score(score(palermo)).center(), Cell::of_score(score(catania)).center());
    assert_eq!(palermo, point(13.361_389_338_970_184, 38.115_556_395_496_3));
    assert_eq!(&geohash(palermo), b"sqc8b49rny0");
    assert_eq!(&geohash(catania), b"sqdtr74hyu0");
    assert_eq!(format!("{:.4}", palermo.distance_m(catania)), "166274.1516");
}

#[test]
fn the_edges_of_the_world() {
    assert_eq!(cell(point(-LONGITUDE_MAX, -LATITUDE_MAX)).bits(), 0);
    assert_eq!(cell(point(LONGITUDE_MAX, -LATITUDE_MAX)).bits(), 1 << 53);
    assert_eq!(cell(point(-LONGITUDE_MAX, LATITUDE_MAX)).bits(), 1 << 52);
    assert!(Point::new(180.1, 0.0).is_none() && Point::new(0.0, -85.06).is_none());
    assert!(Point::new(f64::NAN, 0.0).is_none());
    for odd in [-1.0, -1e300, 1e19, 1.8e19, 1e300, f64::INFINITY, f64::NEG_INFINITY, 0.5] {
        let center = Cell::of_score(odd).center();
        assert_eq!(Point::new(center.longitude, center.latitude), Some(center), "{odd}");
    }
}

#[test]
fn decoding_is_off_by_less_than_a_cell() {
    let mut random = Random::new(1);
    let cells = (1_u64 << Cell::STEP_MAX) as f64;
    for _ in 0..model_steps(100_000) {
        let point = random.point(LATITUDE_MAX);
        let decoded = Cell::of_score(score(point)).center();
        assert!((decoded.longitude - point.longitude).abs() <= LONGITUDE_MAX / cells);
        assert!((decoded.latitude - point.latitude).abs() <= LATITUDE_MAX / cells);
        assert_eq!(cell(decoded), cell(point));
    }
}

#[test]
fn the_scores_of_a_cell_are_those_of_its_points() {
    let mut random = Random::new(2);
    for _ in 0..model_steps(50_000) {
        let (one, step) = (random.point(LATITUDE_MAX), 1 + random.below(26) as u8);
        let other = random.near(one, 360.0 / f64::from(1_u32 << step));
        let cell = Cell::containing(one, step);
        assert!(cell.scores().contains(&score(one)));
        assert_eq!(cell.scores().contains(&score(other)), Cell::containing(other, step) == cell);
    }
}

/// Checks that what the exact test takes is in exactly one range, and in the window.
fn check(search: &Search, point: Point, is_inside: bool) {
    let score = score(point);
    let ranges: Vec<_> = search.ranges().collect();
    assert!((1..=9).contains(&ranges.len()));
    let holding = ranges.iter().filter(|range| range.contains(&score)).count();
    assert!(holding <= 1, "{point:?} would be found {holding} times");
    assert_eq!(search.hit(score).is_some(), is_inside, "{point:?}");
    assert!(holding == 1 || !is_inside, "{point:?} is in no range");
}

#[test]
fn circles_are_covered() {
    let mut random = Random::new(3);
    for _ in 0..model_steps(100_000) {
        let center = random.point(75.0);
        let radius_m = 10.0_f64.powf(random.between(0.0, 6.0));
        let search = Search::circle(center, radius_m);
        let near = random.near(center, radius_m / 100_000.0);
        let near = Cell::of_score(score(near)).center();
        check(&search, near, center.distance_m(near) <= radius_m);
    }
}

#[test]
fn rectangles_are_covered() {
    let mut random = Random::new(4);
    for _ in 0..model_steps(100_000) {
        let center = random.point(70.0);
        let width_m = 10.0_f64.powf(random.between(0.0, 6.0));
        let height_m = width_m * random.between(0.3, 3.0);
        let search = Search::rectangle(center, width_m, height_m);
        let near = random.near(center, width_m.max(height_m) / 200_000.0);
        let near = Cell::of_score(score(near)).center();
        let abreast = Point { longitude: center.longitude, latitude: near.latitude };
        let is_inside =
            near.distance_m(abreast) <= width_m / 2.0 && center.distance_m(abreast) <= height_m / 2.0;
        check(&search, near, is_inside);
    }
}

#[test]
fn polygons_are_covered() {
    let mut random = Random::new(5);
    for _ in 0..model_steps(50_000) {
        // A triangle whose third vertex is beside the middle of a side parallel to the equator.
        let (west, base) = (random.between(-170.0, 100.0), random.between(-60.0, 60.0));
        let (width, height) = (random.between(0.01, 30.0), random.between(-15.0, 15.0));
        let vertices =
            vec![point(west, base), point(west + width, base), point(west + width / 2.0, base + height)];
        let search = Search::polygon(vertices);
        let near = point(
            west + width * random.between(-0.2, 1.2),
            (base + height * random.between(-0.2, 1.2)).clamp(-80.0, 80.0),
        );
        let near = Cell::of_score(score(near)).center();
        let up = (near.latitude - base) / height;
        let across = ((near.longitude - west) / width - 0.5).abs();
        // Next to an edge, rounding decides.
        if (across - (1.0 - up) / 2.0).abs() > 1e-6 && up.abs() > 1e-6 {
            check(&search, near, up > 0.0 && across < (1.0 - up) / 2.0);
        }
    }
}

#[test]
fn large_searches_find_a_point_once() {
    let mut random = Random::new(6);
    for _ in 0..model_steps(20_000) {
        let (center, other) = (random.point(LATITUDE_MAX), random.point(LATITUDE_MAX));
        let search = Search::circle(center, 30_000_000.0);
        let score = score(other);
        assert_eq!(search.ranges().filter(|range| range.contains(&score)).count(), 1);
        assert!(search.hit(score).is_some());
    }
}

#[test]
fn windows_exclude_nothing_that_is_inside() {
    let mut random = Random::new(7);
    for _ in 0..model_steps(100_000) {
        let center = random.point(LATITUDE_MAX);
        let radius_m = 10.0_f64.powf(random.between(0.0, 7.0));
        let near = random.near(center, radius_m / 100_000.0);
        let distance_m = center.distance_m(near);
        assert!(distance_m > radius_m || !super::window::Window::of_circle(center, radius_m).excludes(near));
    }
}

//! The keys with the largest sums of a stream, in bounded memory: a Space-Saving sketch.
//!
//! ```text
//! full, and `d` comes with weight 1:
//!
//!   key  sum  error           key  sum  error
//!   a    90   0               a    90   0
//!   b    12   0       ──→     b    12   0
//!   c     3   1               d     4   3     c has gone; d may have come up to three times before
//! ```
//!
//! A key that isn't counted takes the place of the one with the smallest sum, and inherits that sum, as what it may be wrong by.
//! So no sum is too small, and a key with more than a capacity-th of the total is always among those counted.
//! Adding costs a pass over the hashes and, for a key that isn't there, one over the sums: some hundred instructions for 64 counters.

use spinel_storage::DbIndex;

/// Keys that are longer are not counted: they would make the memory of a sketch a matter of clients.
pub(super) const KEY_BYTES_MAX: usize = 4096;

/// A name of a key in all databases.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) db: DbIndex,
    pub(crate) key: Vec<u8>,
}

/// Sums of keys. The three vectors are as long as each other; what a search goes through lies side by side.
#[derive(Default)]
pub(super) struct Sketch {
    hashes: Vec<u64>,
    sums: Vec<u64>,
    rest: Vec<Counter>,
    capacity: usize,
}

/// What only the found counter is asked for.
struct Counter {
    place: Place,
    /// By how much the sum may be too large.
    error: u64,
}

/// What is known of a key's sum: it is at most `sum`, and at least `sum - error`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bounds {
    pub(super) sum: u64,
    pub(super) error: u64,
}

impl Bounds {
    /// The middle of what the sum may be.
    pub(super) fn estimate(self) -> u64 {
        self.sum - self.error / 2
    }

    /// Adds what another sketch says of the same key.
    pub(super) fn add(&mut self, other: Bounds) {
        self.sum = self.sum.saturating_add(other.sum);
        self.error = self.error.saturating_add(other.error);
    }
}

impl Sketch {
    /// Makes one that counts up to `capacity` keys; with 0, none.
    pub(super) fn new(capacity: usize) -> Sketch {
        Sketch { capacity, ..Sketch::default() }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Adds to the sum of a key. O(capacity).
    pub(super) fn add(&mut self, db: DbIndex, key: &[u8], weight: u64) {
        if self.capacity == 0 || key.len() > KEY_BYTES_MAX {
            return;
        }
        let hash = hash(db, key);
        let is_it = |at: usize| {
            let place = &self.rest[at].place;
            place.db == db && place.key == key
        };
        let found = self.hashes.iter().enumerate().find(|(at, other)| **other == hash && is_it(*at));
        if let Some((at, _)) = found {
            self.sums[at] = self.sums[at].saturating_add(weight);
        } else if self.hashes.len() < self.capacity {
            self.hashes.push(hash);
            self.sums.push(weight);
            self.rest.push(Counter { place: Place { db, key: key.to_vec() }, error: 0 });
        } else {
            self.replace_smallest(hash, (db, key), weight);
        }
        debug_assert!(self.hashes.len() <= self.capacity && self.hashes.len() == self.rest.len());
    }

    fn replace_smallest(&mut self, hash: u64, (db, key): (DbIndex, &[u8]), weight: u64) {
        let smallest = self.sums.iter().enumerate().min_by_key(|(_, sum)| **sum);
        let (at, error) = smallest.map(|(at, sum)| (at, *sum)).expect("there are counters");
        self.hashes[at] = hash;
        self.sums[at] = error.saturating_add(weight);
        let Counter { place, error: former } = &mut self.rest[at];
        *former = error;
        place.db = db;
        // The memory of the former key will do.
        place.key.clear();
        place.key.extend_from_slice(key);
    }

    /// Forgets all keys, and keeps some of the memory.
    pub(super) fn clear(&mut self) {
        self.hashes.clear();
        self.sums.clear();
        self.rest.clear();
    }

    /// The keys that are counted, in no order.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&Place, Bounds)> {
        let bounds = |(sum, counter): (&u64, &Counter)| Bounds { sum: *sum, error: counter.error };
        self.sums.iter().zip(&self.rest).map(move |both| (&both.1.place, bounds(both)))
    }
}

/// FNV-1a. Whoever chooses keys that collide makes the search compare more keys, no more than the sketch has.
fn hash(db: DbIndex, key: &[u8]) -> u64 {
    let mix = |hash: u64, byte: u64| (hash ^ byte).wrapping_mul(0x0000_0100_0000_01b3);
    key.iter().fold(mix(0xcbf2_9ce4_8422_2325, u64::from(db.0)), |hash, byte| mix(hash, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const DB: DbIndex = DbIndex(0);

    fn sums(sketch: &Sketch) -> BTreeMap<Vec<u8>, Bounds> {
        sketch.counted().map(|(place, bounds)| (place.key.clone(), bounds)).collect()
    }

    #[test]
    fn what_fits_is_exact() {
        let mut sketch = Sketch::new(3);
        for (db, key, weight) in [(0, "a", 1), (0, "b", 5), (0, "a", 2), (1, "a", 7)] {
            sketch.add(DbIndex(db), key.as_bytes(), weight);
        }
        let mut counted: Vec<_> = sketch.counted().map(|(place, bounds)| (place.clone(), bounds)).collect();
        counted.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let place = |db, key: &str| Place { db: DbIndex(db), key: key.into() };
        let exact = |sum| Bounds { sum, error: 0 };
        assert_eq!(
            counted,
            [(place(0, "a"), exact(3)), (place(0, "b"), exact(5)), (place(1, "a"), exact(7))]
        );
    }

    #[test]
    fn the_smallest_makes_room_and_leaves_its_sum_as_an_error() {
        let mut sketch = Sketch::new(2);
        sketch.add(DB, b"a", 10);
        sketch.add(DB, b"b", 3);
        sketch.add(DB, b"c", 1);
        let sums = sums(&sketch);
        assert_eq!(sums[&b"a"[..]], Bounds { sum: 10, error: 0 });
        assert_eq!(sums[&b"c"[..]], Bounds { sum: 4, error: 3 });
        assert_eq!(sums[&b"c"[..]].estimate(), 3);
        assert_eq!(sums.len(), 2);
    }

    #[test]
    fn frequent_keys_are_found_among_any_number_of_others_and_bounds_hold() {
        let mut sketch = Sketch::new(64);
        let mut exact = BTreeMap::<Vec<u8>, u64>::new();
        let mut state = 1_u64;
        for step in 0..100_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = if step % 10 == 0 {
                format!("hot{}", (state >> 40) % 2)
            } else {
                format!("cold{}", (state >> 33) % 50_000)
            };
            *exact.entry(key.clone().into()).or_default() += 1;
            sketch.add(DB, key.as_bytes(), 1);
        }
        let sums = sums(&sketch);
        assert_eq!(sums.len(), 64);
        for (key, Bounds { sum, error }) in &sums {
            assert!((sum - error..=*sum).contains(&exact[key]), "{key:?}");
        }
        for hot in [&b"hot0"[..], b"hot1"] {
            assert!(sums[hot].estimate().abs_diff(exact[hot]) < exact[hot] / 4, "{:?}", sums[hot]);
        }
    }

    #[test]
    fn long_keys_and_a_sketch_of_nothing_are_not_counted() {
        let mut sketch = Sketch::new(4);
        sketch.add(DB, &[b'x'; KEY_BYTES_MAX + 1], 1);
        sketch.add(DB, &[b'x'; KEY_BYTES_MAX], 1);
        assert_eq!(sketch.counted().count(), 1);
        sketch.clear();
        assert_eq!(sketch.counted().count(), 0);
        let mut none = Sketch::new(0);
        none.add(DB, b"k", 1);
        assert_eq!(none.counted().count(), 0);
    }
}

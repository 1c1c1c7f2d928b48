//! The keys that one thread's requests use most, of a while.
//!
//! ```text
//!         former             current
//! ├──────────────────────┼──────────────┤ now
//!   a window or more      less than one
//! ```
//!
//! Rates are those of both windows together, so an answer is of the last one or two of them and doesn't jump when one ends.

use super::sketch::{Bounds, Place, Sketch};
use spinel_storage::{DbIndex, UnixMillis};

/// What a thread has sampled.
pub(crate) struct Live {
    /// How long a window is.
    window_ms: i64,
    current: Sketch,
    former: Sketch,
    /// When the current window began.
    began: UnixMillis,
    /// How long the former one was.
    former_ms: i64,
}

impl Live {
    /// Begins with empty windows of this length.
    pub(crate) fn new(window_ms: i64) -> Live {
        let (current, former) = (Sketch::default(), Sketch::default());
        Live { window_ms, current, former, began: UnixMillis(0), former_ms: 0 }
    }

    /// Counts a use of a key that stands for `weight` ones.
    pub(crate) fn add(&mut self, (db, key): (DbIndex, &[u8]), weight: u64, now: UnixMillis, capacity: usize) {
        self.turn_to(now, capacity);
        self.current.add(db, key, weight);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Live::new(self.window_ms);
    }

    /// How often each key was used in a second, nearly, if a use that was counted stands for one.
    pub(crate) fn rates(&mut self, now: UnixMillis, capacity: usize) -> Vec<(Place, f64)> {
        self.turn_to(now, capacity);
        let period_ms = (self.former_ms + now.0 - self.began.0).max(1);
        let mut sums = std::collections::HashMap::<&Place, Bounds>::new();
        for (place, bounds) in self.former.counted().chain(self.current.counted()) {
            sums.entry(place).or_default().add(bounds);
        }
        let rate = |bounds: Bounds| bounds.estimate() as f64 * 1000.0 / period_ms as f64;
        sums.into_iter().map(|(place, bounds)| (place.clone(), rate(bounds))).collect()
    }

    /// Begins another window if it is time. A thread that has had nothing to do has had empty ones.
    fn turn_to(&mut self, now: UnixMillis, capacity: usize) {
        let elapsed_ms = now.0 - self.began.0;
        if self.current.capacity() == capacity && (0..self.window_ms).contains(&elapsed_ms) {
            return;
        }
        if self.current.capacity() == capacity && (self.window_ms..2 * self.window_ms).contains(&elapsed_ms) {
            std::mem::swap(&mut self.former, &mut self.current);
            self.current.clear();
            self.former_ms = elapsed_ms;
        } else {
            (self.former, self.current) = (Sketch::new(capacity), Sketch::new(capacity));
            self.former_ms = self.window_ms;
        }
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(live: &mut Live, now: i64) -> Option<f64> {
        live.rates(UnixMillis(now), 4).first().map(|(_, rate)| *rate)
    }

    #[test]
    fn rates_are_of_two_windows_and_end_with_them() {
        let mut live = Live::new(5_000);
        let start = 1_000_000;
        for step in 0..100 {
            live.add((DbIndex(0), b"k"), 10, UnixMillis(start + step * 50), 4);
        }
        // A thousand uses in five seconds; before that, there was nothing for five seconds.
        assert_eq!(rate(&mut live, start + 5000), Some(200.0));
        assert_eq!(rate(&mut live, start + 9000), Some(1000.0 / 9.0));
        assert_eq!(rate(&mut live, start + 10_000), None);
    }

    #[test]
    fn a_clock_that_goes_back_and_another_capacity_begin_anew() {
        let mut live = Live::new(5_000);
        live.add((DbIndex(0), b"k"), 1, UnixMillis(500_000), 4);
        assert_eq!(rate(&mut live, 499_000), None);
        live.add((DbIndex(0), b"k"), 1, UnixMillis(499_000), 4);
        assert!(rate(&mut live, 499_500).is_some());
        assert_eq!(live.rates(UnixMillis(499_500), 8), []);
    }
}

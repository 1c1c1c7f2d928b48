//! Waiting after each key that is loaded or saved, so that it can be seen what happens meanwhile.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A long wait is made of such pieces, so that it ends soon when nobody wants it any more.
const PIECE: Duration = Duration::from_millis(10);

/// How long is waited after keys. To start with not at all.
#[derive(Debug, Default)]
pub struct Delays {
    /// After each key that is loaded, and each command of a log that is replayed.
    pub load: Delay,
    /// After each key of a snapshot that is written.
    pub save: Delay,
}

/// How long is waited after each key.
#[derive(Debug, Default)]
pub struct Delay {
    micros: AtomicI64,
    /// How many keys there were. Whoever waits holds it, so that several threads wait as long as one would.
    keys: Mutex<u64>,
}

impl Delay {
    /// Waits so many microseconds after each key from now on; after one key of `n` for a microsecond, if it is `-n`.
    pub fn set(&self, micros: i64) {
        self.micros.store(micros, Ordering::Relaxed);
    }

    /// Whether there is anything to wait for; costs one relaxed load.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.micros.load(Ordering::Relaxed) != 0
    }

    /// Waits, unless it is over; costs one relaxed load if there is nothing to wait for.
    #[inline]
    pub(crate) fn wait(&self, is_over: impl Fn() -> bool) {
        let micros = self.micros.load(Ordering::Relaxed);
        if micros != 0 {
            self.wait_for(micros, is_over);
        }
    }

    #[cold]
    fn wait_for(&self, micros: i64, is_over: impl Fn() -> bool) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        *keys += 1;
        let time = match micros {
            1.. => micros.unsigned_abs(),
            _ => u64::from(keys.is_multiple_of(micros.unsigned_abs())),
        };
        let mut rest = Duration::from_micros(time);
        while !rest.is_zero() && self.micros.load(Ordering::Relaxed) == micros && !is_over() {
            let piece = rest.min(PIECE);
            thread::sleep(piece);
            rest -= piece;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// How many pieces there are in the waits after so many keys.
    fn pieces(micros: i64, keys: usize) -> usize {
        let (delay, pieces) = (Delay::default(), Cell::new(0));
        delay.set(micros);
        for _ in 0..keys {
            assert_eq!(delay.is_set(), micros != 0);
            delay.wait(|| {
                pieces.set(pieces.get() + 1);
                false
            });
        }
        pieces.get()
    }

    #[test]
    fn waits_are_per_key_or_for_one_key_of_many() {
        assert_eq!(pieces(0, 10), 0);
        assert_eq!(pieces(1, 10), 10);
        assert_eq!(pieces(25_000, 2), 6);
        assert_eq!(pieces(-5, 10), 2);
        assert_eq!(pieces(-1, 10), 10);
    }

    #[test]
    fn a_wait_ends_when_it_is_over_or_set_anew() {
        let delay = Delay::default();
        delay.set(i64::from(i32::MAX));
        delay.wait(|| true);
        delay.wait(|| {
            delay.set(0);
            false
        });
        assert!(!delay.is_set());
        delay.wait(|| panic!("there is nothing to wait for"));
    }
}

//! A bucket of operations that fills at a steady rate, in one number, without a lock.
//!
//! ```text
//!             a second's worth fits in
//!        ├──────────────────────────────┤
//! ──────now─────────────full_at─────────┴──→ time
//!        └── what is missing ─┘
//! ```
//!
//! The number is the time at which nothing is missing any more: taking an operation moves it on by a second divided by how many fit into
//! one, and what is left follows from the distance to now. Nobody has to fill the bucket, and threads that take at the same time agree by one
//! compare-and-exchange.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const SECOND: u64 = 1_000_000_000;

/// The most operations in a second that a bucket can count: one takes a nanosecond.
pub(crate) const OPERATIONS_MAX: u64 = SECOND;

/// How far what is taken without asking can get ahead: for so long somebody has to wait at most.
const DEBT_MAX: u64 = 10 * SECOND;

/// Nanoseconds of a clock that never goes back.
pub(super) fn nanoseconds() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// Operations that may be taken. A new one is full.
#[derive(Default)]
pub(crate) struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes an operation if there is one, where `per_second` come in a second and as many fit in. It is no error to name
    /// another number than the last time.
    pub(super) fn take(&self, per_second: u64, now: u64) -> bool {
        let each = each(per_second);
        let taken = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let after = full_at.max(now) + each;
            (after - now <= SECOND).then_some(after)
        });
        taken.is_ok()
    }

    /// Takes an operation whether there is one or not: those that come have to wait for it.
    pub(super) fn charge(&self, per_second: u64, now: u64) {
        let each = each(per_second);
        // The function always has a value.
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            Some((full_at.max(now) + each).min(now + SECOND + DEBT_MAX))
        });
    }

    /// Gives an operation back that was taken and didn't take place.
    pub(super) fn give_back(&self, per_second: u64) {
        let each = each(per_second);
        let _ = self
            .full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| Some(full_at.saturating_sub(each)));
    }
}

/// How long one operation takes to come.
fn each(per_second: u64) -> u64 {
    SECOND / per_second.clamp(1, OPERATIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    /// How many can be taken at a time.
    fn drain(bucket: &Bucket, per_second: u64, now: u64) -> u64 {
        (0..20_000).take_while(|_| bucket.take(per_second, now)).count() as u64
    }

    #[test]
    fn a_second_fits_in_and_comes_again() {
        for per_second in [1, 2, 10, 1000] {
            let bucket = Bucket::default();
            assert_eq!(drain(&bucket, per_second, 5), per_second);
            assert_eq!(drain(&bucket, per_second, 5 + SECOND / 2), per_second / 2);
            assert_eq!(drain(&bucket, per_second, 100 * SECOND), per_second);
        }
    }

    #[test]
    fn debts_are_paid_and_bounded() {
        let bucket = Bucket::default();
        (0..150).for_each(|_| bucket.charge(100, 0));
        assert!(!bucket.take(100, SECOND / 2));
        assert!(bucket.take(100, SECOND / 2 + SECOND / 100));
        (0..1_000_000).for_each(|_| bucket.charge(100, SECOND));
        assert!(!bucket.take(100, SECOND + DEBT_MAX));
        assert!(bucket.take(100, SECOND + DEBT_MAX + SECOND / 100));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let bucket = Bucket::default();
        assert_eq!(drain(&bucket, 7, 3), 7);
        bucket.give_back(7);
        assert_eq!(drain(&bucket, 7, 3), 1);
    }

    #[test]
    fn threads_take_no_more_together_than_there_is() {
        let (bucket, taken) = (Bucket::default(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| taken.fetch_add(drain(&bucket, 10_000, 9) as usize, Ordering::Relaxed));
            }
        });
        assert_eq!(taken.into_inner(), 10_000);
    }
}

//! How an origin has fared lately: one that can't be reached is left alone for a while, and requests are repeated only as long as that
//! is seldom.

use crate::config::{Config, table};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of so many requests one may be repeated.
const REQUESTS_PER_REPEAT: u32 = 10;
/// So many repetitions are saved up at most.
const REPEATS_MAX: u32 = 10;

/// When an origin is left alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// After so many failures in a row.
    failures_max: u32,
    /// For so many milliseconds; then one request finds out whether it is there again.
    rest_ms: i64,
}

impl Limits {
    /// As the settings say.
    pub(super) fn of(config: &Config) -> Limits {
        Limits {
            failures_max: config.number(table::CACHE_ORIGIN_FAILURES_MAX) as u32,
            rest_ms: config.number(table::CACHE_ORIGIN_REST),
        }
    }
}

/// What is known of an origin.
#[derive(Default, Debug)]
pub(super) struct Health(Mutex<Record>);

#[derive(Default, Debug)]
struct Record {
    /// Failures since it was reached last.
    failures: u32,
    /// Until when it is left alone, in Unix milliseconds.
    rests_until: i64,
    /// How many requests have not been spent on a repetition.
    saved: u32,
}

impl Health {
    /// Whether it may be asked now. Of those who come when its rest is over, one may.
    pub(super) fn admits(&self, now: i64, limits: Limits) -> bool {
        let mut record = self.record();
        if record.failures >= limits.failures_max {
            if now < record.rests_until {
                return false;
            }
            record.rests_until = now + limits.rest_ms;
        }
        record.saved = (record.saved + 1).min(REQUESTS_PER_REPEAT * REPEATS_MAX);
        true
    }

    /// It was reached, or not; whether it is left alone from now on, and was not before.
    pub(super) fn note(&self, is_reached: bool, now: i64, limits: Limits) -> bool {
        let mut record = self.record();
        if is_reached {
            record.failures = 0;
            return false;
        }
        record.failures = record.failures.saturating_add(1);
        record.rests_until = now + limits.rest_ms;
        record.failures == limits.failures_max
    }

    /// Whether a request may be repeated.
    pub(super) fn allows_repeat(&self) -> bool {
        let mut record = self.record();
        let is_allowed = record.saved >= REQUESTS_PER_REPEAT;
        if is_allowed {
            record.saved -= REQUESTS_PER_REPEAT;
        }
        is_allowed
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURES_MAX: u32 = 5;
    const REST_MS: i64 = 5_000;
    const LIMITS: Limits = Limits { failures_max: FAILURES_MAX, rest_ms: REST_MS };

    #[test]
    fn who_fails_again_and_again_is_left_alone_until_one_finds_him() {
        let health = Health::default();
        for failure in 1..=FAILURES_MAX {
            assert!(health.admits(0, LIMITS));
            assert_eq!(health.note(false, 0, LIMITS), failure == FAILURES_MAX);
        }
        assert!(!health.admits(REST_MS - 1, LIMITS));
        assert!(health.admits(REST_MS, LIMITS), "one tries");
        assert!(!health.admits(REST_MS, LIMITS), "the others wait for what he finds");
        assert!(!health.note(false, REST_MS + 1, LIMITS), "it is no news");
        assert!(!health.admits(2 * REST_MS, LIMITS));
        assert!(health.admits(2 * REST_MS + 1, LIMITS));
        health.note(true, 2 * REST_MS + 1, LIMITS);
        assert!(health.admits(2 * REST_MS + 1, LIMITS) && health.admits(2 * REST_MS + 1, LIMITS));
    }

    #[test]
    fn a_success_in_between_counts() {
        let health = Health::default();
        for _ in 0..10 {
            for _ in 1..FAILURES_MAX {
                assert!(!health.note(false, 0, LIMITS));
            }
            health.note(true, 0, LIMITS);
        }
        assert!(health.admits(0, LIMITS));
    }

    #[test]
    fn one_of_ten_is_repeated() {
        let health = Health::default();
        let repeats = |requests: u32| {
            let ask = |_: &u32| {
                health.admits(0, LIMITS);
                health.allows_repeat()
            };
            (0..requests).filter(ask).count()
        };
        assert_eq!(repeats(100), 10);
        for _ in 0..1_000 {
            health.admits(0, LIMITS);
        }
        let saved = (0..1_000).filter(|_| health.allows_repeat()).count();
        assert_eq!(saved, REPEATS_MAX as usize);
    }
}

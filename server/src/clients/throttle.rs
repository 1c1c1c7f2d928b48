//! Slowing down who guesses passwords.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures that cost no time: a person's mistakes, a deployment with the wrong password.
const FREE_FAILURES: u32 = 5;
/// The first delay; each failure doubles it.
const DELAY: Duration = Duration::from_millis(10);
/// The longest delay.
const DELAY_MAX: Duration = Duration::from_secs(2);
/// A host that did not fail for so long starts again.
const MEMORY: Duration = Duration::from_secs(60);
/// Hosts that are remembered; beyond, all share one count.
const HOSTS_MAX: usize = 1024;

/// Failures by host.
#[derive(Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// Counts a failure of a host; how long its reply has to wait.
    pub(crate) fn fail(&self, host: &str, now: Instant) -> Duration {
        let mut failures = self.lock();
        if failures.len() >= HOSTS_MAX {
            failures.retain(|_, failures| now.duration_since(failures.last) < MEMORY);
        }
        let host = if failures.len() < HOSTS_MAX || failures.contains_key(host) { host } else { "" };
        let entry = failures.entry(host.to_owned()).or_insert(Failures { count: 0, last: now });
        if now.duration_since(entry.last) >= MEMORY {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        delay(entry.count)
    }

    /// Forgets a host's failures: it knows the password after all.
    pub(crate) fn succeed(&self, host: &str) {
        self.lock().remove(host);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn delay(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES + 1) {
        None => Duration::ZERO,
        Some(doublings) => DELAY.saturating_mul(1 << doublings.min(16)).min(DELAY_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_per_host_and_are_forgotten() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let delays: Vec<u128> = (0..16).map(|_| throttle.fail("a", start).as_millis()).collect();
        assert_eq!(delays[..8], [0, 0, 0, 0, 0, 10, 20, 40]);
        assert_eq!(delays[15], 2000);
        assert_eq!(throttle.fail("b", start), Duration::ZERO);
        assert_eq!(throttle.fail("a", start + MEMORY), Duration::ZERO);

        for _ in 0..8 {
            throttle.fail("a", start);
        }
        throttle.succeed("a");
        assert_eq!(throttle.fail("a", start), Duration::ZERO);
    }

    #[test]
    fn a_flood_of_hosts_takes_bounded_memory() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for host in 0..2 * HOSTS_MAX {
            throttle.fail(&host.to_string(), now);
        }
        assert!(throttle.lock().len() <= HOSTS_MAX + 1);
        assert_eq!(throttle.fail("new", now), DELAY_MAX);
    }
}

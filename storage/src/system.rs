//! Time and chance of the operating system, for those who open an engine: the engine itself is given both.

use crate::time::{Clock, UnixMillis};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Returns a random word from the standard library's hash seeds, which come from the operating system.
pub fn random_word() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ_and_time_goes_on() {
        assert_ne!(random_word(), random_word());
        let before = SystemClock.now();
        assert!(before > UnixMillis(1_700_000_000_000) && SystemClock.now() >= before);
    }
}

//! Time and chance of the operating system, for those who open an engine: the engine itself is given both.

use crate::time::{Clock, UnixMillis};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When somebody asked first; any moment will do.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> u64 {
        START.elapsed().as_millis() as u64
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
        let before = SystemClock.monotonic_ms();
        assert!(SystemClock.monotonic_ms() >= before);
    }
}

//! How long to wait until a primary is tried again.

/// After the first failure; twice as long after each one that follows.
const FIRST_MS: u64 = 100;
/// No longer than this.
const LONGEST_MS: u64 = 5_000;

/// Counts failures, and spreads those who wait for the same primary over time.
pub(super) struct Retry {
    failures: u32,
    /// State of a generator of random numbers.
    random: u64,
}

impl Retry {
    pub(super) fn new(seed: u64) -> Retry {
        Retry { failures: 0, random: seed }
    }

    /// How long to wait after one more failure: between half and all of what the number of failures makes.
    pub(super) fn delay_ms(&mut self) -> u64 {
        let longest = FIRST_MS.checked_shl(self.failures).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        self.failures = (self.failures + 1).min(16);
        longest / 2 + self.random() % (longest / 2 + 1)
    }

    /// Forgets failures.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next number of `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_five_seconds_and_vary() {
        let mut retry = Retry::new(1);
        for longest in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let delay = retry.delay_ms();
            assert!((longest / 2..=longest).contains(&delay), "{delay}");
        }
        (0..100).for_each(|_| assert!(retry.delay_ms() <= 5000));
        retry.reset();
        assert!(retry.delay_ms() <= 100);
        let delays = |seed| {
            let mut retry = Retry::new(seed);
            (0..5).map(|_| retry.delay_ms()).collect::<Vec<_>>()
        };
        assert_ne!(delays(1), delays(2));
    }
}

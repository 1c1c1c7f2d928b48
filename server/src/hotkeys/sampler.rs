//! Which requests of a thread are looked at: one of 256, by chance.
//!
//! The gaps between them are random, so that clients who repeat a round of keys are not always met at the same one. A request
//! costs a part of a subtraction per window.

use spinel_storage::system::random_word;

/// A use that is counted stands for so many.
pub(super) const STANDS_FOR: u64 = 256;

/// Counts down to the next request that is looked at.
pub(crate) struct Sampler {
    left: i64,
    state: u64,
}

impl Sampler {
    pub(crate) fn new() -> Sampler {
        Sampler::of(random_word())
    }

    fn of(seed: u64) -> Sampler {
        let mut sampler = Sampler { left: 0, state: seed | 1 };
        sampler.left = sampler.gap();
        sampler
    }

    /// Lets requests pass; whether one of them is to be looked at.
    #[inline]
    pub(crate) fn pass(&mut self, requests: usize) -> bool {
        self.left -= requests as i64;
        self.left <= 0
    }

    /// Which of the requests that have just passed is to be looked at; ask until none is.
    pub(super) fn take(&mut self, requests: usize) -> Option<usize> {
        if self.left > 0 {
            return None;
        }
        let at = requests as i64 - 1 + self.left;
        self.left += self.gap();
        usize::try_from(at).ok()
    }

    /// A random number below a bound.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*: chance need not be secret here.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound.max(1)
    }

    /// A gap of `STANDS_FOR` requests in the mean.
    fn gap(&mut self) -> i64 {
        1 + self.below(2 * STANDS_FOR - 1) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_256_is_looked_at_wherever_it_stands() {
        const WINDOWS: u64 = 100_000;
        let mut sampler = Sampler::of(7);
        let (mut looked_at, mut places) = (0_u64, [0_u32; 16]);
        for _ in 0..WINDOWS {
            if sampler.pass(16) {
                while let Some(at) = sampler.take(16) {
                    looked_at += 1;
                    places[at] += 1;
                }
            }
        }
        let expected = WINDOWS * 16 / STANDS_FOR;
        assert!(looked_at.abs_diff(expected) < expected / 10, "{looked_at} of {expected}");
        assert!(places.iter().all(|count| (250..550).contains(count)), "{places:?}");
    }

    #[test]
    fn requests_that_pass_one_by_one_are_looked_at_as_often() {
        let mut sampler = Sampler::of(3);
        let mut looked_at = 0_u64;
        for _ in 0..256_000 {
            if sampler.pass(1) {
                assert_eq!(sampler.take(1), Some(0));
                assert_eq!(sampler.take(1), None);
                looked_at += 1;
            }
        }
        assert!(looked_at.abs_diff(1000) < 100, "{looked_at}");
    }
}

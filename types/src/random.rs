//! A random source for tests, the same in every run.

pub(crate) struct Random(u64);

impl Random {
    /// `seed` is not 0.
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound
    }
}

/// How many operations a model test tries: a modest number, or what `SPINEL_MODEL_STEPS` says.
pub(crate) fn model_steps(modest: usize) -> usize {
    std::env::var("SPINEL_MODEL_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(modest)
}

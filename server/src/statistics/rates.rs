//! How much happens per second just now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Sums that rates are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) commands: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
    /// What of both is replication.
    pub(crate) primary_bytes: u64,
    pub(crate) replica_bytes: u64,
}

/// Samples that a rate is the mean of: at ten a second, the last 1.6 seconds.
const SAMPLES: usize = 16;

/// Rates, sampled by the upkeep thread.
#[derive(Default)]
pub(crate) struct Rates {
    history: Mutex<History>,
    commands: AtomicU64,
    input_bytes: AtomicU64,
    output_bytes: AtomicU64,
    primary_bytes: AtomicU64,
    replica_bytes: AtomicU64,
}

#[derive(Default)]
struct History {
    last: Option<(i64, Sums)>,
    samples: [Sums; SAMPLES],
    next: usize,
}

impl Rates {
    /// Takes the sums at a time; the rates since the last time enter the mean.
    pub(crate) fn sample(&self, now_ms: i64, sums: Sums) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((then, before)) = history.last.replace((now_ms, sums)) else { return };
        let elapsed = (now_ms - then).max(1) as u64;
        // Sums start again at 0 when statistics are reset.
        let rate = |now: u64, before: u64| now.saturating_sub(before) * 1000 / elapsed;
        let next = history.next;
        history.samples[next] = Sums {
            commands: rate(sums.commands, before.commands),
            input_bytes: rate(sums.input_bytes, before.input_bytes),
            output_bytes: rate(sums.output_bytes, before.output_bytes),
            primary_bytes: rate(sums.primary_bytes, before.primary_bytes),
            replica_bytes: rate(sums.replica_bytes, before.replica_bytes),
        };
        history.next = (next + 1) % SAMPLES;
        let mean = |of: fn(&Sums) -> u64| history.samples.iter().map(of).sum::<u64>() / SAMPLES as u64;
        self.commands.store(mean(|sample| sample.commands), Ordering::Relaxed);
        self.input_bytes.store(mean(|sample| sample.input_bytes), Ordering::Relaxed);
        self.output_bytes.store(mean(|sample| sample.output_bytes), Ordering::Relaxed);
        self.primary_bytes.store(mean(|sample| sample.primary_bytes), Ordering::Relaxed);
        self.replica_bytes.store(mean(|sample| sample.replica_bytes), Ordering::Relaxed);
    }

    /// The mean rates per second.
    pub(crate) fn now(&self) -> Sums {
        Sums {
            commands: self.commands.load(Ordering::Relaxed),
            input_bytes: self.input_bytes.load(Ordering::Relaxed),
            output_bytes: self.output_bytes.load(Ordering::Relaxed),
            primary_bytes: self.primary_bytes.load(Ordering::Relaxed),
            replica_bytes: self.replica_bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_over_the_samples() {
        let rates = Rates::default();
        for tick in 0..=SAMPLES as u64 {
            let sums = Sums {
                commands: tick * 10,
                input_bytes: tick * 1000,
                replica_bytes: tick,
                ..Sums::default()
            };
            rates.sample(tick as i64 * 100, sums);
        }
        let expected = Sums { commands: 100, input_bytes: 10_000, replica_bytes: 10, ..Sums::default() };
        assert_eq!(rates.now(), expected);
        rates.sample(100_000, Sums::default());
        assert_eq!(rates.now().commands, 100 * 15 / 16);
    }
}

//! A lone connection that asks for one key after the other and notes how long each answer takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::affinity;
use super::load::{Load, Shape};
use super::request::{Batch, Keys};
use crate::Outcome;

/// One answered request.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// When it was sent.
    pub(crate) at: Instant,
    /// From sending it to its reply.
    pub(crate) took: Duration,
}

/// A probe at work.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    // The error is text, because a boxed error can't leave its thread.
    thread: JoinHandle<Result<Vec<Sample>, String>>,
}

impl Probe {
    /// Starts asking the server at `port`, one request of `batch` at a time.
    pub(crate) fn start(port: u16, batch: Batch, keys: Keys) -> Outcome<Self> {
        Self::start_after(port, batch, keys, || Ok(()))
    }

    /// As above, on a thread that gets a core whenever it wants one, as it would on another machine: what it waits for is the server.
    pub(crate) fn start_urgent(port: u16, batch: Batch, keys: Keys) -> Outcome<Self> {
        Self::start_after(port, batch, keys, affinity::be_urgent)
    }

    fn start_after(port: u16, mut batch: Batch, mut keys: Keys, prepare: fn() -> Outcome) -> Outcome<Self> {
        let mut load = Load::connect(port, Shape { connections: 1, pipeline: 1, groups: 1 })?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            prepare().map_err(|error| error.to_string())?;
            let mut samples = Vec::with_capacity(1 << 20);
            while !stopped.load(Ordering::Relaxed) {
                let at = Instant::now();
                let run = load.run(&mut batch, &mut keys, 1).map_err(|error| error.to_string())?;
                samples.push(Sample { at, took: run.elapsed });
            }
            Ok(samples)
        });
        Ok(Self { stop, thread })
    }

    /// Stops asking and returns what was noted.
    pub(crate) fn finish(self) -> Outcome<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the probe panicked")??)
    }
}

/// Returns the `share` quantile (0 to 1) of the samples in milliseconds; 1 is the longest.
pub(crate) fn quantile_ms<'a>(samples: impl Iterator<Item = &'a Sample>, share: f64) -> f64 {
    let mut times: Vec<Duration> = samples.map(|sample| sample.took).collect();
    times.sort_unstable();
    let rank = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
    times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Returns the `share` quantile of what requests would have waited that come in steadily, one each millisecond, however
/// long those before them take: a probe that waits for a second asks nothing meanwhile, and its one long wait would hardly
/// count among thousands of short ones.
pub(crate) fn steady_quantile_ms<'a>(samples: impl Iterator<Item = &'a Sample>, share: f64) -> f64 {
    const STEP: Duration = Duration::from_millis(1);
    let mut next = None;
    let mut waits = Vec::new();
    for sample in samples {
        let (start, end) = (sample.at, sample.at + sample.took);
        let at = next.get_or_insert(start);
        *at = (*at).max(start);
        while *at < end {
            waits.push(Sample { at: *at, took: end - *at });
            *at += STEP;
        }
    }
    quantile_ms(waits.iter(), share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_waited_by_all_who_come_meanwhile() {
        let at = Instant::now();
        let quick =
            (0..900).map(|ms| Sample { at: at + Duration::from_millis(ms), took: Duration::from_micros(50) });
        let long = Sample { at: at + Duration::from_millis(900), took: Duration::from_millis(100) };
        let samples: Vec<Sample> = quick.chain([long]).collect();
        let quantile = |share| steady_quantile_ms(samples.iter(), share).round() as u64;
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(quantile), [0, 50, 90, 100]);
    }

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let at = Instant::now();
        let samples: Vec<Sample> =
            (1..=100).map(|ms| Sample { at, took: Duration::from_millis(ms) }).collect();
        let quantile = |share| quantile_ms(samples.iter(), share);
        let rounded = [0.5, 0.99, 1.0].map(|share| quantile(share).round() as u64);
        assert_eq!(rounded, [50, 99, 100]);
        assert!(quantile_ms([].iter(), 0.99).abs() < f64::EPSILON);
    }
}

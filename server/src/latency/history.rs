//! When an event took long, and how long.

use std::collections::VecDeque;

/// How many samples are kept.
const SAMPLES_MAX: usize = 160;

/// The longest time of an event within a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    /// Since 1970.
    pub(crate) at_seconds: i64,
    pub(crate) took_ms: u64,
}

/// The last samples of an event, the oldest first.
#[derive(Clone, Default, Debug)]
pub(crate) struct History {
    samples: VecDeque<Sample>,
    worst_ms: u64,
}

/// What samples have in common, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Summary {
    pub(crate) least: u64,
    pub(crate) most: u64,
    pub(crate) mean: u64,
    /// By how much samples differ from the mean, on average.
    pub(crate) deviation: u64,
}

impl History {
    /// Adds a sample. Of those of one second the longest is kept.
    pub(super) fn add(&mut self, at_seconds: i64, took_ms: u64) {
        self.worst_ms = self.worst_ms.max(took_ms);
        match self.samples.back_mut() {
            Some(last) if last.at_seconds == at_seconds => last.took_ms = last.took_ms.max(took_ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { at_seconds, took_ms });
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// The samples, the oldest first.
    pub(crate) fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + '_ {
        self.samples.iter().copied()
    }

    /// The last sample. There is one.
    pub(crate) fn last(&self) -> Sample {
        *self.samples.back().expect("histories without samples are shown to nobody")
    }

    /// The longest time of all, also if its sample is gone.
    pub(crate) fn worst_ms(&self) -> u64 {
        self.worst_ms
    }

    /// What the samples have in common.
    pub(crate) fn summary(&self) -> Summary {
        let count = self.samples.len().max(1) as u128;
        let times = || self.samples.iter().map(|sample| sample.took_ms);
        let share = |sum: u128| u64::try_from(sum / count).unwrap_or(u64::MAX);
        let mean = share(times().map(u128::from).sum());
        Summary {
            least: times().min().unwrap_or(0),
            most: times().max().unwrap_or(0),
            mean,
            deviation: share(times().map(|time| u128::from(time.abs_diff(mean))).sum()),
        }
    }

    /// Seconds from one sample to the next, on average, until now.
    pub(crate) fn period_seconds(&self, now_seconds: i64) -> f64 {
        let first = self.samples.front().map_or(now_seconds, |sample| sample.at_seconds);
        (now_seconds - first).max(1) as f64 / self.samples.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_sample_and_old_ones_go() {
        let mut history = History::default();
        for (at_seconds, took_ms) in [(1, 90), (2, 4), (2, 7), (2, 5)] {
            history.add(at_seconds, took_ms);
        }
        let found: Vec<_> = history.samples().map(|sample| (sample.at_seconds, sample.took_ms)).collect();
        assert_eq!(found, [(1, 90), (2, 7)]);
        (3..=161).for_each(|at_seconds| history.add(at_seconds, 1));
        assert_eq!((history.len(), history.samples().next().map(|sample| sample.took_ms)), (160, Some(7)));
        assert_eq!((history.last().at_seconds, history.worst_ms()), (161, 90));
    }

    #[test]
    fn summaries_are_those_of_redis() {
        let mut history = History::default();
        for (at_seconds, took_ms) in [(66, 4), (67, 91), (68, 3), (69, 9), (70, 3), (71, 36)] {
            history.add(at_seconds, took_ms);
        }
        let summary = Summary { least: 3, most: 91, mean: 24, deviation: 26 };
        assert_eq!(history.summary(), summary);
        assert_eq!(format!("{:.2}", history.period_seconds(71)), "0.83");
        assert_eq!(format!("{:.2}", history.period_seconds(66)), "0.17");
    }
}

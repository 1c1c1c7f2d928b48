//! Counting and timing the commands of a batch, at a few nanoseconds each.

use super::Statistics;
use crate::attention::Attention;
use crate::hotkeys::Sampler;
use crate::observation::Measured;
use spinel_storage::Error;
use spinel_storage::command::table::CommandId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Different runs of commands in one batch beyond which the rest is attributed early.
const RUNS_MAX: usize = 256;

/// What a worker notes while a batch runs.
///
/// Brief commands are only counted; neighbours of the same name are one run. When the batch ends, they share
/// the time that no other command took.
pub(crate) struct Meter {
    pub(crate) statistics: Arc<Statistics>,
    /// Chooses requests whose keys are counted.
    pub(crate) sampler: Sampler,
    /// Commands and how often each was called in a row.
    runs: Vec<(CommandId, u64)>,
    calls: u64,
    is_tracking: bool,
    /// Start of the time that brief commands share.
    started: Instant,
    /// When the last command started that is timed alone.
    started_last: Instant,
    /// When the last command ended that was timed alone, if nothing was run since.
    ended_last: Option<Instant>,
    /// How many commands are being timed: one may run others.
    depth: u32,
    /// When the clock was read last.
    read_last: Instant,
    /// Nanoseconds since `started` that were attributed already.
    attributed: u64,
    attention: Arc<Attention>,
    /// Whether each command is timed alone, to be looked at.
    looks_at_each: bool,
    /// Whether a brief command of the batch was looked at.
    has_looked: bool,
}

/// The start of a command that is timed alone.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    started: Instant,
    /// What was attributed before.
    attributed: u64,
}

impl Meter {
    pub(crate) fn new(statistics: Arc<Statistics>, attention: Arc<Attention>) -> Meter {
        let now = Instant::now();
        Meter {
            statistics,
            sampler: Sampler::new(),
            runs: Vec::new(),
            calls: 0,
            is_tracking: true,
            started: now,
            started_last: now,
            ended_last: None,
            depth: 0,
            read_last: now,
            attributed: 0,
            attention,
            looks_at_each: false,
            has_looked: false,
        }
    }

    /// Starts a batch. `is_tracking` says whether the distribution of times is kept.
    pub(crate) fn begin(&mut self, is_tracking: bool) {
        self.is_tracking = is_tracking;
        self.started = Instant::now();
        self.ended_last = None;
        self.read_last = self.started;
        self.attributed = 0;
        self.calls = 0;
        self.looks_at_each = false;
        self.has_looked = false;
    }

    /// Lets each command of the batch be timed alone and looked at, from now on.
    pub(crate) fn look_at_each(&mut self) {
        self.looks_at_each = true;
    }

    /// Whether each command is looked at. Whoever runs them one by one asks for each.
    #[inline]
    pub(crate) fn looks_at_each(&self) -> bool {
        self.looks_at_each || self.attention.times_each()
    }

    /// Whether calls of this command are only counted; those of others are timed one by one.
    #[inline]
    pub(crate) fn is_brief(&self, id: CommandId) -> bool {
        self.statistics.command(id).is_brief && !self.looks_at_each
    }

    /// Counts calls of a brief command.
    #[inline]
    pub(crate) fn count(&mut self, id: CommandId, calls: usize) {
        self.calls += calls as u64;
        self.ended_last = None;
        match self.runs.last_mut() {
            Some((last, sum)) if *last == id => *sum += calls as u64,
            _ => self.runs.push((id, calls as u64)),
        }
    }

    /// Whether somebody asks for a note of commands that take so long.
    #[inline]
    pub(crate) fn is_to_be_noted(&self, nanoseconds: u64) -> bool {
        nanoseconds >= self.attention.noted_nanoseconds()
    }

    /// Runs a command, which may run others, and counts it.
    pub(crate) fn measure(
        &mut self,
        id: CommandId,
        run: impl FnOnce(&mut Meter) -> Option<Error>,
    ) -> Measured {
        self.looks_at_each = self.looks_at_each();
        let mark = (!self.is_brief(id)).then(|| self.start());
        let failure = run(self);
        let nanoseconds = mark.map_or(0, |mark| self.stop(id, mark));
        if mark.is_none() {
            self.count(id, 1);
        }
        if let Some(error) = &failure {
            self.count_failure(id, error);
        }
        Measured { failure, nanoseconds }
    }

    /// To be called before a command runs that is not brief. One that follows another at once starts when that one
    /// ended: the clock costs as much as a small command.
    pub(crate) fn start(&mut self) -> Mark {
        self.started_last = self.ended_last.take().filter(|_| self.depth == 0).unwrap_or_else(Instant::now);
        self.depth += 1;
        self.read_last = self.started_last;
        Mark { started: self.started_last, attributed: self.attributed }
    }

    /// When the last command started that is not brief: what runs, if it isn't.
    pub(crate) fn started_last(&self) -> Instant {
        self.started_last
    }

    /// To be called after a command ran that is not brief; how long that was, in nanoseconds.
    pub(crate) fn stop(&mut self, id: CommandId, mark: Mark) -> u64 {
        let now = Instant::now();
        let nanoseconds = now.duration_since(mark.started).as_nanos() as u64;
        (self.ended_last, self.read_last) = (Some(now), now);
        self.depth -= 1;
        self.calls += 1;
        // What ran within it took its time from it.
        self.attributed = mark.attributed + nanoseconds;
        self.statistics.command(id).add(1, nanoseconds, self.is_tracking);
        if self.runs.len() >= RUNS_MAX {
            self.share();
        }
        nanoseconds
    }

    /// The time of a brief command that is looked at: what has passed since the clock was read.
    pub(crate) fn since_last_reading(&mut self) -> u64 {
        let before = std::mem::replace(&mut self.read_last, Instant::now());
        self.has_looked = true;
        self.read_last.duration_since(before).as_nanos() as u64
    }

    /// Adds to the time of a call that was counted already, and went on elsewhere.
    pub(crate) fn add_time(&self, id: CommandId, time: Duration) {
        self.statistics.command(id).nanoseconds.add(time.as_nanos() as u64);
    }

    /// To be called after a command failed.
    #[cold]
    pub(crate) fn count_failure(&self, id: CommandId, error: &Error) {
        self.statistics.command(id).failed.add(1);
        self.statistics.count_error(&error.text());
    }

    /// Notes that the batch has waited since its start because somebody had the keyspace for himself.
    #[cold]
    pub(crate) fn note_wait(&mut self) {
        self.statistics.waits.add(1);
        self.statistics.wait_nanoseconds.add(self.started.elapsed().as_nanos() as u64);
    }

    /// How many nanoseconds a brief command took that was alone in its batch, if it is to be looked at for that.
    #[inline]
    pub(crate) fn time_alone(&mut self) -> Option<u64> {
        let nanoseconds = self.share();
        let is_to_be_noted = nanoseconds > 0 && self.is_to_be_noted(nanoseconds);
        (is_to_be_noted && self.calls == 1 && !self.has_looked).then_some(nanoseconds)
    }

    /// Ends the batch; how many commands it had.
    pub(crate) fn end(&mut self) -> u64 {
        if !self.runs.is_empty() {
            self.share();
        }
        self.statistics.calls.add(self.calls);
        self.calls
    }

    /// Shares the time since the start among the brief commands; how much each had.
    fn share(&mut self) -> u64 {
        let now = Instant::now();
        let elapsed = now.duration_since(self.started).as_nanos() as u64;
        let calls: u64 = self.runs.iter().map(|(_, calls)| calls).sum();
        let each = elapsed.saturating_sub(self.attributed).checked_div(calls).unwrap_or(0);
        for (id, calls) in self.runs.drain(..) {
            self.statistics.command(id).add(calls, each, self.is_tracking);
        }
        self.started = now;
        self.attributed = 0;
        each
    }
}

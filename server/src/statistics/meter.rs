//! Counting and timing the commands of a batch, at a few nanoseconds each.

use super::Statistics;
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
    /// Nanoseconds since `started` that were attributed already.
    attributed: u64,
}

/// The start of a command that is timed alone.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    started: Instant,
    /// What was attributed before.
    attributed: u64,
}

impl Meter {
    pub(crate) fn new(statistics: Arc<Statistics>) -> Meter {
        let now = Instant::now();
        Meter {
            statistics,
            runs: Vec::new(),
            calls: 0,
            is_tracking: true,
            started: now,
            started_last: now,
            ended_last: None,
            depth: 0,
            attributed: 0,
        }
    }

    /// Starts a batch. `is_tracking` says whether the distribution of times is kept.
    pub(crate) fn begin(&mut self, is_tracking: bool) {
        self.is_tracking = is_tracking;
        self.started = Instant::now();
        self.ended_last = None;
        self.attributed = 0;
        self.calls = 0;
    }

    /// Whether calls of this command are only counted; those of others are timed one by one.
    #[inline]
    pub(crate) fn is_brief(&self, id: CommandId) -> bool {
        self.statistics.command(id).is_brief
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

    /// Runs a command, which may run others, and counts it. Returns the error that it failed with.
    pub(crate) fn measure(
        &mut self,
        id: CommandId,
        run: impl FnOnce(&mut Meter) -> Option<Error>,
    ) -> Option<Error> {
        let mark = (!self.is_brief(id)).then(|| self.start());
        let failure = run(self);
        match mark {
            Some(mark) => self.stop(id, mark),
            None => self.count(id, 1),
        }
        if let Some(error) = &failure {
            self.count_failure(id, error);
        }
        failure
    }

    /// To be called before a command runs that is not brief. One that follows another at once starts when that one
    /// ended: the clock costs as much as a small command.
    pub(crate) fn start(&mut self) -> Mark {
        self.started_last = self.ended_last.take().filter(|_| self.depth == 0).unwrap_or_else(Instant::now);
        self.depth += 1;
        Mark { started: self.started_last, attributed: self.attributed }
    }

    /// When the last command started that is not brief: what runs, if it isn't.
    pub(crate) fn started_last(&self) -> Instant {
        self.started_last
    }

    /// To be called after a command ran that is not brief.
    pub(crate) fn stop(&mut self, id: CommandId, mark: Mark) {
        let now = Instant::now();
        let nanoseconds = now.duration_since(mark.started).as_nanos() as u64;
        self.ended_last = Some(now);
        self.depth -= 1;
        self.calls += 1;
        // What ran within it took its time from it.
        self.attributed = mark.attributed + nanoseconds;
        self.statistics.command(id).add(1, nanoseconds, self.is_tracking);
        if self.runs.len() >= RUNS_MAX {
            self.share();
        }
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

    /// Ends the batch; how many commands it had.
    pub(crate) fn end(&mut self) -> u64 {
        self.share();
        self.statistics.calls.add(self.calls);
        self.calls
    }

    /// Shares the time since the start among the brief commands.
    fn share(&mut self) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.started).as_nanos() as u64;
        let calls: u64 = self.runs.iter().map(|(_, calls)| calls).sum();
        if let Some(each) = elapsed.saturating_sub(self.attributed).checked_div(calls) {
            for (id, calls) in self.runs.drain(..) {
                self.statistics.command(id).add(calls, each, self.is_tracking);
            }
        }
        self.started = now;
        self.attributed = 0;
    }
}

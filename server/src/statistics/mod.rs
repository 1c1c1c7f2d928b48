//! What the server counts: per worker, summed when somebody asks.
//!
//! A counter is written by one thread only, so counting is a plain load and store. The time of commands that
//! are brief by nature is not measured one by one: a batch's time is shared out among them.

mod histogram;
mod meter;
mod rates;

pub(crate) use histogram::{Distribution, Histogram};
pub(crate) use meter::Meter;
pub(crate) use rates::{Rates, Sums};

use crate::cache;
use crate::hotkeys;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::engine::counters::Counter;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Different error codes that are counted; what comes after them has no count of its own.
const ERROR_CODES_MAX: usize = 128;
/// The longest error code that is counted under its own name.
const ERROR_CODE_BYTES_MAX: usize = 64;

/// The counters of one worker.
pub(crate) struct Statistics {
    commands: Box<[CommandStatistics]>,
    errors: Mutex<BTreeMap<String, u64>>,
    pub(crate) error_replies: Counter,
    pub(crate) input_bytes: Counter,
    pub(crate) output_bytes: Counter,
    /// What of both is replication: from the primary, and to replicas.
    pub(crate) primary_bytes: Counter,
    pub(crate) replica_bytes: Counter,
    /// Reads from connections, and writes to them.
    pub(crate) reads: Counter,
    pub(crate) writes: Counter,
    /// Commands that ran.
    pub(crate) calls: Counter,
    /// Batches that waited because a command or a script had the keyspace for itself, or were sent away for that.
    pub(crate) waits: Counter,
    /// For how long they did.
    pub(crate) wait_nanoseconds: Counter,
    /// Connections that were closed because a request became too large.
    pub(crate) query_limit_disconnections: Counter,
    pub(crate) hot_keys: hotkeys::Counted,
    pub(crate) cache: cache::Counts,
}

/// The counters of one command.
pub(crate) struct CommandStatistics {
    /// Whether each call takes about as long as any other, so that it need not be timed alone.
    is_brief: bool,
    pub(crate) calls: Counter,
    pub(crate) nanoseconds: Counter,
    /// Calls that were refused before they ran.
    pub(crate) rejected: Counter,
    /// Calls that ran and replied with an error.
    pub(crate) failed: Counter,
    latency: OnceLock<Box<Histogram>>,
}

impl Statistics {
    pub(crate) fn new(table: &CommandTable) -> Statistics {
        let of_command = |id: CommandId| {
            let command = table.row(id).command;
            CommandStatistics {
                is_brief: command.flags.contains(Flags::FAST) || command.cost == "O(1)",
                calls: Counter::default(),
                nanoseconds: Counter::default(),
                rejected: Counter::default(),
                failed: Counter::default(),
                latency: OnceLock::new(),
            }
        };
        Statistics {
            commands: table.ids().map(of_command).collect(),
            errors: Mutex::default(),
            error_replies: Counter::default(),
            input_bytes: Counter::default(),
            output_bytes: Counter::default(),
            primary_bytes: Counter::default(),
            replica_bytes: Counter::default(),
            reads: Counter::default(),
            writes: Counter::default(),
            calls: Counter::default(),
            waits: Counter::default(),
            wait_nanoseconds: Counter::default(),
            query_limit_disconnections: Counter::default(),
            hot_keys: hotkeys::Counted::default(),
            cache: cache::Counts::default(),
        }
    }

    /// The counters of a command.
    #[inline]
    pub(crate) fn command(&self, id: CommandId) -> &CommandStatistics {
        &self.commands[id.index()]
    }

    /// Counts an error reply by the first word of its text.
    #[cold]
    pub(crate) fn count_error(&self, text: &str) {
        self.error_replies.add(1);
        let code = text.split(' ').next().unwrap_or_default();
        let mut errors = self.errors();
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX && code.len() <= ERROR_CODE_BYTES_MAX {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// Errors by code.
    pub(crate) fn errors(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts all counts again; what is counted meanwhile may survive.
    pub(crate) fn reset(&self) {
        self.errors().clear();
        self.cache.reset();
        let counters = [
            &self.error_replies,
            &self.input_bytes,
            &self.output_bytes,
            &self.primary_bytes,
            &self.replica_bytes,
            &self.reads,
            &self.writes,
            &self.calls,
            &self.waits,
            &self.wait_nanoseconds,
            &self.query_limit_disconnections,
        ];
        let of_commands = self
            .commands
            .iter()
            .flat_map(|command| [&command.calls, &command.nanoseconds, &command.rejected, &command.failed]);
        counters.into_iter().chain(of_commands).for_each(Counter::reset);
        self.commands.iter().filter_map(|command| command.latency.get()).for_each(|latency| latency.reset());
    }
}

impl CommandStatistics {
    /// Adds calls that took `nanoseconds` each.
    pub(crate) fn add(&self, calls: u64, nanoseconds: u64, is_tracking: bool) {
        self.calls.add(calls);
        self.nanoseconds.add(calls * nanoseconds);
        if is_tracking {
            self.latency.get_or_init(Box::default).record(nanoseconds, calls);
        }
    }

    /// How long calls took; none before the first.
    pub(crate) fn latency(&self) -> Option<&Histogram> {
        self.latency.get().map(|histogram| &**histogram)
    }
}

/// The commands that clients are told of.
pub(crate) fn shown(table: &CommandTable) -> impl Iterator<Item = CommandId> {
    table.ids().filter(|id| !table.row(*id).is_hidden)
}

/// The commands whose calls count as those of one that is shown: itself, and subcommands that are not.
fn counted_as(table: &CommandTable, id: CommandId) -> impl Iterator<Item = CommandId> {
    let hidden = table.row(id).subcommands.iter().copied().filter(|id| table.row(*id).is_hidden);
    [id].into_iter().chain(hidden)
}

/// A count of a command that is shown, of all workers together.
pub(crate) fn sum_of(
    (workers, table): (&[Arc<Statistics>], &CommandTable),
    id: CommandId,
    of: fn(&CommandStatistics) -> &Counter,
) -> u64 {
    let of_worker =
        |worker: &Statistics| counted_as(table, id).map(|id| of(worker.command(id)).value()).sum::<u64>();
    workers.iter().map(|worker| of_worker(worker)).sum()
}

/// How long calls of a command that is shown took.
pub(crate) fn durations_of(
    (workers, table): (&[Arc<Statistics>], &CommandTable),
    id: CommandId,
) -> Distribution {
    let counted = counted_as(table, id).flat_map(|id| workers.iter().map(move |worker| worker.command(id)));
    Distribution::of(counted.filter_map(CommandStatistics::latency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_errors_are_bounded() {
        let statistics = Statistics::new(&CommandTable::new(&[]));
        for number in 0..1000 {
            statistics.count_error(&format!("CODE{number} text"));
        }
        statistics.count_error("CODE0 again");
        statistics.count_error(&"x".repeat(1000));
        assert_eq!(statistics.errors().len(), ERROR_CODES_MAX);
        assert_eq!(statistics.errors()["CODE0"], 2);
        assert_eq!(statistics.error_replies.value(), 1002);
        statistics.reset();
        assert!(statistics.errors().is_empty());
        assert_eq!(statistics.error_replies.value(), 0);
    }
}

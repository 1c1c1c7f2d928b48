//! What took long, for LATENCY: events of the kinds that Redis names, at most one a second of each.
//!
//! Nothing is timed for this alone while `latency-monitor-threshold` is 0. Commands never are: those that are timed or looked
//! at anyhow are noted here, too (`observation`).

mod disk;
mod doctor;
mod graph;
mod history;

pub(crate) use disk::{LogDisk, WatchedDisk};
pub(crate) use doctor::diagnosis;
pub(crate) use graph::graph;
pub(crate) use history::{History, Sample};

use crate::config::{Config, table};
use crate::server::now;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What may take long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// The log was made durable before a reply may leave.
    AofFsyncAlways,
    /// The log was written to.
    AofWrite,
    /// The same, while nothing else was written.
    AofWriteAlone,
    /// The same, while a snapshot or the base of a log was written.
    AofWriteActiveChild,
    /// A command that may take its time.
    Command,
    /// Keys were removed to make room.
    EvictionCycle,
    /// Expired keys were removed.
    ExpireCycle,
    /// A command that is flagged as fast.
    FastCommand,
}

impl Event {
    pub(crate) const ALL: [Event; 8] = [
        Event::AofFsyncAlways,
        Event::AofWrite,
        Event::AofWriteAlone,
        Event::AofWriteActiveChild,
        Event::Command,
        Event::EvictionCycle,
        Event::ExpireCycle,
        Event::FastCommand,
    ];

    /// The name, as in Redis.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Event::AofFsyncAlways => "aof-fsync-always",
            Event::AofWrite => "aof-write",
            Event::AofWriteAlone => "aof-write-alone",
            Event::AofWriteActiveChild => "aof-write-active-child",
            Event::Command => "command",
            Event::EvictionCycle => "eviction-cycle",
            Event::ExpireCycle => "expire-cycle",
            Event::FastCommand => "fast-command",
        }
    }

    /// The event of exactly this name.
    pub(crate) fn by_name(name: &[u8]) -> Option<Event> {
        Event::by_any_name(name).filter(|event| event.name().as_bytes() == name)
    }

    /// The event of this name in any case.
    pub(crate) fn by_any_name(name: &[u8]) -> Option<Event> {
        Event::ALL.into_iter().find(|event| event.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// What took long of late.
#[derive(Default)]
pub(crate) struct Latency {
    /// From how many milliseconds on an event is noted; 0: none is.
    threshold_ms: AtomicU64,
    histories: Mutex<[History; Event::ALL.len()]>,
}

impl Latency {
    /// Takes over what the setting says.
    pub(crate) fn apply(&self, config: &Config) {
        let threshold = config.number(table::LATENCY_MONITOR_THRESHOLD);
        self.threshold_ms.store(threshold.max(0).unsigned_abs(), Ordering::Relaxed);
    }

    /// From how many milliseconds on an event is noted, if any is.
    pub(crate) fn threshold_ms(&self) -> Option<u64> {
        Some(self.threshold_ms.load(Ordering::Relaxed)).filter(|threshold| *threshold > 0)
    }

    /// Notes an event, if it took long enough.
    pub(crate) fn note(&self, event: Event, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if self.threshold_ms().is_some_and(|threshold| took_ms >= threshold) {
            self.histories()[event as usize].add(now().0 / 1000, took_ms);
        }
    }

    /// Does something, and notes how long it took if that is asked for. Returns what came of it, and the time if it was noted.
    pub(crate) fn watch<T>(&self, event: Event, action: impl FnOnce() -> T) -> (T, Option<Duration>) {
        let Some(threshold) = self.threshold_ms() else { return (action(), None) };
        let started = Instant::now();
        let outcome = action();
        let took = started.elapsed();
        self.note(event, took);
        (outcome, Some(took).filter(|took| took.as_millis() >= u128::from(threshold)))
    }

    /// The history of an event; none if it has not happened since the last reset.
    pub(crate) fn history(&self, event: Event) -> Option<History> {
        Some(self.histories()[event as usize].clone()).filter(|history| !history.is_empty())
    }

    /// All events that have happened, with their histories.
    pub(crate) fn all(&self) -> Vec<(Event, History)> {
        let with_history = |event| self.history(event).map(|history| (event, history));
        Event::ALL.into_iter().filter_map(with_history).collect()
    }

    /// Forgets an event; whether it had happened.
    pub(crate) fn forget(&self, event: Event) -> bool {
        !std::mem::take(&mut self.histories()[event as usize]).is_empty()
    }

    fn histories(&self) -> MutexGuard<'_, [History; Event::ALL.len()]> {
        self.histories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_noted_from_the_threshold_on() {
        let latency = Latency::default();
        latency.note(Event::Command, Duration::from_secs(9));
        assert_eq!(latency.watch(Event::Command, || 7), (7, None));
        assert!(latency.all().is_empty());
        latency.threshold_ms.store(5, Ordering::Relaxed);
        latency.note(Event::Command, Duration::from_micros(4999));
        assert!(latency.history(Event::Command).is_none());
        latency.note(Event::Command, Duration::from_micros(5999));
        let history = latency.history(Event::Command).expect("it was noted");
        assert_eq!(history.worst_ms(), 5);
        assert!(latency.forget(Event::Command) && !latency.forget(Event::Command));
    }

    #[test]
    fn names_are_found_as_they_are() {
        for event in Event::ALL {
            assert_eq!(Event::by_name(event.name().as_bytes()), Some(event));
            assert_eq!(Event::ALL[event as usize], event);
        }
        assert_eq!(
            (Event::by_name(b"COMMAND"), Event::by_any_name(b"COMMAND")),
            (None, Some(Event::Command))
        );
    }
}

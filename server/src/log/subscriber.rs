//! What `tracing` hands events to.

use super::line::{Stamp, Told, line};
use super::{IS_REPLICA, Level, RULES, output};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};

/// Writes events as lines. Spans are not looked at.
pub(super) struct Subscriber;

impl tracing::Subscriber for Subscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let rules = RULES.read().unwrap_or_else(PoisonError::into_inner);
        metadata.is_event() && rules.levels.tells(metadata.target(), Level::of(*metadata.level()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let lowest = RULES.read().unwrap_or_else(PoisonError::into_inner).levels.lowest();
        Some(match lowest {
            Level::Debug => LevelFilter::TRACE,
            Level::Verbose => LevelFilter::DEBUG,
            Level::Notice => LevelFilter::INFO,
            Level::Warning => LevelFilter::WARN,
            Level::Nothing => LevelFilter::OFF,
        })
    }

    fn event(&self, event: &Event<'_>) {
        let (level, target) = (Level::of(*event.metadata().level()), event.metadata().target());
        tell(level, target, &Told::by(event));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Writes what is told, whatever the levels are.
pub(super) fn tell(level: Level, target: &str, told: &Told) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let role = if IS_REPLICA.load(Ordering::Relaxed) { 'S' } else { 'M' };
    let stamp = Stamp { process: std::process::id(), role, unix_ms: since_epoch.as_millis() as u64 };
    let format = RULES.read().unwrap_or_else(PoisonError::into_inner).format;
    let line = line(format, stamp, level, target, told);
    let mut output = output();
    output.write(&line);
    if let Some(syslog) = output.syslog() {
        syslog.send(level, stamp.process, stamp.unix_ms, &told.text());
    }
}

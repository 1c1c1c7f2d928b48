//! The log: what happens, told to operators in one line per event.
//!
//! ```text
//! log::notice!(…) ──→ tracing ──→ Subscriber ──→ levels: is it told? ──→ line: text or JSON ──→ file or stdout
//!                                                                                          └──→ syslog
//! ```
//!
//! Events go through `tracing`, so that a program that embeds the server and has a subscriber of its own gets them there,
//! and so that a place whose level is not told costs one relaxed load. The levels have the names that Redis gives them:
//! `debug`, `verbose`, `notice` and `warning` are tracing's TRACE, DEBUG, INFO and WARN. Which module tells an event is
//! tracing's target; its first part is what `log-levels` speaks of.

mod levels;
mod line;
mod output;
mod subscriber;
mod syslog;

pub(crate) use levels::check as check_levels;

use crate::config::{Config, table};
use levels::Levels;
pub(crate) use line::rfc3339;
use line::{Format, Told};
use output::Output;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use subscriber::Subscriber;

/// Tells a developer what happens.
macro_rules! debug { ($($event:tt)+) => { ::tracing::trace!($($event)+) } }
/// Tells what is rarely of use.
macro_rules! verbose { ($($event:tt)+) => { ::tracing::debug!($($event)+) } }
/// Tells what an operator wants to see.
macro_rules! notice { ($($event:tt)+) => { ::tracing::info!($($event)+) } }
/// Tells of something that needs attention.
macro_rules! warning { ($($event:tt)+) => { ::tracing::warn!($($event)+) } }
pub(crate) use {debug, notice, verbose, warning};

/// How much an event matters; the numbers are the places in the choices of `loglevel`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Level {
    Debug = 0,
    Verbose = 1,
    Notice = 2,
    Warning = 3,
    /// Above all events: as a limit, it lets none through.
    Nothing = 4,
}

impl Level {
    const ALL: [Level; 5] = [Level::Debug, Level::Verbose, Level::Notice, Level::Warning, Level::Nothing];
    /// The names of the levels, in their order.
    pub(crate) const NAMES: &[&str] = &["debug", "verbose", "notice", "warning", "nothing"];

    fn name(self) -> &'static str {
        Level::NAMES[self as usize]
    }

    /// The level with this place in the choices of `loglevel`.
    fn from_number(number: i64) -> Level {
        usize::try_from(number)
            .ok()
            .and_then(|place| Level::ALL.get(place).copied())
            .unwrap_or(Level::Nothing)
    }

    fn from_name(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    fn of(level: tracing::Level) -> Level {
        match level {
            tracing::Level::TRACE => Level::Debug,
            tracing::Level::DEBUG => Level::Verbose,
            tracing::Level::INFO => Level::Notice,
            _ => Level::Warning,
        }
    }
}

/// What the settings say about the log. There is one log in a process.
static RULES: RwLock<Rules> = RwLock::new(Rules { levels: Levels::new(), format: Format::Text });
/// Where lines go, one at a time.
static OUTPUT: Mutex<Output> = Mutex::new(Output::new());

/// Which events are told, and how.
struct Rules {
    levels: Levels,
    format: Format,
}

/// Whether the server copies another one, as lines of text tell.
static IS_REPLICA: AtomicBool = AtomicBool::new(false);

/// Starts to write events where the settings say, after proving that the file can be written.
pub(crate) fn open(config: &Config) -> io::Result<()> {
    output().open(config)?;
    start(config);
    Ok(())
}

/// Starts to write events to standard output, those that are at least so important.
pub(crate) fn start_with_warnings(config: &Config) {
    start(config);
    change_rules(|rules| {
        let limit = Level::from_number(config.number(table::LOGLEVEL)).max(Level::Warning);
        rules.levels = Levels::from_limit(limit);
    });
}

fn start(config: &Config) {
    apply(config);
    // It fails where the program around the server has a subscriber of its own, which gets the events then.
    let _ = tracing::subscriber::set_global_default(Subscriber);
}

/// Takes over what the settings say about levels and format.
pub(crate) fn apply(config: &Config) {
    change_rules(|rules| {
        rules.levels = Levels::of(config);
        rules.format = Format::of(config);
    });
}

/// Has lines tell from now on whether the server copies another one.
pub(crate) fn set_replica(is_replica: bool) {
    IS_REPLICA.store(is_replica, Ordering::Relaxed);
}

/// Writes a record of the audit log, whatever the levels are.
pub(crate) fn audit(record: &str) {
    subscriber::tell(Level::Notice, "audit", &Told::message(format!("audit {record}")));
}

/// Opens the file of the log again, which somebody may have moved away.
pub(crate) fn reopen() {
    let outcome = output().reopen();
    match outcome {
        Ok(()) => notice!("Received SIGHUP: the log file is open again."),
        Err(error) => warning!("Received SIGHUP: the log file can't be opened again: {error}"),
    }
}

fn change_rules(change: impl FnOnce(&mut Rules)) {
    change(&mut RULES.write().unwrap_or_else(PoisonError::into_inner));
    // Each place in the code remembers whether its events are told.
    tracing::callsite::rebuild_interest_cache();
}

fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

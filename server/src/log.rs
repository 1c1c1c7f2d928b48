//! The log: one line per event, in the form that Redis's operators know.
//!
//! ```text
//! 4711:M 01 Jan 2026 12:00:00.000 * Ready to accept connections tcp
//! process : role   UTC        level: . debug, - verbose, * notice, # warning
//! ```
//!
//! Lines go to standard output, unbuffered, or are appended to a file that is opened for each line, so that it can be
//! moved away while the server runs.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much a line matters; the numbers are the places in the choices of `loglevel`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Level {
    Debug = 0,
    Verbose = 1,
    Notice = 2,
    Warning = 3,
}

/// The lowest level that is written.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
/// The file, as an absolute path; none or not yet set: standard output.
static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Chooses the file once, after proving that it can be written.
pub(crate) fn open(file: Option<&Path>) -> io::Result<()> {
    if let Some(path) = file {
        append_to(path)?;
    }
    let absolute = file.map(std::path::absolute).transpose()?;
    FILE.get_or_init(|| absolute);
    Ok(())
}

/// Writes only lines of a level from `level` on: a place in the choices of `loglevel`.
pub(crate) fn set_level(level: i64) {
    LEVEL.store(u8::try_from(level).unwrap_or(u8::MAX), Ordering::Relaxed);
}

/// Whether lines of this level are written, for messages that are costly to make.
pub(crate) fn is_written(level: Level) -> bool {
    level as u8 >= LEVEL.load(Ordering::Relaxed)
}

/// Writes a line that tells a developer what happens.
pub(crate) fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a line that is rarely of use.
pub(crate) fn verbose(message: &str) {
    write(Level::Verbose, message);
}

/// Writes a line that an operator wants to see.
pub(crate) fn notice(message: &str) {
    write(Level::Notice, message);
}

/// Writes a line about something that needs attention.
pub(crate) fn warning(message: &str) {
    write(Level::Warning, message);
}

fn write(level: Level, message: &str) {
    if !is_written(level) {
        return;
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = line(level, std::process::id(), since_epoch.as_millis() as u64, message);
    // Nobody is left to tell that the log can't be written.
    let _ = match FILE.get() {
        Some(Some(path)) => append_to(path).and_then(|mut file| file.write_all(line.as_bytes())),
        _ => io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush()),
    };
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// A whole line. Control characters in the message, which may quote what a client sent, are escaped.
fn line(level: Level, process: u32, unix_ms: u64, message: &str) -> String {
    let mark = match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning => '#',
    };
    let mut line = format!("{process}:M {} {mark} ", date_and_time(unix_ms));
    for letter in message.chars() {
        if letter.is_control() {
            let _ = write!(line, "{}", letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line.push('\n');
    line
}

fn date_and_time(unix_ms: u64) -> String {
    let (seconds, millis) = (unix_ms / 1000, unix_ms % 1000);
    let (day, month, year) = date(seconds / 86400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{day:02} {} {year} {hour:02}:{minute:02}:{second:02}.{millis:03}", MONTHS[month])
}

/// Day of the month, month from 0 and year of a day after the epoch.
///
/// Years are counted from March, so that the leap day is the last one; then the months' lengths repeat every five
/// months with 153 days, and everything repeats every 400 years with 146097 days.
fn date(days_since_epoch: u64) -> (u64, usize, u64) {
    const DAYS_FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days_since_epoch + DAYS_FROM_MARCH_OF_YEAR_0;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    (day, month as usize, year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_ms, expected) in [
            (0, "01 Jan 1970 00:00:00.000"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000"),
            (951_868_800_007, "01 Mar 2000 00:00:00.007"),
            (1_767_225_599_999, "31 Dec 2025 23:59:59.999"),
            (1_767_225_600_000, "01 Jan 2026 00:00:00.000"),
            (4_102_444_800_000, "01 Jan 2100 00:00:00.000"),
        ] {
            assert_eq!(date_and_time(unix_ms), expected);
        }
    }

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(
            line(Level::Warning, 7, 0, "name \r\n7:M evil\u{1b}[2J"),
            "7:M 01 Jan 1970 00:00:00.000 # name \\r\\n7:M evil\\u{1b}[2J\n"
        );
    }
}

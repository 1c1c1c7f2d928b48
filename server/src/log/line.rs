//! How an event is written: a line of text as Redis's operators know it, or a JSON object.
//!
//! ```text
//! 4711:M 01 Jan 2026 12:00:00.000 * Ready to accept connections tcp
//! process : role   UTC        level: . debug, - verbose, * notice, # warning
//!
//! {"ts":"2026-01-01T12:00:00.000Z","level":"notice","pid":4711,"target":"server","message":"Ready to …"}
//! ```

use super::Level;
use super::levels::short;
use crate::config::{Config, table};
use serde_json::{Map, Value, json};
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};

/// What lines look like; the numbers are the places in the choices of `log-format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Text = 0,
    Json = 1,
}

impl Format {
    pub(super) fn of(config: &Config) -> Format {
        if config.number(table::LOG_FORMAT) == Format::Json as i64 { Format::Json } else { Format::Text }
    }
}

/// What an event tells.
#[derive(Default)]
pub(super) struct Told {
    message: String,
    fields: Map<String, Value>,
}

impl Told {
    pub(super) fn message(message: String) -> Told {
        Told { message, ..Told::default() }
    }

    pub(super) fn by(event: &tracing::Event<'_>) -> Told {
        let mut told = Told::default();
        event.record(&mut told);
        told
    }

    fn note(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }

    /// The message and then the fields, on one line: control characters, which what a client sent may hold, are escaped.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.message.len());
        push_escaped(&mut text, &self.message);
        for (name, value) in &self.fields {
            let _ = write!(text, " {name}=");
            match value {
                Value::String(value) => push_escaped(&mut text, value),
                other => {
                    let _ = write!(text, "{other}");
                }
            }
        }
        text
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // The message comes this way, whose form for developers is its text.
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.note(field, format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.note(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, value.into());
    }
}

fn push_escaped(text: &mut String, message: &str) {
    for letter in message.chars() {
        if letter.is_control() {
            let _ = write!(text, "{}", letter.escape_default());
        } else {
            text.push(letter);
        }
    }
}

/// When something happened, and where.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    pub(super) process: u32,
    /// `M` of a server that copies none, `S` of one that copies another.
    pub(super) role: char,
    pub(super) unix_ms: u64,
}

/// A whole line, with its end.
pub(super) fn line(format: Format, stamp: Stamp, level: Level, target: &str, told: &Told) -> String {
    match format {
        Format::Text => text(stamp, level, told),
        Format::Json => object(stamp, level, target, told),
    }
}

fn text(stamp: Stamp, level: Level, told: &Told) -> String {
    let mark = match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning | Level::Nothing => '#',
    };
    format!("{}:{} {} {mark} {}\n", stamp.process, stamp.role, date_and_time(stamp.unix_ms), told.text())
}

fn object(stamp: Stamp, level: Level, target: &str, told: &Told) -> String {
    let mut object = json!({
        "ts": rfc3339(stamp.unix_ms),
        "level": level.name(),
        "pid": stamp.process,
        "target": short(target),
        "message": told.message,
    });
    if !told.fields.is_empty() {
        object["fields"] = Value::Object(told.fields.clone());
    }
    format!("{object}\n")
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment, taken apart.
struct Moment {
    year: u64,
    /// From 0.
    month: usize,
    day: u64,
    /// `12:00:00`.
    clock: String,
    millis: u64,
}

impl Moment {
    fn at(unix_ms: u64) -> Moment {
        let (seconds, millis) = (unix_ms / 1000, unix_ms % 1000);
        let (day, month, year) = date(seconds / 86400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        Moment { year, month, day, clock: format!("{hour:02}:{minute:02}:{second:02}"), millis }
    }
}

fn date_and_time(unix_ms: u64) -> String {
    let Moment { year, month, day, clock, millis } = Moment::at(unix_ms);
    format!("{day:02} {} {year} {clock}.{millis:03}", MONTHS[month])
}

/// A moment in UTC, as RFC 3339 writes it.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let Moment { year, month, day, clock, millis } = Moment::at(unix_ms);
    format!("{year:04}-{:02}-{day:02}T{clock}.{millis:03}Z", month + 1)
}

/// The form that syslog has: `Jan  1 12:00:00`.
pub(super) fn syslog_time(unix_ms: u64) -> String {
    let Moment { month, day, clock, .. } = Moment::at(unix_ms);
    format!("{} {day:>2} {clock}", MONTHS[month])
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

    const START: Stamp = Stamp { process: 7, role: 'M', unix_ms: 0 };

    fn told() -> Told {
        let fields = json!({ "id": 3, "name": "a\nb" });
        let Value::Object(fields) = fields else { panic!("it is one") };
        Told { message: "name \r\n7:M evil\u{1b}[2J".to_owned(), fields }
    }

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
        assert_eq!(rfc3339(951_868_800_007), "2000-03-01T00:00:00.007Z");
        assert_eq!(syslog_time(951_868_800_007), "Mar  1 00:00:00");
    }

    #[test]
    fn an_event_stays_on_its_line() {
        assert_eq!(
            line(Format::Text, START, Level::Warning, "spinel_server::acl", &told()),
            "7:M 01 Jan 1970 00:00:00.000 # name \\r\\n7:M evil\\u{1b}[2J id=3 name=a\\nb\n"
        );
        let of_replica =
            line(Format::Text, Stamp { role: 'S', ..START }, Level::Notice, "spinel_server::acl", &told());
        assert!(of_replica.starts_with("7:S 01 Jan 1970 00:00:00.000 * name "), "{of_replica}");
    }

    #[test]
    fn an_object_has_what_the_line_has() {
        let line = line(Format::Json, START, Level::Verbose, "spinel_server::acl::file", &told());
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let object: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "ts": "1970-01-01T00:00:00.000Z", "level": "verbose", "pid": 7, "target": "acl::file",
            "message": "name \r\n7:M evil\u{1b}[2J", "fields": { "id": 3, "name": "a\nb" },
        });
        assert_eq!(object, expected);
    }
}

//! `--latency` and `--latency-history`: how long the server takes to answer `PING`.

use super::interval_or;
use super::spectrum::Spectrum;
use crate::arguments::{Arguments, LatencyReport};
use crate::format::OutputFormat;
use crate::session::Session;
use crate::shell::RunError;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two measurements.
const PAUSE: Duration = Duration::from_millis(10);

/// Measurements since some time.
struct Measurements {
    begin: Instant,
    min_ms: u128,
    max_ms: u128,
    sum_ms: u128,
    count: u64,
}

impl Measurements {
    fn new() -> Self {
        Self { begin: Instant::now(), min_ms: u128::MAX, max_ms: 0, sum_ms: 0, count: 0 }
    }

    fn add(&mut self, latency: Duration) {
        let milliseconds = latency.as_millis();
        self.min_ms = self.min_ms.min(milliseconds);
        self.max_ms = self.max_ms.max(milliseconds);
        self.sum_ms += milliseconds;
        self.count += 1;
    }

    fn line(&self, format: OutputFormat) -> String {
        let Self { min_ms, max_ms, count, .. } = self;
        let average = self.sum_ms as f64 / self.count as f64;
        match format {
            OutputFormat::Standard | OutputFormat::Table => {
                format!("min: {min_ms}, max: {max_ms}, avg: {average:.2} ({count} samples)")
            }
            OutputFormat::Raw => format!("{min_ms} {max_ms} {average:.2} {count}"),
            OutputFormat::Csv => format!("{min_ms},{max_ms},{average:.2},{count}"),
            OutputFormat::Json | OutputFormat::QuotedJson => {
                format!("{{\"min\": {min_ms}, \"max\": {max_ms}, \"avg\": {average:.2}, \"count\": {count}}}")
            }
        }
    }
}

/// Measures until the connection ends, or once if the output is not for people.
pub(in crate::modes) fn latency(
    arguments: &Arguments,
    session: &mut Session,
    report: LatencyReport,
) -> Result<(), RunError> {
    let format = arguments.printer.format;
    match report {
        LatencyReport::Spectrum => {
            Spectrum::run(session, interval_or(arguments.interval, Duration::from_secs(1)))
        }
        LatencyReport::Whole if format != OutputFormat::Standard => {
            once(session, format, interval_or(arguments.interval, Duration::from_secs(1)))
        }
        LatencyReport::Whole => forever(session, format, None),
        LatencyReport::History => {
            forever(session, format, Some(interval_or(arguments.interval, Duration::from_secs(15))))
        }
    }
}

fn once(session: &mut Session, format: OutputFormat, duration: Duration) -> Result<(), RunError> {
    let mut measured = Measurements::new();
    while measured.count == 0 || measured.begin.elapsed() < duration {
        measured.add(ping(session)?);
        thread::sleep(PAUSE);
    }
    writeln!(io::stdout(), "{}", measured.line(format))?;
    Ok(())
}

/// Draws the line anew with every measurement, and begins another line after each `period`.
fn forever(session: &mut Session, format: OutputFormat, period: Option<Duration>) -> Result<(), RunError> {
    let mut out = io::stdout().lock();
    let mut measured = Measurements::new();
    loop {
        measured.add(ping(session)?);
        if format == OutputFormat::Standard {
            write!(out, "\x1b[0G\x1b[2K{}", measured.line(format))?;
        }
        let elapsed = measured.begin.elapsed();
        if period.is_some_and(|period| elapsed > period) {
            match format {
                OutputFormat::Standard => writeln!(out, " -- {:.2} seconds range", elapsed.as_secs_f64())?,
                _ => writeln!(out, "{}", measured.line(format))?,
            }
            measured = Measurements::new();
        }
        out.flush()?;
        thread::sleep(PAUSE);
    }
}

/// Measures one answer.
pub(super) fn ping(session: &mut Session) -> Result<Duration, RunError> {
    let begin = Instant::now();
    session.ask(&["PING"])?;
    Ok(begin.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_says_the_same() {
        let mut measured = Measurements::new();
        for milliseconds in [3, 0, 1] {
            measured.add(Duration::from_millis(milliseconds));
        }
        let cases = [
            (OutputFormat::Standard, "min: 0, max: 3, avg: 1.33 (3 samples)"),
            (OutputFormat::Raw, "0 3 1.33 3"),
            (OutputFormat::Csv, "0,3,1.33,3"),
            (OutputFormat::Json, "{\"min\": 0, \"max\": 3, \"avg\": 1.33, \"count\": 3}"),
        ];
        for (format, line) in cases {
            assert_eq!(measured.line(format), line);
        }
    }
}

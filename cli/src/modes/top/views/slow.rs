//! The newest rows of the slow log.

use super::super::canvas::{Charset, Line, Look};
use super::super::figures;
use super::super::sample::Sample;
use super::super::table::{Column, table};

const COLUMNS: [Column; 4] = [
    Column::left("SLOW COMMAND OF", 16),
    Column::right("TOOK", 7),
    Column::left("CLIENT", 15),
    Column::left("WORDS", 10),
];

/// A command that took so many microseconds keeps people waiting.
const LONG_US: u64 = 100_000;

pub(super) fn lines(latest: &Sample, width: usize, charset: Charset) -> Vec<Line> {
    if latest.slow.is_empty() {
        let text = " No command took as long as slowlog-log-slower-than says.";
        return vec![Line::default(), Line::of(Look::Dim, text)];
    }
    let rows: Vec<_> = latest
        .slow
        .iter()
        .map(|slow| {
            let age = figures::age(latest.unix_seconds.saturating_sub(slow.unix_seconds));
            let took = figures::microseconds(slow.microseconds as f64, charset);
            let look = if slow.microseconds >= LONG_US { Look::Warning } else { Look::Plain };
            vec![
                (Look::Plain, format!("{age} ago")),
                (look, took),
                (Look::Plain, slow.client.clone()),
                (Look::Strong, slow.words.clone()),
            ]
        })
        .collect();
    table(&COLUMNS, &rows, None, width)
}

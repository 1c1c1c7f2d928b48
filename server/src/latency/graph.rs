//! LATENCY GRAPH: samples as columns of characters, and below them how long ago they were.
//!
//! ```text
//!  #          four rows; the top of a column is `_`, `o` or `#`, what is below it `|`
//!  |
//!  |   o
//! _|___|
//!
//! 543210      "5s", "4s" and so on, from top to bottom
//! ssssss
//! ```

use super::{Event, History, Sample};
use std::fmt::Write;

const COLUMNS: usize = 80;
const ROWS: usize = 4;
/// The tops of columns that end in the lower, the middle and the upper third of a row.
const TOPS: [char; 3] = ['_', 'o', '#'];
const STEPS: usize = ROWS * TOPS.len();

/// Draws the samples of an event as they are seen at a time.
pub(crate) fn graph(event: Event, history: &History, now_seconds: i64) -> String {
    let summary = history.summary();
    let (least, most) = (summary.least, summary.most);
    let (name, worst) = (event.name(), history.worst_ms());
    let mut text = format!("{name} - high {most} ms, low {least} ms (all time high {worst} ms)\n");
    let _ = writeln!(text, "{}", "-".repeat(COLUMNS));
    let samples: Vec<Sample> = history.samples().collect();
    for (number, part) in samples.chunks(COLUMNS).enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let heights: Vec<usize> = part.iter().map(|sample| height(sample.took_ms, (least, most))).collect();
        draw(&heights, &mut text);
        let ages: Vec<String> = part.iter().map(|sample| age(now_seconds - sample.at_seconds)).collect();
        label(&ages, &mut text);
    }
    text
}

/// How high a column is, in steps from 0.
fn height(took_ms: u64, (least, most): (u64, u64)) -> usize {
    let range = u128::from(most - least).max(1);
    let steps = u128::from(took_ms - least) * STEPS as u128 / range;
    (steps as usize).min(STEPS - 1)
}

fn draw(heights: &[usize], text: &mut String) {
    for row in (0..ROWS).rev() {
        let base = row * TOPS.len();
        text.extend(heights.iter().map(|height| match height.checked_sub(base) {
            None => ' ',
            Some(above) => *TOPS.get(above).unwrap_or(&'|'),
        }));
        text.push('\n');
    }
}

/// Writes texts from top to bottom, with a line between them and what is above.
fn label(texts: &[String], text: &mut String) {
    let longest = texts.iter().map(String::len).max().unwrap_or(0);
    let _ = writeln!(text, "{}", " ".repeat(texts.len()));
    for place in 0..longest {
        text.extend(texts.iter().map(|label| label.as_bytes().get(place).map_or(' ', |byte| *byte as char)));
        text.push('\n');
    }
}

/// A time in the past, in the largest unit that fits.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(samples: &[(i64, u64)], now_seconds: i64) -> Vec<String> {
        let mut history = History::default();
        for (at_seconds, took_ms) in samples {
            history.add(*at_seconds, *took_ms);
        }
        graph(Event::Command, &history, now_seconds).split('\n').map(str::to_owned).collect()
    }

    /// As Redis 8.0.6 drew them.
    #[test]
    fn columns_are_those_of_redis() {
        let line = "-".repeat(80);
        let single = ["command - high 30 ms, low 30 ms (all time high 30 ms)", &line];
        let rows = [" ", " ", " ", "_", " ", "0", "s", ""];
        assert_eq!(drawn(&[(71, 30)], 71), [&single[..], &rows].concat());
        let several = [(66, 4), (67, 91), (68, 3), (69, 9), (70, 3), (71, 36), (72, 36), (73, 36), (74, 21)];
        let rows =
            [" #       ", " |       ", " |   ooo ", "_|___|||#", "         ", "876543210", "sssssssss", ""];
        assert_eq!(drawn(&several, 74)[2..], rows);
    }

    #[test]
    fn more_than_a_line_goes_on_below() {
        let samples: Vec<_> = (0..82).map(|second| (second, if second == 80 { 9 } else { 1 })).collect();
        let rows = drawn(&samples, 81 + 86_400);
        assert_eq!(rows[2 + 4 + 1], "1".repeat(80));
        assert_eq!(rows[2 + 4 + 2], "d".repeat(80));
        assert_eq!(rows[9..], ["", "# ", "| ", "| ", "|_", "  ", "11", "dd", ""]);
    }
}

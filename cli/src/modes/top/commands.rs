//! What commands were called, how often and for how long.

use super::change::Change;
use super::latencies::{Histogram, Latencies, percentile};
use super::sample::Sample;
use crate::info::{Info, property};
use std::cmp::Ordering;

/// The columns by which commands are ordered, in the order in which they are shown.
pub(super) const COLUMNS: [&str; 9] =
    ["COMMAND", "CALLS/S", "BUSY %", "MEAN", "P50", "P99", "CALLS", "FAILED/S", "REFUSED/S"];

/// The column of the busiest.
pub(super) const BUSY: usize = 2;

/// One command. What needs two samples is missing in the first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CommandRow {
    pub(super) name: String,
    pub(super) calls_per_second: Option<f64>,
    /// Of the time that passed, in hundredths: more than a hundred if several threads were at it.
    pub(super) busy_percent: Option<f64>,
    pub(super) mean_us: Option<f64>,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) failed_per_second: Option<f64>,
    pub(super) refused_per_second: Option<f64>,
    pub(super) calls: u64,
}

/// All commands that were ever called.
pub(super) fn commands(now: &Sample, change: Option<&Change<'_>>) -> Vec<CommandRow> {
    let statistics = now.info.with_prefix("cmdstat_");
    statistics.map(|(name, properties)| row(name, properties, now, change)).collect()
}

fn row(name: &str, properties: &str, now: &Sample, change: Option<&Change<'_>>) -> CommandRow {
    let field = format!("cmdstat_{name}");
    let growth = |what: &str| {
        let change = change?;
        let before = number(property(change.before().info.text(&field), what)).unwrap_or(0.0);
        Some((number(property(properties, what))? - before).max(0.0))
    };
    let per_second = |what: &str| Some(growth(what)? / change?.seconds());
    let (calls, microseconds) = (growth("calls"), growth("usec"));
    let histogram = change.and_then(|change| recent(name, change));
    let share = |share, field: &str| match &histogram {
        Some(histogram) => percentile(histogram, share).map(|bound| bound as f64),
        None => of_all_time(&now.info, name, field),
    };
    CommandRow {
        name: name.replace('|', " "),
        calls_per_second: per_second("calls"),
        busy_percent: per_second("usec").map(|microseconds| microseconds / 10_000.0),
        mean_us: calls.zip(microseconds).filter(|(calls, _)| *calls > 0.0).map(|(calls, us)| us / calls),
        p50_us: share(0.5, "p50"),
        p99_us: share(0.99, "p99"),
        failed_per_second: per_second("failed_calls"),
        refused_per_second: per_second("rejected_calls"),
        calls: number(property(properties, "calls")).unwrap_or(0.0) as u64,
    }
}

/// The latencies between two samples.
fn recent(name: &str, change: &Change<'_>) -> Option<Histogram> {
    let (now, before): (&Latencies, &Latencies) =
        (change.now().latencies.as_ref()?, change.before().latencies.as_ref()?);
    Some(now.since(before, name))
}

/// A percentile over all calls since the server was started.
fn of_all_time(info: &Info, name: &str, percentile: &str) -> Option<f64> {
    number(property(info.text(&format!("latency_percentiles_usec_{name}")), percentile))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Orders rows by a column: the largest first, names from A on, or the other way round.
pub(super) fn order(rows: &mut [CommandRow], column: usize, reversed: bool) {
    rows.sort_by(|left, right| {
        let by_name = left.name.cmp(&right.name);
        let by_value = if column == 0 {
            by_name
        } else {
            let (left, right) = (value(left, column), value(right, column));
            right.partial_cmp(&left).unwrap_or(Ordering::Equal)
        };
        let by_value = if reversed { by_value.reverse() } else { by_value };
        // Those that tell nothing apart keep their place from one look to the next.
        by_value.then_with(|| right.calls.cmp(&left.calls)).then(by_name)
    });
}

fn value(row: &CommandRow, column: usize) -> f64 {
    let value = match column {
        1 => row.calls_per_second,
        2 => row.busy_percent,
        3 => row.mean_us,
        4 => row.p50_us,
        5 => row.p99_us,
        6 => Some(row.calls as f64),
        7 => row.failed_per_second,
        _ => row.refused_per_second,
    };
    value.unwrap_or(-1.0)
}

/// Percentiles over all commands: of late, if the server counts that.
pub(super) fn overall(change: &Change<'_>) -> Option<Histogram> {
    Some(change.now().latencies.as_ref()?.all_since(change.before().latencies.as_ref()?))
}

//! The table of commands.

use super::super::canvas::{Charset, Line, Look};
use super::super::commands::{COLUMNS, CommandRow, commands, order};
use super::super::figures;
use super::super::sample::Sample;
use super::super::state::Top;
use super::super::table::{Column, table};
use super::or_dash;

/// Letters of each column at least, so that they stand still while numbers change.
const WIDTHS: [usize; COLUMNS.len()] = [16, 7, 6, 6, 6, 6, 7, 8, 9];

pub(super) fn lines(top: &Top, latest: &Sample, width: usize, charset: Charset) -> Vec<Line> {
    let change = top.change();
    let mut rows = commands(latest, change.as_ref());
    order(&mut rows, top.commands_order.column, top.commands_order.reversed);
    let cells: Vec<_> = rows.iter().map(|row| cells(row, charset)).collect();
    let columns: Vec<Column> = COLUMNS
        .iter()
        .zip(WIDTHS)
        .enumerate()
        .map(|(index, (title, width))| match index {
            0 => Column::left(title, width),
            _ => Column::right(title, width),
        })
        .collect();
    table(&columns, &cells, Some(top.commands_order.column), width)
}

fn cells(row: &CommandRow, charset: Charset) -> Vec<(Look, String)> {
    let is_busy = row.calls_per_second.is_some_and(|rate| rate > 0.0);
    let look = if is_busy { Look::Plain } else { Look::Dim };
    let time = |us: Option<f64>| (look, or_dash(us, |us| figures::microseconds(us, charset)));
    let trouble = |rate: Option<f64>| {
        let look = if rate.is_some_and(|rate| rate > 0.0) { Look::Warning } else { look };
        (look, or_dash(rate, figures::rate))
    };
    vec![
        (if is_busy { Look::Strong } else { Look::Dim }, row.name.clone()),
        (look, or_dash(row.calls_per_second, figures::rate)),
        (look, or_dash(row.busy_percent, |percent| format!("{percent:.1}"))),
        time(row.mean_us),
        time(row.p50_us),
        time(row.p99_us),
        (look, figures::count(row.calls as f64)),
        trouble(row.failed_per_second),
        trouble(row.refused_per_second),
    ]
}

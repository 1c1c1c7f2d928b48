//! The view of everything: figures, the busiest commands, the newest slow ones.

use super::super::canvas::{Charset, Line, Look, Size};
use super::super::change::{Change, decimal};
use super::super::commands::overall;
use super::super::figures;
use super::super::latencies::percentile;
use super::super::sample::Sample;
use super::super::state::{Point, Top};
use super::{commands, or_dash, slow};

/// Letters of a figure's name.
const NAME: usize = 10;

/// Letters of the left of two columns of figures.
const LEFT: usize = 46;

/// Letters of a row of bars.
const BARS: usize = 16;

/// Narrower screens have one column of figures.
const TWO_COLUMNS: usize = 78;

/// Screens with less lines show no slow commands.
const SLOW_FROM: usize = 20;

/// Above this share of the memory allowed, in hundredths, somebody should look.
const MEMORY_HIGH: f64 = 90.0;

pub(super) fn lines(top: &Top, latest: &Sample, size: Size, charset: Charset) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    lines.extend(figure_lines(top, latest, size.width, charset));
    lines.push(Line::default());
    let slow = if size.height >= SLOW_FROM && !latest.slow.is_empty() {
        slow::lines(latest, size.width, charset)
    } else {
        Vec::new()
    };
    let below = if slow.is_empty() { 0 } else { slow.len() + 1 };
    let room = size.height.saturating_sub(lines.len() + below);
    let mut table = commands::lines(top, latest, size.width, charset);
    if size.height == usize::MAX {
        lines.extend(table);
        lines.push(Line::default());
    } else {
        table.truncate(room);
        table.resize(room + usize::from(below > 0), Line::default());
        lines.extend(table);
    }
    lines.extend(slow);
    lines
}

fn figure_lines(top: &Top, latest: &Sample, width: usize, charset: Charset) -> Vec<Line> {
    let (left, right) = (left(top, latest, charset), right(top, latest, charset));
    if width < TWO_COLUMNS {
        return left.into_iter().chain(right).collect();
    }
    let pair = |(mut line, right): (Line, Option<Line>)| {
        line.cut(LEFT);
        line.pad(LEFT, Look::Plain);
        line.append(right.unwrap_or_default());
        line
    };
    let rights = right.into_iter().map(Some).chain(std::iter::repeat(None));
    left.into_iter().zip(rights).map(pair).collect()
}

fn named(name: &str, value: String, look: Look) -> Line {
    Line::of(Look::Dim, format!(" {name:<NAME$}")).with(look, value)
}

/// A figure and how it was of late.
fn with_bars(top: &Top, mut line: Line, figure: fn(&Point) -> f64, charset: Charset) -> Line {
    line.pad(NAME + 12, Look::Plain);
    let bars = figures::sparkline(top.history().map(figure), BARS, charset);
    line.with(Look::Good, bars)
}

fn left(top: &Top, latest: &Sample, charset: Charset) -> Vec<Line> {
    let change = top.change();
    let change = change.as_ref();
    let per_second = |field| change.and_then(|change| change.per_second(field));
    let rate = or_dash(per_second("total_commands_processed"), |rate| format!("{}/s", figures::rate(rate)));
    let commands = with_bars(top, named("commands", rate, Look::Strong), |point| point.commands, charset);
    let cpu = or_dash(change.and_then(Change::cpu_percent), figures::percent);
    let cpu = with_bars(top, named("CPU", cpu, Look::Strong), |point| point.cpu, charset);
    let network = |field| or_dash(per_second(field), |rate| format!("{}/s", figures::bytes(rate)));
    let (input, output) = (network("total_net_input_bytes"), network("total_net_output_bytes"));
    let network = named("network", format!("{input} in, {output} out"), Look::Plain);
    vec![commands, cpu, memory(top, latest, charset), network, clients(latest), latency(top, charset)]
}

fn memory(top: &Top, latest: &Sample, charset: Charset) -> Line {
    let info = &latest.info;
    let (used, limit) = (info.number("used_memory") as f64, info.number("maxmemory") as f64);
    let mut line = named("memory", figures::bytes(used), Look::Strong);
    if limit == 0.0 {
        return with_bars(top, line, |point| point.memory, charset);
    }
    let share = used / limit * 100.0;
    let look = if share >= MEMORY_HIGH { Look::Warning } else { Look::Good };
    line.pad(NAME + 12, Look::Plain);
    line.with(look, figures::gauge(share / 100.0, 8, charset))
        .with(Look::Plain, format!(" {share:.0}% of {}", figures::bytes(limit)))
}

fn clients(latest: &Sample) -> Line {
    let info = &latest.info;
    let mut line = named("clients", figures::count(info.number("connected_clients") as f64), Look::Strong);
    let blocked = info.number("blocked_clients");
    if blocked > 0 {
        line.push(Look::Plain, format!(", {blocked} blocked"));
    }
    if let Some(most) = decimal(info, "maxclients") {
        line.push(Look::Dim, format!(" (at most {})", figures::count(most)));
    }
    line
}

/// Percentiles over all commands, or else how long the last answer took.
fn latency(top: &Top, charset: Charset) -> Line {
    let histogram = top.change().as_ref().and_then(overall);
    let Some(histogram) = histogram.filter(|histogram| !histogram.is_empty()) else {
        return named("latency", "-".to_owned(), Look::Plain);
    };
    let of = |share| or_dash(percentile(&histogram, share), |us| figures::microseconds(us as f64, charset));
    named("latency", format!("p50 {}  p99 {}  p99.9 {}", of(0.5), of(0.99), of(0.999)), Look::Plain)
}

fn right(top: &Top, latest: &Sample, charset: Charset) -> Vec<Line> {
    let change = top.change();
    let change = change.as_ref();
    let info = &latest.info;
    let hits = or_dash(change.and_then(Change::hit_percent), figures::percent);
    let mut lines = vec![
        named("hit rate", hits, Look::Strong),
        named("keys", figures::count(info.keys() as f64), Look::Strong),
    ];
    for (name, field) in [("expired", "expired_keys"), ("evicted", "evicted_keys")] {
        let rate = change.and_then(|change| change.per_second(field));
        let is_worth_a_look = name == "evicted" && rate.is_some_and(|rate| rate > 0.0);
        let look = if is_worth_a_look { Look::Warning } else { Look::Plain };
        lines.push(named(name, or_dash(rate, |rate| format!("{}/s", figures::rate(rate))), look));
    }
    lines.push(disk(latest));
    let answer = figures::microseconds(latest.answer.as_micros() as f64, charset);
    lines.push(named("INFO took", answer, Look::Plain));
    lines
}

/// What is on disk, and whether writing it failed.
fn disk(latest: &Sample) -> Line {
    let info = &latest.info;
    let failed = |field: &str| info.text(field) == "err";
    if failed("rdb_last_bgsave_status")
        || failed("aof_last_write_status")
        || failed("aof_last_bgrewrite_status")
    {
        return named("disk", "writing failed".to_owned(), Look::Bad);
    }
    if info.number("rdb_bgsave_in_progress") > 0 {
        return named("disk", "saving".to_owned(), Look::Plain);
    }
    if info.number("aof_rewrite_in_progress") > 0 {
        return named("disk", "rewriting the log".to_owned(), Look::Plain);
    }
    let changes = figures::count(info.number("rdb_changes_since_last_save") as f64);
    let age = latest.unix_seconds.saturating_sub(info.number("rdb_last_save_time"));
    if info.number("aof_enabled") > 0 {
        let size = figures::bytes(info.number("aof_current_size") as f64);
        return named("disk", format!("log of {size}"), Look::Plain);
    }
    named("unsaved", format!("{changes} in {}", figures::age(age)), Look::Plain)
}

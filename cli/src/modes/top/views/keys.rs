//! What is in the databases, and in memory.

use super::super::canvas::{Charset, Line, Look};
use super::super::change::decimal;
use super::super::figures;
use super::super::sample::Sample;
use super::super::state::Top;
use super::super::table::{Column, table};
use crate::info::property;

const COLUMNS: [Column; 5] = [
    Column::left("DATABASE", 8),
    Column::right("KEYS", 9),
    Column::right("EXPIRING", 9),
    Column::right("MEAN TTL", 9),
    Column::right("WITH FIELDS THAT EXPIRE", 9),
];

/// Fields about memory, and what they are called here.
const MEMORY: [(&str, &str); 9] = [
    ("in use", "used_memory"),
    ("at most so far", "used_memory_peak"),
    ("limit", "maxmemory"),
    ("of the data set", "used_memory_dataset"),
    ("of indexes and buffers", "used_memory_overhead"),
    ("of clients", "mem_clients_normal"),
    ("of scripts", "used_memory_scripts"),
    ("of the process", "used_memory_rss"),
    ("of the machine", "total_system_memory"),
];

/// Counters, and what they are called here.
const COUNTERS: [(&str, &str); 4] = [
    ("keys expired", "expired_keys"),
    ("keys evicted", "evicted_keys"),
    ("reads that found a key", "keyspace_hits"),
    ("reads that found none", "keyspace_misses"),
];

pub(super) fn lines(top: &Top, latest: &Sample, width: usize, charset: Charset) -> Vec<Line> {
    let mut lines = databases(latest, width);
    lines.push(Line::default());
    lines.extend(memory(latest, width, charset));
    lines.push(Line::default());
    lines.extend(counters(top, latest, width));
    lines.push(Line::default());
    let text = " The largest keys are found by --bigkeys, those used most by --hotkeys.";
    lines.push(Line::of(Look::Dim, text));
    lines
}

fn databases(latest: &Sample, width: usize) -> Vec<Line> {
    let mut databases: Vec<(u64, &str)> = latest
        .info
        .with_prefix("db")
        .filter_map(|(number, properties)| Some((number.parse().ok()?, properties)))
        .collect();
    databases.sort_unstable();
    let has_fields = databases.iter().any(|(_, properties)| !property(properties, "subexpiry").is_empty());
    let shown = COLUMNS.len() - usize::from(!has_fields);
    let rows: Vec<_> = databases
        .iter()
        .map(|(number, properties)| {
            let of = |name| property(properties, name).parse::<u64>().unwrap_or(0);
            let ttl = match of("avg_ttl") {
                0 => "-".to_owned(),
                milliseconds => figures::age(milliseconds.div_ceil(1000)),
            };
            let count = |name| (Look::Plain, figures::count(of(name) as f64));
            let cells = vec![
                (Look::Strong, number.to_string()),
                count("keys"),
                count("expires"),
                (Look::Plain, ttl),
                count("subexpiry"),
            ];
            cells.into_iter().take(shown).collect()
        })
        .collect();
    let mut lines = table(&COLUMNS[..shown], &rows, None, width);
    if databases.is_empty() {
        lines.push(Line::of(Look::Dim, " There are no keys."));
    }
    lines
}

fn memory(latest: &Sample, width: usize, charset: Charset) -> Vec<Line> {
    let info = &latest.info;
    let whole = decimal(info, "used_memory_rss").or_else(|| decimal(info, "used_memory")).unwrap_or(0.0);
    let rows: Vec<_> = MEMORY
        .iter()
        .filter_map(|(name, field)| {
            let bytes = decimal(info, field)?;
            let is_part = !matches!(*field, "maxmemory" | "total_system_memory" | "used_memory_peak");
            let bar = if is_part && whole > 0.0 {
                figures::gauge(bytes / whole, 20, charset)
            } else {
                String::new()
            };
            let text =
                if *field == "maxmemory" && bytes == 0.0 { "none".to_owned() } else { figures::bytes(bytes) };
            Some(vec![(Look::Plain, (*name).to_owned()), (Look::Strong, text), (Look::Good, bar)])
        })
        .collect();
    let columns = [Column::left("MEMORY", 22), Column::right("BYTES", 7), Column::left("", 4)];
    let mut lines = table(&columns, &rows, None, width);
    let ratio = decimal(info, "mem_fragmentation_ratio").filter(|ratio| *ratio > 0.0);
    if let Some(ratio) = ratio {
        let policy = info.text("maxmemory_policy");
        let text = format!(" The process takes {ratio:.2} times what is in use. Eviction: {policy}.");
        lines.push(Line::of(Look::Dim, text));
    }
    lines
}

fn counters(top: &Top, latest: &Sample, width: usize) -> Vec<Line> {
    let change = top.change();
    let rows: Vec<_> = COUNTERS
        .iter()
        .filter_map(|(name, field)| {
            let total = decimal(&latest.info, field)?;
            let rate = change.as_ref().and_then(|change| change.per_second(field));
            let rate = super::or_dash(rate, figures::rate);
            Some(vec![
                (Look::Plain, (*name).to_owned()),
                (Look::Strong, rate),
                (Look::Plain, figures::count(total)),
            ])
        })
        .collect();
    let columns = [Column::left("COUNTED", 22), Column::right("A SECOND", 7), Column::right("IN ALL", 9)];
    table(&columns, &rows, None, width)
}

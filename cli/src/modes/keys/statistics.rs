//! `--keystats`: the largest keys, the largest of each type, and how sizes are distributed.

use super::type_table::{KeyType, TypeTable};
use super::{Scanner, amount, ask_each, database_size, memory_question, percent, quoted, types_of};
use crate::arguments::Arguments;
use crate::distribution::Distribution;
use crate::progress::{Progress, human_bytes};
use crate::session::Session;
use crate::shell::RunError;
use std::fmt::Write as _;
use std::io::{self, Write};

const INTRODUCTION: &str = "
# Scanning the entire keyspace to find the biggest keys and distribution information.
# Use -i 0.1 to sleep 0.1 sec per 100 SCAN commands (not usually needed).
# Use --cursor <n> to start the scan at the cursor <n> (usually after a Ctrl-C).
# Use --top <n> to display <n> top key sizes (default is 10).
# Ctrl-C to stop the scan.
";

/// A key and a number that is told of it.
type Champion = Option<(Vec<u8>, u64)>;

/// What is known of the keys of one type.
#[derive(Debug, Default)]
struct TypeStatistics {
    keys: u64,
    bytes: u64,
    elements: u64,
    largest: Champion,
    longest: Champion,
}

/// Everything that is found.
struct Statistics {
    table: TypeTable<TypeStatistics>,
    keys: u64,
    bytes: u64,
    name_bytes: u64,
    sizes: Distribution,
    name_lengths: Distribution,
    /// The largest keys with their types, the largest first.
    top: Vec<(u64, String, Vec<u8>)>,
    top_max: usize,
}

/// One key.
struct Sample<'page> {
    key: &'page [u8],
    type_name: &'page str,
    bytes: u64,
    elements: u64,
}

/// Looks at all keys from `cursor` on and prints what it found.
pub(in crate::modes) fn statistics(
    arguments: &Arguments,
    session: &mut Session,
    samples: Option<u64>,
    (top_max, cursor): (usize, u64),
) -> Result<(), RunError> {
    println!("{INTRODUCTION}");
    let total = database_size(session)?;
    let mut scanner = Scanner { cursor: cursor.to_string().into_bytes(), ..Scanner::new(arguments) };
    let mut found = Statistics::new(top_max);
    let mut progress = Progress::new("keys", Some(total));

    while let Some(keys) = scanner.next_page(session)? {
        let types = types_of(session, &keys)?;
        let sizes = ask_each(session, &keys, |_, key| memory_question(key, samples))?;
        let counts = ask_each(session, &keys, |index, key| found.table.count_question(&types[index], key))?;
        for (index, key) in keys.iter().enumerate() {
            let (bytes, elements) = (amount(&sizes[index]), amount(&counts[index]));
            found.add(&Sample { key, type_name: &types[index], bytes, elements });
        }
        progress.show(found.keys);
    }
    drop(progress);
    io::stdout().write_all(found.report(total).as_bytes())?;
    Ok(())
}

impl Statistics {
    fn new(top_max: usize) -> Self {
        Self {
            table: TypeTable::new(),
            keys: 0,
            bytes: 0,
            name_bytes: 0,
            sizes: Distribution::default(),
            name_lengths: Distribution::default(),
            top: Vec::new(),
            top_max,
        }
    }

    fn add(&mut self, sample: &Sample<'_>) {
        // A key that is gone since it was listed.
        if sample.type_name == "none" {
            return;
        }
        self.keys += 1;
        self.bytes = self.bytes.saturating_add(sample.bytes);
        self.name_bytes += sample.key.len() as u64;
        self.sizes.add(sample.bytes);
        self.name_lengths.add(sample.key.len() as u64);
        let (_, of_type) = self.table.row(sample.type_name);
        of_type.keys += 1;
        of_type.bytes = of_type.bytes.saturating_add(sample.bytes);
        of_type.elements = of_type.elements.saturating_add(sample.elements);
        challenge(&mut of_type.largest, sample.key, sample.bytes);
        challenge(&mut of_type.longest, sample.key, sample.elements);
        self.rank(sample);
    }

    fn rank(&mut self, sample: &Sample<'_>) {
        let place = self.top.partition_point(|(bytes, ..)| *bytes >= sample.bytes);
        if place < self.top_max {
            self.top.insert(place, (sample.bytes, sample.type_name.to_owned(), sample.key.to_vec()));
            self.top.truncate(self.top_max);
        }
    }

    fn report(&self, total: u64) -> String {
        let mut out = format!(
            "{:>6.2}% keys scanned\nKeys sampled: {}\nKeys size:    {}\n\n--- Top {} key sizes ---\n",
            percent(self.keys, total),
            self.keys,
            human_bytes(self.bytes),
            self.top_max
        );
        for (index, (bytes, type_name, key)) in self.top.iter().enumerate() {
            line(
                &mut out,
                format_args!("{:>3} {:>8} {type_name:<10} {}", index + 1, human_bytes(*bytes), quoted(key)),
            );
        }
        self.report_champions(&mut out);
        self.report_distributions(&mut out);
        self.report_types(&mut out);
        out
    }

    fn report_champions(&self, out: &mut String) {
        out.push_str("\n--- Top size per type ---\n");
        for (key_type, of_type) in &self.table.rows {
            if let Some((key, bytes)) = &of_type.largest {
                let (name, key) = (&key_type.name, readable(key));
                line(out, format_args!("{name:<10} {key} is {}", human_bytes(*bytes)));
            }
        }
        out.push_str("\n--- Top length and cardinality per type ---\n");
        for (key_type, of_type) in &self.table.rows {
            if let (Some((key, elements)), true) = (&of_type.longest, key_type.counter.is_some()) {
                let (name, key) = (&key_type.name, readable(key));
                line(out, format_args!("{name:<10} {key} has {}", counted(key_type, *elements)));
            }
        }
    }

    fn report_distributions(&self, out: &mut String) {
        out.push_str("\nKey size Percentile Total keys\n-------- ---------- -----------\n");
        for row in self.sizes.rows() {
            line(
                out,
                format_args!("{:>8} {:>9.4}% {:>11}", human_bytes(row.value), row.percentile, row.keys),
            );
        }
        let (mean, deviation) =
            (human_bytes(self.sizes.mean() as u64), human_bytes(self.sizes.deviation() as u64));
        line(out, format_args!("Note: 0.01% size precision, Mean: {mean}, StdDeviation: {deviation}"));

        out.push_str("\nKey name length Percentile Total keys\n--------------- ---------- -----------\n");
        for row in self.name_lengths.rows() {
            line(
                out,
                format_args!("{:>15} {:>9.4}% {:>11}", human_bytes(row.value), row.percentile, row.keys),
            );
        }
        let average = human_bytes(self.name_bytes.checked_div(self.keys).unwrap_or(0));
        line(out, format_args!("Total key length is {} ({average} avg)", human_bytes(self.name_bytes)));
    }

    fn report_types(&self, out: &mut String) {
        out.push_str("\nType        Total keys  Keys % Tot size Avg size  Total length/card Avg ln/card\n");
        out.push_str("--------- ------------ ------- -------- -------- ------------------ -----------\n");
        for (key_type, of_type) in self.table.rows.iter().filter(|(_, of_type)| of_type.keys > 0) {
            let TypeStatistics { keys, bytes, elements, .. } = of_type;
            let (total, average) = match key_type.counter {
                Some("STRLEN") => (human_bytes(*elements), human_bytes(elements / keys)),
                Some(_) => (counted(key_type, *elements), format!("{:.2}", *elements as f64 / *keys as f64)),
                None => ("-".to_owned(), "-".to_owned()),
            };
            line(
                out,
                format_args!(
                    "{:<9} {keys:>12} {:>6.2}% {:>8} {:>8} {total:>18} {average:>11}",
                    key_type.name,
                    percent(*keys, self.keys),
                    human_bytes(*bytes),
                    human_bytes(bytes / keys)
                ),
            );
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a string takes every text");
}

/// Makes a key the champion if its number is larger.
fn challenge(champion: &mut Champion, key: &[u8], number: u64) {
    if number > champion.as_ref().map_or(0, |(_, best)| *best) {
        *champion = Some((key.to_vec(), number));
    }
}

/// A key as it is, or quoted if a terminal would not show it so.
fn readable(key: &[u8]) -> String {
    if key.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        String::from_utf8_lossy(key).into_owned()
    } else {
        quoted(key)
    }
}

fn counted(key_type: &KeyType, elements: u64) -> String {
    match key_type.counter {
        Some("STRLEN") => human_bytes(elements),
        _ => format!("{elements} {}", key_type.unit),
    }
}

//! `--bigkeys` and `--memkeys`: the biggest key of each type, and averages.

use super::type_table::TypeTable;
use super::{Scanner, amount, ask_each, database_size, memory_question, percent, quoted, types_of};
use crate::arguments::Arguments;
use crate::progress::Progress;
use crate::session::Session;
use crate::shell::RunError;
use std::io::{self, Write};

/// What makes a key big.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::modes) enum Measure {
    /// Its elements.
    Elements,
    /// The memory it takes, found by looking at so many elements; as many as the server likes if missing.
    Memory(Option<u64>),
}

const INTRODUCTION: &str = "
# Scanning the entire keyspace to find biggest keys as well as
# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec
# per 100 SCAN commands (not usually needed).
";

/// What is known of the keys of one type.
#[derive(Debug, Default)]
struct Sizes {
    keys: u64,
    total: u64,
    biggest: Option<(Vec<u8>, u64)>,
}

impl Sizes {
    /// Counts a key. Returns whether it is the biggest so far.
    fn add(&mut self, key: &[u8], size: u64) -> bool {
        self.keys += 1;
        self.total = self.total.saturating_add(size);
        let is_biggest = size > self.biggest.as_ref().map_or(0, |(_, size)| *size);
        if is_biggest {
            self.biggest = Some((key.to_vec(), size));
        }
        is_biggest
    }
}

/// Everything that is found.
struct Findings {
    table: TypeTable<Sizes>,
    keys: u64,
    name_bytes: u64,
}

/// Looks at all keys and prints what it finds, when it finds it and in the end.
pub(in crate::modes) fn biggest(
    arguments: &Arguments,
    session: &mut Session,
    measure: Measure,
) -> Result<(), RunError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{INTRODUCTION}")?;
    let total = database_size(session)?;
    let mut scanner = Scanner::new(arguments);
    let mut findings = Findings { table: TypeTable::new(), keys: 0, name_bytes: 0 };
    let mut progress = Progress::new("keys", Some(total));

    while let Some(keys) = scanner.next_page(session)? {
        let types = types_of(session, &keys)?;
        let sizes = ask_each(session, &keys, |index, key| match measure {
            Measure::Elements => findings.table.count_question(&types[index], key),
            Measure::Memory(samples) => memory_question(key, samples),
        })?;
        let done = percent(findings.keys, total);
        for ((key, name), reply) in keys.iter().zip(&types).zip(&sizes) {
            if let Some(line) = findings.add(key, name, amount(reply), measure) {
                progress.clear();
                writeln!(out, "[{done:05.2}%] {line}")?;
            }
        }
        out.flush()?;
        progress.show(findings.keys);
    }
    drop(progress);
    out.write_all(findings.summary(measure).as_bytes())?;
    Ok(())
}

impl Findings {
    /// Counts a key, and says so if it is the biggest of its type so far.
    fn add(&mut self, key: &[u8], type_name: &str, size: u64, measure: Measure) -> Option<String> {
        self.keys += 1;
        self.name_bytes += key.len() as u64;
        // A key that is gone since it was listed.
        if type_name == "none" {
            return None;
        }
        let (key_type, sizes) = self.table.row(type_name);
        let size = if measure == Measure::Elements && key_type.counter.is_none() { 0 } else { size };
        if !sizes.add(key, size) {
            return None;
        }
        let unit = measure.unit(key_type.unit);
        Some(format!("Biggest {:<6} found so far {} with {size} {unit}", key_type.name, quoted(key)))
    }

    fn summary(&self, measure: Measure) -> String {
        let average = |sum: u64, keys: u64| if keys == 0 { 0.0 } else { sum as f64 / keys as f64 };
        let mut lines = vec![
            "\n-------- summary -------\n".to_owned(),
            format!("Sampled {} keys in the keyspace!", self.keys),
            format!(
                "Total key length in bytes is {} (avg len {:.2})\n",
                self.name_bytes,
                average(self.name_bytes, self.keys)
            ),
        ];
        for (key_type, sizes) in &self.table.rows {
            if let Some((key, size)) = &sizes.biggest {
                let unit = measure.unit(key_type.unit);
                lines.push(format!("Biggest {:>6} found {} has {size} {unit}", key_type.name, quoted(key)));
            }
        }
        lines.push(String::new());
        for (key_type, Sizes { keys, total, .. }) in &self.table.rows {
            lines.push(format!(
                "{keys} {}s with {total} {} ({:05.2}% of keys, avg size {:.2})",
                key_type.name,
                measure.unit(key_type.unit),
                percent(*keys, self.keys),
                average(*total, *keys)
            ));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

impl Measure {
    fn unit(self, elements: &'static str) -> &'static str {
        match self {
            Self::Elements => elements,
            Self::Memory(_) => "bytes",
        }
    }
}

//! `cargo xtask metrics`: the sizes of the house, to see it grow before it sprawls.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::source::{self, Function, SourceFile};
use crate::tidy::limits;
use crate::{Outcome, workspace};
use repeats::Repeats;

mod documented;
mod repeats;

/// The aim for the share of lines in repeated blocks.
const REPEATED_PERCENT: f64 = 5.0;

/// Options of `cargo xtask metrics`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many of the longest files and functions, and of the repeated blocks, to list
    #[arg(long, default_value_t = 10)]
    longest: usize,
}

/// The figures of a crate, or of all of them.
#[derive(Default)]
struct Sizes {
    files: usize,
    lines: usize,
    lines_without_tests: usize,
    /// Of each file, tests left out.
    file_lines: Vec<usize>,
    /// Of each function outside tests.
    function_lines: Vec<usize>,
    repeated_lines: usize,
    public_items: usize,
    documented_items: usize,
}

/// Prints the tables.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let sources = source::read_all(workspace::root())?;
    let repeats = Repeats::find(&sources);
    print_crates(&sources, &repeats);
    print_longest_files(&sources, arguments.longest);
    print_longest_functions(&sources, arguments.longest);
    print_repeats(&repeats, arguments.longest);
    Ok(())
}

fn print_crates(sources: &[SourceFile], repeats: &Repeats) {
    let mut crates: BTreeMap<&str, Sizes> = BTreeMap::new();
    let mut all = Sizes::default();
    for (index, source) in sources.iter().enumerate() {
        let repeated = repeats.lines_in(index);
        crates.entry(source.crate_folder()).or_default().add(source, repeated);
        all.add(source, repeated);
    }
    println!(
        "| crate | files | lines | without tests | file median | file max | functions | median | p90 | max | \
         repeated % | documented % |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for (name, sizes) in &mut crates {
        println!("{}", sizes.row(name));
    }
    println!("{}", all.row("**all**"));
    println!(
        "\nLengths leave tests out. Limits: {} lines per file, {} per function, {REPEATED_PERCENT} % repeated; `!` \
         marks what is above.",
        limits::FILE_LINES,
        limits::FUNCTION_LINES,
    );
}

impl Sizes {
    fn add(&mut self, source: &SourceFile, repeated_lines: usize) {
        let without_tests = source.lines_without_tests();
        self.files += 1;
        self.lines += source.lines.len();
        self.lines_without_tests += without_tests;
        if without_tests > 0 {
            self.file_lines.push(without_tests);
        }
        self.function_lines.extend(code_functions(source).map(|function| function.length));
        self.repeated_lines += repeated_lines;
        let documented = documented::count(source);
        self.public_items += documented.items;
        self.documented_items += documented.documented;
    }

    fn row(&mut self, name: &str) -> String {
        self.file_lines.sort_unstable();
        self.function_lines.sort_unstable();
        let file_max = quantile(&self.file_lines, 1.0);
        let function_max = quantile(&self.function_lines, 1.0);
        let repeated = percent(self.repeated_lines, self.lines_without_tests).unwrap_or_default();
        let documented = percent(self.documented_items, self.public_items);
        format!(
            "| {name} | {} | {} | {} | {} | {file_max}{} | {} | {} | {} | {function_max}{} | {repeated:.1}{} | {} |",
            self.files,
            self.lines,
            self.lines_without_tests,
            quantile(&self.file_lines, 0.5),
            mark(file_max > limits::FILE_LINES),
            self.function_lines.len(),
            quantile(&self.function_lines, 0.5),
            quantile(&self.function_lines, 0.9),
            mark(function_max > limits::FUNCTION_LINES),
            mark(repeated > REPEATED_PERCENT),
            documented.map_or_else(|| "–".to_owned(), |percent| format!("{percent:.0}")),
        )
    }
}

fn print_longest_files(sources: &[SourceFile], count: usize) {
    let mut files: Vec<(usize, &str)> =
        sources.iter().map(|source| (source.lines_without_tests(), source.path.as_str())).collect();
    files.sort_unstable_by(|one, other| other.cmp(one));
    println!("\nLongest files, tests left out:\n");
    for (lines, path) in files.into_iter().take(count) {
        println!("- {lines}{} {path}", mark(lines > limits::FILE_LINES));
    }
}

fn print_longest_functions(sources: &[SourceFile], count: usize) {
    let mut functions: Vec<(&Function, &str)> = Vec::new();
    for source in sources {
        functions.extend(code_functions(source).map(|function| (function, source.path.as_str())));
    }
    functions.sort_by_key(|(function, _)| Reverse(function.length));
    println!("\nLongest functions:\n");
    for (function, path) in functions.into_iter().take(count) {
        let mark = mark(function.length > limits::FUNCTION_LINES || function.nesting > limits::NESTING);
        println!("- {}{mark} {path}:{} {}", function.length, function.line, function.name);
    }
}

fn print_repeats(repeats: &Repeats, count: usize) {
    if repeats.places.is_empty() {
        return;
    }
    println!("\nRepeated blocks:\n");
    for place in repeats.places.iter().take(count) {
        println!("- {} = {}", place.first, place.second);
    }
}

/// Returns the functions outside tests.
fn code_functions(source: &SourceFile) -> impl Iterator<Item = &Function> {
    source.functions.iter().filter(|function| !source.in_tests[function.line - 1])
}

/// Returns the `share` quantile of sorted lengths by nearest rank, 0 for none.
fn quantile(sorted: &[usize], share: f64) -> usize {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

fn percent(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

fn mark(is_above: bool) -> &'static str {
    if is_above { "!" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_sums_files_and_leaves_tests_out() {
        let text = "/// Doc.\npub fn a() {\n}\npub fn b() {}\n#[cfg(test)]\nmod tests {\n    fn long() {\n\n    }\n}\n";
        let mut sizes = Sizes::default();
        sizes.add(&SourceFile::parse("types/src/a.rs", text), 0);
        sizes.add(&SourceFile::parse("types/src/b.rs", "fn c() {}\n"), 1);
        assert_eq!(sizes.row("types"), "| types | 2 | 11 | 5 | 1 | 4 | 3 | 1 | 2 | 2 | 20.0! | 50 |");
    }

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let lengths: Vec<usize> = (1..=10).collect();
        assert_eq!([0.5, 0.9, 1.0].map(|share| quantile(&lengths, share)), [5, 9, 10]);
        assert_eq!(quantile(&[], 0.5), 0);
    }
}

//! Blocks of six lines that stand in more than one place.
//!
//! Lines are compared without their indentation; empty lines, comments, imports, lines without a letter and
//! tests are left out, so that a match is six statements that somebody wrote twice.

use std::collections::HashMap;
use std::fmt;

use crate::source::SourceFile;

/// Lines of a block.
const BLOCK: usize = 6;

/// A line of a file of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    file: usize,
    line: usize,
}

/// What stands twice.
pub(super) struct Repeats {
    /// Per file, how many of its lines are in a repeated block.
    lines: Vec<usize>,
    /// Where each run of repeated blocks begins, and where the same stands before.
    pub(super) places: Vec<Place>,
}

/// Two places with the same block.
pub(super) struct Place {
    pub(super) first: Location,
    pub(super) second: Location,
}

/// A place in a file, for people.
pub(super) struct Location {
    path: String,
    line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.path, self.line)
    }
}

impl Repeats {
    /// Compares all blocks of all files, in time linear in their lines.
    pub(super) fn find(sources: &[SourceFile]) -> Self {
        let mut first_seen: HashMap<Vec<&str>, Position> = HashMap::new();
        let mut repeated: Vec<Vec<bool>> =
            sources.iter().map(|source| vec![false; source.lines.len()]).collect();
        let mut places = Vec::new();
        for (file, source) in sources.iter().enumerate() {
            let lines = statements(source);
            let mut in_run = false;
            for block in lines.windows(BLOCK) {
                let here = Position { file, line: block[0].0 };
                let text: Vec<&str> = block.iter().map(|(_, text)| *text).collect();
                let before = *first_seen.entry(text).or_insert(here);
                if before == here {
                    in_run = false;
                    continue;
                }
                if !in_run {
                    places.push(Place { first: locate(sources, before), second: locate(sources, here) });
                }
                in_run = true;
                for (line, _) in block {
                    repeated[file][*line] = true;
                }
                mark_statements(&sources[before.file], before.line, &mut repeated[before.file]);
            }
        }
        let lines = repeated.iter().map(|marks| marks.iter().filter(|&&mark| mark).count()).collect();
        Self { lines, places }
    }

    /// Returns how many lines of the file `index` are in repeated blocks.
    pub(super) fn lines_in(&self, index: usize) -> usize {
        self.lines[index]
    }
}

fn locate(sources: &[SourceFile], position: Position) -> Location {
    Location { path: sources[position.file].path.clone(), line: position.line + 1 }
}

/// Marks the statements of the block that begins at `line`.
fn mark_statements(source: &SourceFile, line: usize, marks: &mut [bool]) {
    for (line, _) in statements(source).into_iter().filter(|(at, _)| *at >= line).take(BLOCK) {
        marks[line] = true;
    }
}

/// Returns the lines that count, with their indices.
fn statements(source: &SourceFile) -> Vec<(usize, &str)> {
    let lines = source.lines.iter().enumerate().filter(|(index, _)| {
        let code = source.code[*index].trim();
        let is_import = code.starts_with("use ") || code.starts_with("pub use ");
        !source.in_tests[*index] && !is_import && code.contains(char::is_alphabetic)
    });
    lines.map(|(index, line)| (index, line.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(names: &[&str]) -> String {
        format!("    {}();\n", names.join("();\n    "))
    }

    fn find(texts: [&str; 2]) -> Repeats {
        Repeats::find(&texts.map(|text| SourceFile::parse("types/src/a.rs", text)))
    }

    #[test]
    fn six_equal_lines_are_repeated_whatever_their_indentation() {
        let six = block(&["a", "b", "c", "d", "e", "f"]);
        let other = format!("fn x() {{\n\n  // why\n    {}}}\n", six.replace("    ", " "));
        let repeats = find([&six, &other]);
        assert_eq!([repeats.lines_in(0), repeats.lines_in(1)], [6, 6]);
        assert_eq!(repeats.places[0].second.line, 4);
    }

    #[test]
    fn five_equal_lines_are_not() {
        let five = block(&["a", "b", "c", "d", "e"]);
        let repeats = find([&(five.clone() + "x();\n"), &(five + "y();\n")]);
        assert_eq!(repeats.lines_in(0) + repeats.lines_in(1), 0);
    }

    #[test]
    fn longer_runs_are_one_place() {
        let eight = block(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        let repeats = find([&eight, &eight]);
        assert_eq!((repeats.places.len(), repeats.lines_in(1)), (1, 8));
    }
}

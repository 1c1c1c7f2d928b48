//! Rust sources as `tidy` and `metrics` see them: lines, with comments and literals told apart from code, and
//! an outline of functions and tests.
//!
//! No parser: the formatter has made the text regular, and a scanner that knows comments, literals and braces
//! answers every question asked here. It works on sources that do not compile yet, too.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
pub(crate) use outline::Function;

mod channels;
mod outline;

/// One source file, read and outlined.
pub(crate) struct SourceFile {
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
    /// The lines as they are.
    pub(crate) lines: Vec<String>,
    /// The lines with comments and the contents of literals blanked out.
    pub(crate) code: Vec<String>,
    /// The lines with everything but comments blanked out.
    pub(crate) comments: Vec<String>,
    /// Per line, whether it belongs to tests.
    pub(crate) in_tests: Vec<bool>,
    pub(crate) functions: Vec<Function>,
}

impl SourceFile {
    /// Outlines `text`, the file at `path`.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let (code, comments) = channels::split(text);
        let outline = outline::outline(&code);
        let mut in_tests = outline.in_tests;
        if is_test_path(path) {
            in_tests.fill(true);
        }
        let lines = text.lines().map(str::to_owned).collect();
        Self { path: path.to_owned(), lines, code, comments, in_tests, functions: outline.functions }
    }

    /// Returns the folder of the crate it belongs to: the first part of its path.
    pub(crate) fn crate_folder(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Returns how many of its lines are not tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        self.in_tests.iter().filter(|&&test| !test).count()
    }
}

/// Returns whether nothing of the file is linked into a program: tests, benchmarks, examples.
fn is_test_path(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    parts.iter().any(|part| ["tests", "benches", "examples"].contains(part))
        || file == "tests.rs"
        || file.ends_with("_tests.rs")
}

/// Reads every Rust source below `root`, in the order of their paths.
pub(crate) fn read_all(root: &Path) -> Outcome<Vec<SourceFile>> {
    let mut sources = Vec::new();
    for path in files(root, &["rs"])? {
        let text = fs::read_to_string(root.join(&path))?;
        sources.push(SourceFile::parse(&path, &text));
    }
    Ok(sources)
}

/// Returns the files below `root` with one of these extensions, relative to it and in order; leaves out what
/// cargo builds, hidden folders and fuzzing inputs.
pub(crate) fn files(root: &Path, extensions: &[&str]) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                found.push(path);
            } else if is_searched(&entry.file_name().to_string_lossy()) {
                folders.push(path);
            }
        }
    }
    let is_wanted =
        |path: &PathBuf| path.extension().is_some_and(|own| extensions.iter().any(|&known| own == known));
    found.retain(is_wanted);
    found.sort();
    Ok(found.into_iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

fn is_searched(folder: &str) -> bool {
    !["target", "corpus"].contains(&folder) && !folder.starts_with('.')
}

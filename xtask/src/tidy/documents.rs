//! Text files: links that lead somewhere, no stray whitespace, the documents every project has.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::{Outcome, source};

/// Documents at the root.
const REQUIRED: [&str; 6] =
    ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"];

const WHY_LINKS: &str = "a link that leads nowhere costs every reader a search";
const WHY_PATHS: &str = "a document that names what has moved sends its readers astray";
const WHY_SPACE: &str = "stray whitespace makes noise in changes";
/// Where the examples of the root's README are run as tests.
const TESTED_EXAMPLES: &str = "storage/README.md";

const WHY_EXAMPLES: &str = "an example that no test runs stops working one day";
const WHY_REQUIRED: &str = "people look for it there";

/// Checks every document, source and manifest.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Outcome {
    for path in source::files(root, &["md", "rs", "toml"])? {
        check_whitespace(&path, &fs::read_to_string(root.join(&path))?, findings);
    }
    for path in source::files(root, &["md"])? {
        let text = fs::read_to_string(root.join(&path))?;
        check_links(root, &path, &text, findings);
        check_paths(root, &path, &text, findings);
    }
    let tested = fs::read_to_string(root.join(TESTED_EXAMPLES)).unwrap_or_default();
    let shown = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    check_examples(&shown, &tested, findings);
    for path in REQUIRED.iter().filter(|path| !root.join(path).is_file()) {
        findings.push(Finding::new(path, 0, "is missing", WHY_REQUIRED));
    }
    Ok(())
}

fn check_whitespace(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (index, line) in text.lines().enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(path, index + 1, "whitespace at the end of the line", WHY_SPACE));
        }
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        findings.push(Finding::new(path, 0, "must end with one newline", WHY_SPACE));
    }
}

fn check_links(root: &Path, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let folder = root.join(path).parent().expect("a file is in a folder").to_owned();
    for (line, target) in links(text) {
        let file = target.split('#').next().unwrap_or_default();
        let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
        if !is_elsewhere && !file.is_empty() && !folder.join(file).exists() {
            findings.push(Finding::new(path, line, format!("the link to {target} leads nowhere"), WHY_LINKS));
        }
    }
}

/// Finds Rust examples of the root's README that don't stand, word for word, where they are run.
fn check_examples(shown: &str, tested: &str, findings: &mut Vec<Finding>) {
    let examples = shown.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
    for example in examples.filter(|example| !tested.contains(example)) {
        let first = example.lines().next().unwrap_or_default();
        let what = format!("the example that starts with `{first}` is not in {TESTED_EXAMPLES}");
        findings.push(Finding::new("README.md", 0, what, WHY_EXAMPLES));
    }
}

/// Finds sources and folders, named as code, that are neither at the root nor beside the document.
fn check_paths(root: &Path, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let folder = root.join(path).parent().expect("a file is in a folder").to_owned();
    for (line, prose) in prose(text) {
        for named in prose.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            if !root.join(named).exists() && !folder.join(named).exists() {
                findings.push(Finding::new(path, line, format!("there is no {named}"), WHY_PATHS));
            }
        }
    }
}

/// Whether code looks like the path of a source or a folder; capitals stand for something else, as in `corpus/TARGET/`.
fn is_path(code: &str) -> bool {
    let is_plain = |char: char| {
        char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '_' | '-' | '/' | '.')
    };
    let is_source_or_folder = Path::new(code).extension().is_some_and(|it| it == "rs") || code.ends_with('/');
    is_source_or_folder && !code.starts_with('/') && code.contains('/') && code.chars().all(is_plain)
}

/// Returns the targets of `[text](target)` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, prose) in prose(text) {
        // Every second part between backticks is code.
        for part in prose.split('`').step_by(2) {
            let targets = part.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(targets.map(|target| (line, target)));
        }
    }
    found
}

/// Returns the lines outside blocks of code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_outside_code_are_found() {
        let text = "See [a](b.md#c), [d](e \"title\").\n```\n[x](y)\n```\n`[x](y)` and [f](https://g)";
        assert_eq!(links(text), [(1, "b.md#c"), (1, "e"), (5, "https://g")]);
    }

    #[test]
    fn broken_links_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut findings = Vec::new();
        check_links(root, "README.md", "[a](Cargo.toml) [b](#here) [c](none.md)", &mut findings);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].what.contains("none.md"));
    }

    #[test]
    fn paths_that_lead_nowhere_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut findings = Vec::new();
        let text =
            "`src/main.rs`, `src/gone.rs`, `src/tidy/`, `src/GONE/` and `GET /`\n```\n`src/none.rs`\n```\n";
        check_paths(root, "README.md", text, &mut findings);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].what.contains("src/gone.rs"));
    }

    #[test]
    fn examples_without_a_test_are_found() {
        let shown = "Try:\n```rust\nlet a = 1;\n```\n```sh\nls\n```\n";
        let found = |tested| {
            let mut findings = Vec::new();
            check_examples(shown, tested, &mut findings);
            findings.len()
        };
        assert_eq!(found("```rust\nlet a = 1;\n```\n"), 0);
        assert_eq!(found("```rust\nlet a = 2;\n```\n"), 1);
    }

    #[test]
    fn stray_whitespace_is_found() {
        let found = |text| {
            let mut findings = Vec::new();
            check_whitespace("a.md", text, &mut findings);
            findings.iter().map(|finding| finding.line).collect::<Vec<_>>()
        };
        assert_eq!(found("a\nb\n"), [0; 0]);
        assert_eq!(found("a \nb\n\n"), [1, 0]);
        assert_eq!(found("a"), [0]);
    }
}

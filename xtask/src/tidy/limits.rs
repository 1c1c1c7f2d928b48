//! How long files and functions may be, and how deep functions may nest.

use super::Finding;
use crate::source::SourceFile;

/// Lines of a file, tests left out.
pub(crate) const FILE_LINES: usize = 500;

/// Lines of a function, from `fn` to its closing brace.
pub(crate) const FUNCTION_LINES: usize = 70;

/// Controls within controls.
pub(crate) const NESTING: usize = 3;

const WHY_FILES: &str = "a file is one noun that fits into a head: split it at a noun";
const WHY_FUNCTIONS: &str = "a function is read as a whole: name its parts";
const WHY_NESTING: &str = "each level is one more thing to remember: return early, or name the inner part";

/// Finds what is above the limits; tests may be longer than files, never than functions.
pub(super) fn check(source: &SourceFile, findings: &mut Vec<Finding>) {
    let lines = source.lines_without_tests();
    if lines > FILE_LINES {
        let what = format!("{lines} lines without tests, {FILE_LINES} are allowed");
        findings.push(Finding::new(&source.path, 0, what, WHY_FILES));
    }
    for function in &source.functions {
        if function.length > FUNCTION_LINES {
            let what =
                format!("{} has {} lines, {FUNCTION_LINES} are allowed", function.name, function.length);
            findings.push(Finding::new(&source.path, function.line, what, WHY_FUNCTIONS));
        }
        if function.nesting > NESTING {
            let what = format!("{} nests {} deep, {NESTING} is allowed", function.name, function.nesting);
            findings.push(Finding::new(&source.path, function.line, what, WHY_NESTING));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check(&SourceFile::parse("types/src/a.rs", text), &mut findings);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn long_files_are_found_but_tests_do_not_count() {
        let lines = "const A: u8 = 1;\n";
        assert_eq!(findings(&lines.repeat(500)), [0; 0]);
        assert_eq!(findings(&lines.repeat(501)), [0]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines.repeat(100));
        assert_eq!(findings(&(lines.repeat(450) + &tests)), [0; 0]);
    }

    #[test]
    fn long_and_deep_functions_are_found() {
        let function = |lines: usize| format!("\nfn f() {{\n{}}}\n", "    a();\n".repeat(lines - 2));
        assert_eq!(findings(&function(70)), [0; 0]);
        assert_eq!(findings(&function(71)), [2]);
        let nested = |depth: usize| format!("fn f() {{ {} {} }}", "if a {".repeat(depth), "}".repeat(depth));
        assert_eq!(findings(&nested(3)), [0; 0]);
        assert_eq!(findings(&nested(4)), [1]);
    }
}

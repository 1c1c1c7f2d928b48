//! How many public items carry a description.

use crate::source::SourceFile;

/// The public items of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Documented {
    pub(super) items: usize,
    pub(super) documented: usize,
}

/// What a public item begins with, after `pub`. Modules describe themselves inside, so they don't count.
const KINDS: [&str; 10] =
    ["fn", "const", "struct", "enum", "trait", "type", "static", "union", "async", "unsafe"];

/// Counts the public items outside tests, and those with a comment of documentation above.
pub(super) fn count(source: &SourceFile) -> Documented {
    let mut found = Documented::default();
    for (index, line) in source.code.iter().enumerate() {
        if source.in_tests[index] || !is_public_item(line) {
            continue;
        }
        found.items += 1;
        found.documented += usize::from(has_documentation(&source.lines[..index]));
    }
    found
}

fn is_public_item(line: &str) -> bool {
    let mut words = line.trim_start().split([' ', '(', '<']);
    words.next() == Some("pub") && words.next().is_some_and(|word| KINDS.contains(&word))
}

/// Returns whether the lines above an item, attributes skipped, end with `///`.
fn has_documentation(above: &[String]) -> bool {
    let mut above = above.iter().rev().map(|line| line.trim_start());
    above.find(|line| !line.starts_with("#[")).is_some_and(|line| line.starts_with("///"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_items_are_counted_and_those_described() {
        let text = "/// Yes.\n#[inline]\npub fn a() {}\npub struct B {\n    pub c: u8,\n}\npub(crate) fn d() {}\npub use e;\n";
        let found = count(&SourceFile::parse("types/src/a.rs", text));
        assert_eq!(found, Documented { items: 2, documented: 1 });
    }
}

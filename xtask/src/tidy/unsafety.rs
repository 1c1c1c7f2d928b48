//! Where `unsafe` may stand.

use super::Finding;
use crate::source::SourceFile;

/// The modules that may hold `unsafe`; each opens with its invariants, has a model test and an
/// `AddressSanitizer` run.
const MODULES: [&str; 14] = [
    "types/src/blob/memory_file.rs",
    "types/src/cpu.rs",
    "types/src/hyperloglog/wide.rs",
    "types/src/pages.rs",
    "server/src/allocator.rs",
    "server/src/allocator/global.rs",
    "scripting/src/native/command.rs",
    "scripting/src/native/fiber.rs",
    "scripting/src/native/guard.rs",
    "scripting/src/native/matching.rs",
    "scripting/src/native/protected_call.rs",
    "scripting/src/native/raising.rs",
    "scripting/src/native/reply.rs",
    "scripting/src/native/run.rs",
];

const WHY: &str = "unsafe lives in few named modules, where it is proved and tested: see MODULES in xtask";

/// Finds `unsafe` outside its modules, modules without invariants, and stale names of modules.
pub(super) fn check(sources: &[SourceFile], findings: &mut Vec<Finding>) {
    for source in sources {
        if MODULES.contains(&source.path.as_str()) {
            check_module(source, findings);
            continue;
        }
        for (index, code) in source.code.iter().enumerate() {
            if code.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == "unsafe") {
                findings.push(Finding::new(&source.path, index + 1, "unsafe is banned here", WHY));
            }
        }
    }
    for module in MODULES {
        if !sources.iter().any(|source| source.path == module) {
            findings.push(Finding::new(module, 0, "is listed for unsafe but is not there", WHY));
        }
    }
}

fn check_module(source: &SourceFile, findings: &mut Vec<Finding>) {
    let header = source.lines.iter().take_while(|line| line.starts_with("//!"));
    if !header.into_iter().any(|line| line.to_lowercase().contains("invariant")) {
        let what = "holds unsafe, but its header names no invariants";
        findings.push(Finding::new(&source.path, 1, what, WHY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_is_found_as_a_word_of_code() {
        let text = "// unsafe in words\nunsafe { a() }\n#![deny(unsafe_code)]";
        let sources = [SourceFile::parse("server/src/a.rs", text)];
        let mut findings = Vec::new();
        check(&sources, &mut findings);
        let lines: Vec<_> =
            findings.iter().filter(|it| it.path == "server/src/a.rs").map(|it| it.line).collect();
        assert_eq!(lines, [2]);
    }
}

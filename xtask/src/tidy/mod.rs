//! `cargo xtask tidy`: the rules of the house that the compiler doesn't check.
//!
//! Each rule says why it stands. `cargo test` runs them too, so a broken one shows before anybody reviews. There
//! is no list of tolerated findings: what is found is mended, or the rule is.

use std::fmt;
use std::path::Path;

use crate::source::{self, SourceFile};
use crate::{Outcome, workspace};

mod architecture;
mod bans;
mod documents;
pub(crate) mod limits;
mod manifests;
mod unsafety;

/// Options of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// A broken rule.
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 for the file as a whole.
    line: usize,
    what: String,
    /// Why the rule stands.
    why: &'static str,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>, why: &'static str) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), why }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}\n    {}", self.path, self.what, self.why),
            line => write!(out, "{}:{line}: {}\n    {}", self.path, self.what, self.why),
        }
    }
}

/// Prints every broken rule.
///
/// # Errors
/// When there is one.
pub(crate) fn run(_arguments: &Arguments) -> Outcome {
    let findings = check(workspace::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} findings").into()),
    }
}

/// Returns the broken rules of the workspace at `root`.
fn check(root: &Path) -> Outcome<Vec<Finding>> {
    let sources: Vec<SourceFile> = source::read_all(root)?;
    let mut findings = Vec::new();
    for source in &sources {
        bans::check(source, &mut findings);
        limits::check(source, &mut findings);
    }
    unsafety::check(&sources, &mut findings);
    manifests::check(root, &mut findings)?;
    architecture::check(root, &mut findings)?;
    documents::check(root, &mut findings)?;
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let findings: Vec<String> =
            check(workspace::root()).unwrap().iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}

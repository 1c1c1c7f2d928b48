//! Tools of others that steps of CI run, fetched once into the cache: from Python's index into an environment of their own, from
//! npm into a folder beside it. Each list of packages names its versions, so that what holds today holds tomorrow.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, command, workspace};

/// What one step needs.
pub(crate) struct Tools {
    /// The folder in the cache.
    pub(crate) name: &'static str,
    pub(crate) python: &'static [&'static str],
    pub(crate) node: &'static [&'static str],
}

impl Tools {
    /// Returns the folder, whose `bin` has the programs of Python's packages and whose `node_modules` has those of npm.
    ///
    /// # Errors
    /// When something is missing and can't be fetched.
    pub(crate) fn fetch(&self) -> Outcome<PathBuf> {
        let folder = workspace::cache().join(self.name);
        let (mark, wanted) = (folder.join(".done"), [self.python, self.node].concat().join("\n"));
        if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
            return Ok(folder);
        }
        fs::create_dir_all(&folder)?;
        command::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
        command::run(pip.args(self.python))?;
        if !self.node.is_empty() {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
            command::run(npm.args(self.node))?;
        }
        fs::write(mark, wanted)?;
        Ok(folder)
    }
}

/// Unpacks a ZIP archive.
pub(crate) fn unzip(archive: &Path, into: &Path) -> Outcome {
    command::run(Command::new("python3").args(["-m", "zipfile", "--extract"]).arg(archive).arg(into))
}

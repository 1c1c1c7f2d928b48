//! `cargo xtask dist`: the programs as they are released, packed with what belongs to them.
//!
//! ```text
//! target/dist/
//!   spineldb-0.1.0-x86_64-unknown-linux-gnu.tar.gz          programs, documents, settings, unit
//!   spineldb-0.1.0-x86_64-unknown-linux-gnu.tar.gz.sha256   its checksum
//!   spineldb-0.1.0-x86_64-unknown-linux-gnu.cdx.json        what the programs are made of
//! ```
//!
//! The archive of a commit is the same wherever it is packed, given the same programs.

mod bill;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, command, workspace};

/// Options of `cargo xtask dist`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The machine to build for, as rustc calls it [default: this one]
    #[arg(long)]
    target: Option<String>,
    /// Takes the programs of this folder instead of building them
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Packs the pages of the manual and the completions of shells that are in this folder
    #[arg(long)]
    manuals: Option<PathBuf>,
}

/// The programs, which are packages of this name, too.
const PROGRAMS: [&str; 2] = ["spinel-server", "spinel-cli"];

/// What is packed beside the programs: from where in the workspace, to where in the archive.
const FILES: [(&str, &str); 9] = [
    ("LICENSE", "LICENSE"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("docs/guide", "docs/guide"),
    ("docs/recipes", "docs/recipes"),
    ("packaging/debian", "etc"),
    ("packaging/systemd", "systemd"),
    ("packaging/monitoring", "monitoring"),
    ("packaging/helm/spinel", "helm/spinel"),
];

/// Builds, packs, and prints what was made.
///
/// # Errors
/// When the programs don't build, or `tar` or `sha256sum` are missing.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let target = match &arguments.target {
        Some(target) => target.clone(),
        None => host()?,
    };
    let programs = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => build(&target)?,
    };
    let metadata = metadata(&target)?;
    let name = format!("spineldb-{}-{target}", bill::version(&metadata, PROGRAMS[0])?);
    let folder = workspace::target().join("dist");
    let staging = folder.join(&name);
    if staging.exists() {
        fs::remove_dir_all(&staging)?;
    }
    fs::create_dir_all(staging.join("bin"))?;
    for program in PROGRAMS {
        fs::copy(programs.join(program), staging.join("bin").join(program))?;
    }
    for (from, to) in FILES {
        copy(&workspace::root().join(from), &staging.join(to))?;
    }
    if let Some(manuals) = &arguments.manuals {
        copy(manuals, &staging.join("share"))?;
    }
    let archive = format!("{name}.tar.gz");
    pack(&folder, &name, &archive)?;
    fs::remove_dir_all(staging)?;
    let sum = command::output(Command::new("sha256sum").arg(&archive).current_dir(&folder))?;
    fs::write(folder.join(format!("{archive}.sha256")), sum)?;
    let bill = bill::of(&metadata, &PROGRAMS)?;
    fs::write(folder.join(format!("{name}.cdx.json")), format!("{bill:#}\n"))?;
    println!("{}", folder.join(archive).display());
    Ok(())
}

/// What rustc calls this machine.
fn host() -> Outcome<String> {
    let text = command::output(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its host")?.to_owned())
}

/// Builds the programs and returns their folder.
fn build(target: &str) -> Outcome<PathBuf> {
    let mut build = workspace::cargo();
    build.args(["build", "--locked", "--profile", "dist", "--bins", "--target", target]);
    build.args(PROGRAMS.iter().flat_map(|name| ["--package", name]));
    command::run(&mut build)?;
    Ok(workspace::target().join(target).join("dist"))
}

/// What cargo knows about the packages that are built for a machine.
fn metadata(target: &str) -> Outcome<serde_json::Value> {
    let mut cargo = workspace::cargo();
    cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", target]);
    Ok(serde_json::from_str(&command::output(&mut cargo)?)?)
}

/// Copies a file, or a folder with all that it holds.
fn copy(from: &Path, to: &Path) -> Outcome {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(())
}

/// Packs a folder; owners, order and times are the same everywhere.
fn pack(folder: &Path, name: &str, archive: &str) -> Outcome {
    let mut git = Command::new("git");
    let time = command::output(git.args(["log", "-1", "--format=%ct"]).current_dir(workspace::root()))?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go=rX"]);
    tar.arg(format!("--mtime=@{}", time.trim())).args(["--use-compress-program", "gzip --no-name -9"]);
    command::run(tar.args(["--file", archive, name]).current_dir(folder))
}

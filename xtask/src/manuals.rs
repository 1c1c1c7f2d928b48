//! `cargo xtask manuals`: the pages of the manual and the completions of shells, as a release has them.
//!
//! The programs print them from the tables that they themselves work with, so a page can't tell of an option that is not
//! there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, command, workspace};

/// Options of `cargo xtask manuals`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder to write to [default: manuals in the folder that cargo builds into]
    #[arg(long)]
    into: Option<PathBuf>,
    /// Folder of programs that are built already; without it they are built with the profile for releases
    #[arg(long)]
    programs: Option<PathBuf>,
}

/// A file, and what prints it.
struct Manual {
    file: &'static str,
    program: &'static str,
    options: &'static [&'static str],
}

const MANUALS: [Manual; 6] = [
    Manual { file: "man1/spinel-server.1", program: "spinel-server", options: &["--man"] },
    Manual { file: "man1/spinel-cli.1", program: "spinel-cli", options: &["--man"] },
    Manual { file: "man5/spinel.conf.5", program: "spinel-server", options: &["--man-conf"] },
    Manual {
        file: "completions/bash/spinel-cli",
        program: "spinel-cli",
        options: &["--completions", "bash"],
    },
    Manual { file: "completions/zsh/_spinel-cli", program: "spinel-cli", options: &["--completions", "zsh"] },
    Manual {
        file: "completions/fish/spinel-cli.fish",
        program: "spinel-cli",
        options: &["--completions", "fish"],
    },
];

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let programs = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => build()?,
    };
    let folder = arguments.into.clone().unwrap_or_else(|| workspace::target().join("manuals"));
    for manual in MANUALS {
        write(&manual, &programs, &folder)?;
    }
    println!("{} files are in {}", MANUALS.len(), folder.display());
    Ok(())
}

/// Builds the programs; the folder that they are in.
fn build() -> Outcome<PathBuf> {
    let options = ["build", "--profile", "dist", "-p", "spinel-server", "-p", "spinel-cli", "--bins"];
    command::run(workspace::cargo().args(options))?;
    Ok(workspace::target().join("dist"))
}

fn write(manual: &Manual, programs: &Path, folder: &Path) -> Outcome {
    let text = command::output(Command::new(programs.join(manual.program)).args(manual.options))?;
    if text.trim().is_empty() {
        return Err(format!("{} prints nothing for {}", manual.program, manual.file).into());
    }
    let path = folder.join(manual.file);
    fs::create_dir_all(path.parent().expect("each file is in a folder"))?;
    Ok(fs::write(path, text)?)
}

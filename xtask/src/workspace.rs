//! Where the workspace and the developer's own folders are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in a folder of the workspace")
}

/// Returns the folder that cargo builds into, `CARGO_TARGET_DIR` or `target`.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the server that somebody has chosen to look at, or else the one that cargo builds for tests.
pub(crate) fn server(chosen: Option<&PathBuf>) -> PathBuf {
    chosen.cloned().unwrap_or_else(|| target().join("debug/spinel-server"))
}

/// Returns the cargo that runs this, to be run in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// What sanitizers are built for: they need a target that is named.
pub(crate) const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Returns whether a nightly compiler is installed.
pub(crate) fn has_nightly() -> bool {
    let version = nightly_cargo().arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Returns the cargo of the nightly compiler, to be run in the workspace's folder.
pub(crate) fn nightly_cargo() -> Command {
    let mut cargo = Command::new("rustup");
    cargo.args(["run", "nightly", "cargo"]).current_dir(root());
    // Cargo tells the programs it runs about itself, and would tell the other one.
    cargo.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO_TARGET_DIR");
    cargo
}

/// Returns the folder for what can be fetched again, `XDG_CACHE_HOME` or `~/.cache`.
pub(crate) fn cache() -> PathBuf {
    env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from)
}

fn home() -> PathBuf {
    env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from)
}

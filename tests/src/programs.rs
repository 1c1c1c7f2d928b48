//! The programs under test, built as they are now.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// The folder of the programs; built when it is first asked for.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(build);

/// Returns the server's program: ours, or the one that the environment's `SPINEL_TEST_SERVER` names. A test that says
/// what every server of this protocol does can be tried on another one.
pub fn server() -> PathBuf {
    std::env::var_os("SPINEL_TEST_SERVER").map_or_else(|| FOLDER.join("spinel-server"), PathBuf::from)
}

/// Returns the command line client's program.
pub fn cli() -> PathBuf {
    FOLDER.join("spinel-cli")
}

/// Runs a program to its end with `input`, and without a password of the environment's.
pub fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .env_remove("REDISCLI_AUTH")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was just built");
    // A program that reads none of it may be gone already.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("a child can be waited for")
}

/// Returns the root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the workspace")
}

/// Builds the programs with the profile of the running test, so that what the test run has compiled already is
/// taken over and only linking is left to do.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a program");
    // …/target/debug/deps/end_to_end-0123456789abcdef
    let folder = test.ancestors().nth(2).expect("a test's program lies in a folder of its profile");
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "test",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", profile, "--package", "spinel-server", "--package"])
        .args(["spinel-cli", "--bins", "--target-dir"])
        .arg(target)
        .status()
        .expect("cargo runs, since it has built this test");
    assert!(status.success(), "the programs under test don't build");
    folder.to_owned()
}

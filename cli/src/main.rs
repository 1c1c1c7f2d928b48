//! spinel-cli: the command line client of SpinelDB.

use std::process::ExitCode;

fn main() -> ExitCode {
    spinel_cli::run(&std::env::args_os().collect::<Vec<_>>())
}

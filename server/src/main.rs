//! The `spinel-server` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    spinel_server::program::run(std::env::args_os().skip(1))
}

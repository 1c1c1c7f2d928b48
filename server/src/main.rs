//! The `spinel-server` program.

use std::process::ExitCode;

/// Gives memory back early and asks for large pages, which spare address lookups in large data sets.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    spinel_server::program::run(std::env::args_os().skip(1))
}

//! spinel-cli: the command line client of SpinelDB.

fn main() {}

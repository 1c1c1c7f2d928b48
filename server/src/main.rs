//! spinel-server: the Redis-compatible SpinelDB server.

fn main() {}

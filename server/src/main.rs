//! The `spinel-server` program.

use spinel_server::{Server, ServerOptions};
use std::net::{Ipv4Addr, SocketAddr};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--version" || word == "-v") {
        println!("SpinelDB server v={} sha=00000000", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let value_of = |name: &str| {
        words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse().ok())
    };
    let options = ServerOptions {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, value_of("--port").unwrap_or(6379_u16))),
        workers: value_of("--io-threads").map_or(2, usize::from),
    };
    let server = Server::start(&options)?;
    println!("Ready to accept connections on {}", server.address()?);
    server.run()
}

//! The row `connections`: resident memory of connections that do nothing.

use std::process::Command;

use super::Bench;
use super::load::{Load, Shape};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use crate::{Outcome, command};

const CONNECTIONS: usize = 10_000;

/// Open files that both ends need, with room for everything else.
const FILES: usize = 2 * CONNECTIONS;

/// Measures what ten thousand connections cost that have each sent one PING.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let own = std::process::id().to_string();
    // The servers inherit it.
    command::run(Command::new("prlimit").args(["--pid", &own, &format!("--nofile={FILES}:{FILES}")]))?;
    let mut section = Section::default();
    let grown = bench.once(growth_bytes)?;
    let column = |divisor: f64| grown.iter().map(|&bytes| vec![bytes as f64 / divisor]).collect();
    section.add("10,000 idle connections", "MB", (Better::Lower, Some(Limit::Absolute(60.0))), column(1e6));
    section.add("one of them", "bytes", (Better::Lower, None), column(CONNECTIONS as f64));
    section.note("Growth of the resident memory; each connection sent one PING and then nothing.");
    Ok(section)
}

fn growth_bytes(contender: &Contender) -> Outcome<u64> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let empty = server.settled_bytes()?;
    let mut load = Load::connect(server.port, Shape { connections: CONNECTIONS, pipeline: 1, groups: 1 })?;
    let mut ping = Batch::new(&[Word::Text("PING")], 1, Reply::Fixed { bytes: 7, first: b'+' });
    load.run(&mut ping, &mut Keys::from(0), 1)?;
    Ok(server.settled_bytes()?.saturating_sub(empty))
}

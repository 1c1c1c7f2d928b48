//! The rows `cpu` and `throughput`: GET, SET and INCR of a million random keys.

use super::Bench;
use super::affinity;
use super::load::{Load, Shape};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Server, StartOptions};
use crate::Outcome;

/// Keys that are asked for, and as many counters.
pub(crate) const KEYS: u64 = 1_000_000;

pub(crate) const KEY: Word = Word::Key { prefix: "key:", width: 16 };
pub(crate) const VALUE: Word = Word::Value { width: 32 };
const COUNTER: Word = Word::Key { prefix: "cnt:", width: 16 };

/// A command under measurement.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) words: &'static [Word],
    pub(crate) reply: Reply,
    /// The share of the best peer's CPU that it may cost where pipelining makes the engine matter.
    pub(crate) limit: f64,
}

fn operations() -> [Operation; 3] {
    [
        Operation { name: "GET", words: &[Word::Text("GET"), KEY], reply: Reply::bulk(32), limit: 0.8 },
        Operation { name: "SET", words: &[Word::Text("SET"), KEY, VALUE], reply: Reply::OK, limit: 0.72 },
        Operation { name: "INCR", words: &[Word::Text("INCR"), COUNTER], reply: Reply::Line, limit: 0.72 },
    ]
}

/// Connections and pipeline; one group, because generator and server share a core.
const SHAPES: [Shape; 3] = [
    Shape { connections: 50, pipeline: 16, groups: 1 },
    Shape { connections: 16, pipeline: 64, groups: 1 },
    Shape { connections: 50, pipeline: 1, groups: 1 },
];

/// Measures the CPU time of the server process per operation, server and generator pinned on one core.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let core = bench.cores[0];
    let servers = start_filled(bench, StartOptions::pinned(core))?;
    affinity::pin(&[core])?;
    let mut section = Section::default();
    for shape in SHAPES {
        for operation in operations() {
            let samples =
                bench.interleave(|index| cpu_us(&servers[index], &operation, shape, bench.operations))?;
            let name =
                format!("{}, pipeline {}, {} connections", operation.name, shape.pipeline, shape.connections);
            let limit = if shape.pipeline == 1 { 1.0 } else { operation.limit };
            section.add(name, "µs CPU", (Better::Lower, Some(Limit::OfBest(limit))), samples);
        }
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per operation, by the scheduler's account. One million random \
         keys of 16 bytes, values of 32; INCR on as many counters. Server and load generator pinned on core {core}.",
    ));
    Ok(section)
}

/// Measures operations per second at pipeline 16, server and generator on a core each.
pub(crate) fn run_throughput(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let [server_core, generator_core, ..] = bench.cores[..] else {
        section.note("Not measured: it needs two processor cores.");
        return Ok(section);
    };
    let servers = start_filled(bench, StartOptions::pinned(server_core))?;
    affinity::pin(&[generator_core])?;
    let shape = Shape { groups: 5, ..SHAPES[0] };
    for operation in operations() {
        let samples =
            bench.interleave(|index| throughput(&servers[index], &operation, shape, bench.operations))?;
        let rates = per_contender(&samples, |(rate, _)| rate);
        let name =
            format!("{}, pipeline {}, {} connections", operation.name, shape.pipeline, shape.connections);
        section.add(name, "op/s", (Better::Higher, Some(Limit::OfBest(1.25))), rates);
        let busy = per_contender(&samples, |(_, busy)| 100.0 * busy);
        section.add(format!("{}, generator busy", operation.name), "%", (Better::Lower, None), busy);
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "Server on core {server_core}, load generator on core {generator_core}. Where the generator is busy \
         nearly all the time, it is the limit and not the server.",
    ));
    Ok(section)
}

/// Picks one figure out of every sample.
pub(crate) fn per_contender<T: Copy>(samples: &[Vec<T>], pick: impl Fn(T) -> f64) -> Vec<Vec<f64>> {
    samples.iter().map(|rounds| rounds.iter().map(|&sample| pick(sample)).collect()).collect()
}

/// Starts every contender and gives it the keys and the counters.
fn start_filled(bench: &Bench, options: StartOptions) -> Outcome<Vec<Server>> {
    bench.once(|contender| {
        let server = Server::start(contender, options)?;
        fill(&server, &[Word::Text("SET"), KEY, VALUE], KEYS)?;
        fill(&server, &[Word::Text("SET"), COUNTER, Word::Text("1000")], KEYS)?;
        Ok(server)
    })
}

/// Runs the command `words`, answered by OK, once for each of the first `keys` keys.
pub(crate) fn fill(server: &Server, words: &[Word], keys: u64) -> Outcome {
    fill_range(server, words, 0, keys)
}

/// As [`fill`], for the `count` keys from `first` on.
pub(crate) fn fill_range(server: &Server, words: &[Word], first: u64, count: u64) -> Outcome {
    fill_answered(server, words, Reply::Line, first, count)
}

/// As [`fill_range`], for a command that is answered by something else than a line.
pub(crate) fn fill_answered(
    server: &Server,
    words: &[Word],
    reply: Reply,
    first: u64,
    count: u64,
) -> Outcome {
    const PIPELINE: u64 = 50;
    let shape = Shape { connections: 4, pipeline: PIPELINE as usize, groups: 2 };
    assert_eq!(count % (PIPELINE * 4), 0, "whole batches on all connections");
    let mut load = Load::connect(server.port, shape)?;
    let mut batch = Batch::new(words, shape.pipeline, reply);
    load.run(&mut batch, &mut Keys::from(first), count)?;
    Ok(())
}

/// Measures the CPU time of the server process per operation, in microseconds.
pub(crate) fn cpu_us(server: &Server, operation: &Operation, shape: Shape, operations: u64) -> Outcome<f64> {
    let (mut load, mut batch, mut keys) = warmed_up(server, operation, shape)?;
    let operations = if shape.pipeline == 1 { operations / 12 } else { operations };
    let before = server.cpu_ns()?;
    let run = load.run(&mut batch, &mut keys, operations)?;
    Ok((server.cpu_ns()? - before) as f64 / 1000.0 / run.operations as f64)
}

/// Returns operations per second, and the share of the time that the generator was busy.
fn throughput(server: &Server, operation: &Operation, shape: Shape, operations: u64) -> Outcome<(f64, f64)> {
    let (mut load, mut batch, mut keys) = warmed_up(server, operation, shape)?;
    let before = affinity::own_cpu_ns()?;
    let run = load.run(&mut batch, &mut keys, operations)?;
    let busy = (affinity::own_cpu_ns()? - before) as f64 / run.elapsed.as_nanos() as f64;
    Ok((run.operations as f64 / run.elapsed.as_secs_f64(), busy))
}

/// Opens the connections and sends one batch on each, so that accepting them isn't measured.
fn warmed_up(server: &Server, operation: &Operation, shape: Shape) -> Outcome<(Load, Batch, Keys)> {
    let mut load = Load::connect(server.port, shape)?;
    let mut batch = Batch::new(operation.words, shape.pipeline, operation.reply);
    let mut keys = Keys::random(1, KEYS);
    load.run(&mut batch, &mut keys, 1)?;
    Ok((load, batch, keys))
}

//! The row `calls`: commands that run others or are served by others: scripts, transactions, blocking.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Bench;
use super::affinity;
use super::cpu::{KEY, KEYS, VALUE};
use super::load::{Load, Shape, ask, connect};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Server, StartOptions};
use crate::Outcome;
use crate::resp::encode;

const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])";
/// The SHA-1 of [`SCRIPT`].
const HASH: &str = "2b20e84ba26251fc86a627f03be6dd614b31bac8";

const ONE_KEY: Word = Word::Text("1");
const EVAL: &[&[Word]] = &[&[Word::Text("EVAL"), Word::Text(SCRIPT), ONE_KEY, KEY, VALUE]];
const EVALSHA: &[&[Word]] = &[&[Word::Text("EVALSHA"), Word::Text(HASH), ONE_KEY, KEY, VALUE]];
const SET: &[Word] = &[Word::Text("SET"), KEY, VALUE];
const TRANSACTION: &[&[Word]] =
    &[&[Word::Text("MULTI")], SET, SET, SET, SET, SET, SET, SET, SET, SET, SET, &[Word::Text("EXEC")]];
/// OK, ten times QUEUED, and an array of ten times OK.
const TRANSACTION_REPLY: Reply = Reply::Fixed { bytes: 5 + 10 * 9 + 5 + 10 * 5, first: b'+' };

/// Requests that are measured.
struct Operation {
    name: &'static str,
    commands: &'static [&'static [Word]],
    reply: Reply,
    pipeline: usize,
    /// Operations per sample are so many times fewer than elsewhere.
    weight: u64,
    /// The share of the best peer's CPU that it may cost.
    limit: f64,
}

fn operations() -> [Operation; 4] {
    let value = Reply::bulk(32);
    let operation = |name, commands, reply, pipeline, limit| Operation {
        name,
        commands,
        reply,
        pipeline,
        weight: 4,
        limit,
    };
    [
        operation("EVAL of two calls", EVAL, value, 1, 0.9),
        operation("EVAL of two calls", EVAL, value, 16, 0.9),
        operation("EVALSHA of two calls", EVALSHA, value, 16, 0.8),
        Operation {
            weight: 16,
            ..operation("MULTI, ten SETs, EXEC", TRANSACTION, TRANSACTION_REPLY, 1, 0.75)
        },
    ]
}

const CONNECTIONS: usize = 50;

/// Measures the CPU time of the server process per call, server and generator pinned on one core.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let core = bench.cores[0];
    let servers = bench.once(|contender| {
        let server = Server::start(contender, StartOptions::pinned(core))?;
        if !ask(&mut connect(server.port)?, &["SCRIPT", "LOAD", SCRIPT])?.contains(HASH) {
            return Err("the script has another hash".into());
        }
        Ok(server)
    })?;
    affinity::pin(&[core])?;
    let mut section = Section::default();
    for operation in operations() {
        let samples = bench.interleave(|index| cpu_us(&servers[index], &operation, bench.operations))?;
        let name = format!("{}, pipeline {}", operation.name, operation.pipeline);
        section.add(name, "µs CPU", (Better::Lower, Some(Limit::OfBest(operation.limit))), samples);
    }
    let samples = bench.interleave(|index| hand_over_us(&servers[index], bench.operations / 16))?;
    let goal = (Better::Lower, Some(Limit::OfBest(1.0)));
    section.add("BLPOP that waits for an RPUSH of another connection, both", "µs CPU", goal, samples);
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per call, by the scheduler's account, over {CONNECTIONS} \
         connections, or pairs of them. The script is a SET and a GET; the transaction is sent at once. Server and \
         load generator pinned on core {core}."
    ));
    Ok(section)
}

fn cpu_us(server: &Server, operation: &Operation, operations: u64) -> Outcome<f64> {
    let shape = Shape { connections: CONNECTIONS, pipeline: operation.pipeline, groups: 1 };
    let mut load = Load::connect(server.port, shape)?;
    let mut batch = Batch::of_several(operation.commands, shape.pipeline, operation.reply);
    let mut keys = Keys::random(1, KEYS);
    let operations = operations / operation.weight / if shape.pipeline == 1 { 4 } else { 1 };
    load.run(&mut batch, &mut keys, operations / 10)?;
    let before = server.cpu_ns()?;
    let run = load.run(&mut batch, &mut keys, operations)?;
    Ok((server.cpu_ns()? - before) as f64 / 1000.0 / run.operations as f64)
}

/// One connection that waits for an element and one that pushes it.
struct Pair {
    waiting: TcpStream,
    pushing: TcpStream,
    pop: Vec<u8>,
    push: Vec<u8>,
}

/// Measures what a waiting command and the one that serves it cost together.
fn hand_over_us(server: &Server, operations: u64) -> Outcome<f64> {
    let mut pairs =
        (0..CONNECTIONS).map(|number| Pair::connect(server.port, number)).collect::<Outcome<Vec<_>>>()?;
    let mut observer = connect(server.port)?;
    for pair in &mut pairs {
        pair.waiting.write_all(&pair.pop)?;
    }
    let all_wait = format!("blocked_clients:{CONNECTIONS}\r");
    while !ask(&mut observer, &["INFO", "clients"])?.contains(&all_wait) {}
    serve(&mut pairs)?;
    let rounds = (operations / CONNECTIONS as u64).max(1);
    let before = server.cpu_ns()?;
    for _ in 0..rounds {
        for pair in &mut pairs {
            pair.waiting.write_all(&pair.pop)?;
        }
        serve(&mut pairs)?;
    }
    Ok((server.cpu_ns()? - before) as f64 / 1000.0 / (rounds * CONNECTIONS as u64) as f64)
}

/// Lets all that wait have an element.
fn serve(pairs: &mut [Pair]) -> Outcome {
    for pair in &mut *pairs {
        pair.pushing.write_all(&pair.push)?;
    }
    let mut reply = [0; 64];
    for pair in pairs.iter_mut().rev() {
        pair.pushing.read_exact(&mut reply[..4])?;
        pair.waiting.read_exact(&mut reply[..Pair::REPLY_BYTES])?;
        if !reply.starts_with(b"*2\r\n$7\r\nqueue") {
            return Err(format!("unexpected reply {:?}", String::from_utf8_lossy(&reply)).into());
        }
    }
    Ok(())
}

impl Pair {
    /// An array of a key of seven letters and an element of eight.
    const REPLY_BYTES: usize = 4 + (4 + 9) + (4 + 10);

    fn connect(port: u16, number: usize) -> Outcome<Pair> {
        let key = format!("queue{number:02}");
        let (mut pop, mut push) = (Vec::new(), Vec::new());
        encode(&["BLPOP", &key, "0"], &mut pop);
        encode(&["RPUSH", &key, "an item."], &mut push);
        Ok(Pair { waiting: connect(port)?, pushing: connect(port)?, pop, push })
    }
}

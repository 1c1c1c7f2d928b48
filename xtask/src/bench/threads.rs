//! The row `threads`: what a second thread adds.

use std::thread;

use super::Bench;
use super::cpu::{KEY, KEYS, VALUE, fill};
use super::load::{Load, Shape};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;

/// Of each of the generator's threads.
const SHAPE: Shape = Shape { connections: 8, pipeline: 64, groups: 2 };

const GENERATORS: u64 = 2;

/// Measures pipelined GETs against one and against two threads.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let start = |threads| move |contender: &Contender| start_filled(contender, threads);
    let (one, two) = (bench.once(start(1))?, bench.once(start(2))?);
    let samples = bench.interleave(|index| {
        let single = measure(&one[index], bench.operations)?;
        Ok([single, measure(&two[index], bench.operations)?])
    })?;

    let column = |pick: fn(&[Sample; 2]) -> f64| -> Vec<Vec<f64>> {
        samples.iter().map(|rounds| rounds.iter().map(pick).collect()).collect()
    };
    let informs = (Better::Higher, None);
    section.add("GET, pipeline 64, one thread", "op/s", informs, column(|it| it[0].rate));
    section.add("GET, pipeline 64, two threads", "op/s", informs, column(|it| it[1].rate));
    let goal = (Better::Higher, Some(Limit::Absolute(1.7)));
    section.add("two threads serve", "× one", goal, column(|it| it[1].rate / it[0].rate));
    let extra = column(|it| it[1].cpu_us / it[0].cpu_us);
    section.add("CPU per operation of two threads", "× one", (Better::Lower, None), extra);
    let alone = column(|it| it[0].busiest_us / it[1].busiest_us);
    section.add("two threads would serve, had each a core of its own", "× one", goal, alone);
    section.note(format!(
        "16 connections from two generator threads; nothing is pinned. On this machine's {} cores the generator \
         takes its share of them too. The last line leaves it out: the CPU that the busiest thread spends per \
         operation served by all, of one thread divided by that of two.",
        bench.cores.len(),
    ));
    Ok(section)
}

fn start_filled(contender: &Contender, threads: usize) -> Outcome<Server> {
    let server = Server::start(contender, StartOptions::roaming(threads))?;
    fill(&server, &[Word::Text("SET"), KEY, VALUE], KEYS)?;
    Ok(server)
}

struct Sample {
    /// Operations per second.
    rate: f64,
    /// Server CPU per operation.
    cpu_us: f64,
    /// CPU of the server's busiest thread per operation that all of them served.
    busiest_us: f64,
}

fn measure(server: &Server, operations: u64) -> Outcome<Sample> {
    let before = server.thread_cpu_ns()?;
    let port = server.port;
    let generators: Vec<_> = (0..GENERATORS)
        .map(|seed| {
            thread::spawn(move || generate(port, seed, operations).map_err(|error| error.to_string()))
        })
        .collect();
    let (mut rate, mut total) = (0.0, 0);
    for generator in generators {
        let (operations, seconds) = generator.join().map_err(|_| "a generator panicked")??;
        rate += operations as f64 / seconds;
        total += operations;
    }
    let spent = server.thread_cpu_ns()?.into_iter().map(|(id, now)| now - before.get(&id).unwrap_or(&0));
    let spent: Vec<u64> = spent.collect();
    let per_operation_us = |ns: u64| ns as f64 / 1000.0 / total as f64;
    let busiest = spent.iter().copied().max().unwrap_or_default();
    Ok(Sample { rate, cpu_us: per_operation_us(spent.iter().sum()), busiest_us: per_operation_us(busiest) })
}

/// Returns how many operations were served in how many seconds.
fn generate(port: u16, seed: u64, operations: u64) -> Outcome<(u64, f64)> {
    let mut load = Load::connect(port, SHAPE)?;
    let mut batch = Batch::new(&[Word::Text("GET"), KEY], SHAPE.pipeline, Reply::bulk(32));
    let run = load.run(&mut batch, &mut Keys::random(seed << 32, KEYS), operations)?;
    Ok((run.operations, run.elapsed.as_secs_f64()))
}

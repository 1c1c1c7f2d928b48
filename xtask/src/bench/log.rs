//! The row `log`: what it costs to write every change down.

use super::cpu::{KEY, KEYS, Operation, VALUE, cpu_us, fill, per_contender};
use super::load::{Load, Shape};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Server, StartOptions};
use super::{Bench, affinity};
use crate::Outcome;

const SET: &[Word] = &[Word::Text("SET"), KEY, VALUE];

/// Rewriting would be measured, too.
const ALWAYS: &[&str] =
    &["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
const EVERY_SECOND: &[&str] =
    &["--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"];

/// Five groups, of which the others' commands are on their way while one has its replies; with one it would be the
/// generator that decides how many commands a sync serves.
const LONE: Shape = Shape { connections: 50, pipeline: 1, groups: 5 };
const PIPELINED: Shape = Shape { connections: 50, pipeline: 16, groups: 1 };

/// Operations per sample are so many times fewer where each waits for the disk.
const WEIGHT: u64 = 8;

/// Measures both policies.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    measure_always(bench, &mut section)?;
    let outcome = measure_every_second(bench, &mut section);
    affinity::pin(&bench.cores)?;
    outcome?;
    section.note(format!(
        "SETs of a million random keys of 16 bytes, values of 32. With `always`, servers of one thread for commands, and \
         the generator, roam; each of {} connections has one command on its way. CPU is user and system time of the \
         server process per operation, server and generator pinned on core {}.",
        LONE.connections, bench.cores[0],
    ));
    Ok(section)
}

fn measure_always(bench: &Bench, section: &mut Section) -> Outcome {
    let options = StartOptions { settings: ALWAYS, ..StartOptions::roaming(1) };
    let servers = bench.once(|contender| Server::start(contender, options))?;
    let samples = bench.interleave(|index| {
        let server = &servers[index];
        let mut load = Load::connect(server.port, LONE)?;
        let (mut batch, mut keys) = (Batch::new(SET, 1, Reply::OK), Keys::random(1, KEYS));
        load.run(&mut batch, &mut keys, 1)?;
        let run = load.run(&mut batch, &mut keys, bench.operations / WEIGHT)?;
        Ok(run.operations as f64 / run.elapsed.as_secs_f64())
    })?;
    let goal = (Better::Higher, Some(Limit::OfBest(1.5)));
    section.add("SET with `appendfsync always`, 50 connections", "op/s", goal, samples);
    Ok(())
}

fn measure_every_second(bench: &Bench, section: &mut Section) -> Outcome {
    let core = bench.cores[0];
    let start = |settings: Option<&'static [&'static str]>| {
        let pinned = StartOptions::pinned(core);
        let options = StartOptions { settings: settings.unwrap_or(pinned.settings), ..pinned };
        bench.once(|contender| {
            let server = Server::start(contender, options)?;
            fill(&server, SET, KEYS)?;
            Ok(server)
        })
    };
    let (without, with) = (start(None)?, start(Some(EVERY_SECOND))?);
    affinity::pin(&[core])?;
    let set = Operation { name: "SET", words: SET, reply: Reply::OK, limit: 1.0 };
    let samples = bench.interleave(|index| {
        let measure = |server: &Server| cpu_us(server, &set, PIPELINED, bench.operations);
        Ok((measure(&without[index])?, measure(&with[index])?))
    })?;
    let informs = (Better::Lower, None);
    let (without, with) = (per_contender(&samples, |it| it.0), per_contender(&samples, |it| it.1));
    section.add("SET without a log, pipeline 16", "µs CPU", informs, without);
    section.add("SET with `appendfsync everysec`, pipeline 16", "µs CPU", informs, with);
    let goal = (Better::Lower, Some(Limit::Absolute(1.15)));
    section.add("the log costs", "× without", goal, per_contender(&samples, |it| it.1 / it.0));
    Ok(())
}

//! The row `entries`: entries of the HTTP cache, what reading one costs beside GET, and a purge by a tag that ten million of them have.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::cpu::{KEYS, Operation, cpu_us, fill};
use super::load::{Shape, ask, connect};
use super::probe::{Probe, Sample, quantile_ms};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, Side, StartOptions};
use super::{Bench, affinity};
use crate::Outcome;

/// Of values and bodies that are read.
const READ_BYTES: usize = 1 << 10;
/// Entries with one tag.
const TAGGED_KEYS: u64 = 10_000_000;
const TAG: &str = "t";
/// How often they are written and purged.
const PURGES: usize = 3;
/// How long GETs are watched before.
const WATCHED: Duration = Duration::from_secs(2);
/// Between two looks at how many entries are left.
const LOOK: Duration = Duration::from_millis(20);
/// A sweep that takes longer will never end.
const PATIENCE: Duration = Duration::from_secs(120);

const SHAPE: Shape = Shape { connections: 50, pipeline: 16, groups: 1 };
const VALUE_KEY: Word = Word::Key { prefix: "val:", width: 16 };
const ENTRY_KEY: Word = Word::Key { prefix: "ent:", width: 16 };
const BODY: Word = Word::Value { width: READ_BYTES };

/// What was seen of a purge.
#[derive(Clone, Copy)]
struct Purge {
    command_ms: f64,
    before_ms: f64,
    during_ms: f64,
    swept_s: f64,
}

/// Measures both, of ours: no peer has such entries.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let Some(ours) = bench.contenders.iter().position(|contender| contender.side == Side::Ours) else {
        section.note("Not measured: no peer has entries of an HTTP cache.");
        return Ok(section);
    };
    let contender = &bench.contenders[ours];
    let mut add = |name: &str, unit, goal, values: Vec<f64>| {
        let mut samples = vec![Vec::new(); bench.contenders.len()];
        samples[ours] = values;
        section.add(name, unit, goal, samples);
    };
    let informs = (Better::Lower, None);
    let at_most = |limit| (Better::Lower, Some(Limit::Absolute(limit)));

    let reads = read(bench, contender)?;
    let column = |of: fn(&(f64, f64)) -> f64| reads.iter().map(of).collect::<Vec<_>>();
    add("GET of 1 KiB, pipeline 16", "µs CPU", informs, column(|read| read.0));
    add("CACHE.GET of a body of 1 KiB", "µs CPU", informs, column(|read| read.1));
    add("CACHE.GET, share", "of GET", at_most(1.3), column(|read| read.1 / read.0));

    let purges = purge(contender)?;
    let column = |of: fn(&Purge) -> f64| purges.iter().map(of).collect::<Vec<_>>();
    add("CACHE.PURGETAG of 10 M entries", "ms", at_most(1.0), column(|purge| purge.command_ms));
    add("GET before that, p99.9", "ms", informs, column(|purge| purge.before_ms));
    add("GET while they are swept, p99.9", "ms", at_most(5.0), column(|purge| purge.during_ms));
    add("until all are swept", "s", informs, column(|purge| purge.swept_s));
    section.note(format!(
        "User and system time of the server process per read of {KEYS} random keys, server and load generator pinned on one core. \
         What a purge takes is the command's own time, by `INFO commandstats`. Wall time of a lone connection's GETs, noise of the \
         machine included."
    ));
    Ok(section)
}

/// CPU of a GET and of a CACHE.GET, in turn.
fn read(bench: &Bench, contender: &Contender) -> Outcome<Vec<(f64, f64)>> {
    let core = bench.cores[0];
    let server = Server::start(contender, StartOptions::pinned(core))?;
    fill(&server, &[Word::Text("SET"), VALUE_KEY, BODY], KEYS)?;
    fill(&server, &[Word::Text("CACHE.SET"), ENTRY_KEY, BODY], KEYS)?;
    let answer = ask(&mut connect(server.port)?, &["CACHE.GET", &format!("ent:{:012}", 0)])?;
    let lines = answer.bytes().filter(|byte| *byte == b'\n').count();
    affinity::pin(&[core])?;
    let get = Operation {
        name: "GET",
        words: &[Word::Text("GET"), VALUE_KEY],
        reply: Reply::bulk(READ_BYTES),
        limit: 1.0,
    };
    let cache_get = Operation {
        name: "CACHE.GET",
        words: &[Word::Text("CACHE.GET"), ENTRY_KEY],
        reply: Reply::Lines(lines),
        limit: 1.3,
    };
    let sample = |operation| cpu_us(&server, operation, SHAPE, bench.operations / 4);
    let samples = (0..bench.rounds).map(|_| Ok((sample(&get)?, sample(&cache_get)?))).collect();
    affinity::pin(&bench.cores)?;
    samples
}

/// Purges entries by their tag, several times.
fn purge(contender: &Contender) -> Outcome<Vec<Purge>> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let mut link = connect(server.port)?;
    let words = ["CACHE.SET", "", "b", "TAGS", "1", TAG].map(Word::Text);
    let words = [&[words[0], ENTRY_KEY], &words[2..]].concat();
    (0..PURGES)
        .map(|_| {
            fill(&server, &words, TAGGED_KEYS)?;
            watch(&server, &mut link)
        })
        .collect()
}

/// Watches GETs before a purge and until all that it is meant for is gone.
fn watch(server: &Server, link: &mut TcpStream) -> Outcome<Purge> {
    ask(link, &["CONFIG", "RESETSTAT"])?;
    let get = Batch::new(&[Word::Text("GET"), Word::Text("none")], 1, Reply::Fixed { bytes: 5, first: b'$' });
    let probe = Probe::start(server.port, get, Keys::from(0))?;
    thread::sleep(WATCHED);
    let start = Instant::now();
    ask(link, &["CACHE.PURGETAG", TAG])?;
    while ask(link, &["DBSIZE"])? != ":0\r\n" {
        if start.elapsed() > PATIENCE {
            return Err("what was purged is still there".into());
        }
        thread::sleep(LOOK);
    }
    let end = Instant::now();
    let samples = probe.finish()?;
    let statistics = ask(link, &["INFO", "commandstats"])?;
    let before = samples.iter().filter(|sample| sample.at + sample.took < start);
    // The GET that was on its way when the purge came waited for it, too.
    let is_beside = |sample: &&Sample| sample.at + sample.took >= start && sample.at <= end;
    Ok(Purge {
        command_ms: usec_of(&statistics, "cmdstat_cache|purgetag")? / 1000.0,
        before_ms: quantile_ms(before, 0.999),
        during_ms: quantile_ms(samples.iter().filter(is_beside), 0.999),
        swept_s: (end - start).as_secs_f64(),
    })
}

/// What a command took on average, by the server's own account.
fn usec_of(statistics: &str, command: &str) -> Outcome<f64> {
    let line = statistics.lines().find(|line| line.split(':').next() == Some(command));
    let field = line.and_then(|line| line.split(',').find_map(|field| field.strip_prefix("usec_per_call=")));
    Ok(field.ok_or_else(|| format!("no {command} in INFO commandstats"))?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commands_time_is_found() {
        let text = "# Commandstats\r\ncmdstat_get:calls=2,usec=3,usec_per_call=1.50,rejected_calls=0\r\n";
        assert!((usec_of(text, "cmdstat_get").unwrap() - 1.5).abs() < 1e-9);
        assert!(usec_of(text, "cmdstat_ge").is_err());
    }
}

//! `cargo xtask bench`: our server beside its peers, in one run.
//!
//! Every figure of ours is worth as much as the peers' figures taken in the same minute on the same machine, so
//! rounds are interleaved (ours, Redis, Valkey, ours, …) and the table shows medians, ranges and the ratio of
//! ours to the best peer. Start reading at [`ROWS`].

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::{Outcome, command, peers, workspace};
use report::Section;
use server::{Contender, Side};

mod affinity;
mod beside;
mod calls;
mod collections;
mod connections;
mod cpu;
mod deleting;
mod door;
mod entries;
mod eviction;
mod expiry;
mod growth;
mod http;
mod insight;
mod instructions;
mod load;
mod loading;
mod log;
mod memory;
mod messages;
mod overload;
mod probe;
mod replication;
mod report;
mod request;
mod residence;
mod saving;
mod scaling;
mod server;
mod slow;
mod source;
mod stream;
mod sync;
mod threads;
mod web;
mod writes;

/// A row of the benchmark.
struct Row {
    name: &'static str,
    title: &'static str,
    run: fn(&Bench) -> Outcome<Section>,
}

/// The rows, in the order of the table.
const ROWS: [Row; 29] = [
    Row { name: "cpu", title: "Server CPU per operation", run: cpu::run },
    Row { name: "throughput", title: "Throughput", run: cpu::run_throughput },
    Row { name: "instructions", title: "User instructions per operation", run: instructions::run },
    Row { name: "threads", title: "Two threads against one", run: threads::run },
    Row { name: "memory", title: "Resident bytes per key", run: memory::run },
    Row { name: "collections", title: "Collections: server CPU per operation", run: collections::run },
    Row { name: "elements", title: "Collections: resident bytes per element", run: collections::run_memory },
    Row { name: "scaling", title: "Collections: cost by their size", run: scaling::run },
    Row { name: "growth", title: "Growing and emptying", run: growth::run },
    Row { name: "deleting", title: "Deleting huge collections", run: deleting::run },
    Row { name: "expiry", title: "A million keys expiring at once", run: expiry::run },
    Row { name: "eviction", title: "Hits where not all fits", run: eviction::run },
    Row { name: "residence", title: "Resident memory while sizes drift", run: residence::run },
    Row { name: "connections", title: "Idle connections", run: connections::run },
    Row { name: "overload", title: "Overload", run: overload::run },
    Row { name: "messages", title: "Messages to many subscribers", run: messages::run },
    Row { name: "calls", title: "Scripts, transactions, blocking: server CPU per call", run: calls::run },
    Row { name: "http", title: "Keys over HTTP", run: http::run },
    Row { name: "door", title: "The HTTP cache", run: door::run },
    Row { name: "stream", title: "A gigabyte through the HTTP cache", run: stream::run },
    Row { name: "entries", title: "Entries of the HTTP cache", run: entries::run },
    Row { name: "slow", title: "GETs beside a slow origin", run: slow::run },
    Row { name: "beside", title: "Waiting beside a long command", run: beside::run },
    Row { name: "insight", title: "What insight costs", run: insight::run },
    Row { name: "saving", title: "Snapshots of 5 M keys", run: saving::run },
    Row { name: "loading", title: "Starting with 5 M keys on disk", run: loading::run },
    Row { name: "log", title: "The append-only log", run: log::run },
    Row { name: "replication", title: "Replication", run: replication::run },
    Row { name: "sync", title: "Synchronizing a replica under load", run: sync::run },
];

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rows to measure: cpu, throughput, instructions, threads, memory, collections, elements,
    /// scaling, growth, deleting, expiry, eviction, residence, connections, overload, messages,
    /// calls, http, door, entries, stream, slow, beside, insight, saving, loading, log, replication, sync [default: all]
    rows: Vec<String>,
    /// Interleaved rounds of the rows that vary from round to round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Requests per sample at pipeline 16 and above; a twelfth of it at pipeline 1
    #[arg(long, default_value_t = 800_000)]
    operations: u64,
    /// Keys in millions that the row sync copies
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    millions: u64,
    /// Measures this server instead of building ours
    #[arg(long, value_name = "PATH")]
    ours: Option<PathBuf>,
    /// Measures the peers alone
    #[arg(long, conflicts_with = "ours")]
    without_ours: bool,
    /// The servers to compare with, by comma; '' for none
    #[arg(long, value_delimiter = ',', default_value = "redis8,valkey9")]
    peers: Vec<String>,
    /// Also writes all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What the rows work with.
struct Bench {
    contenders: Vec<Contender>,
    rounds: u64,
    operations: u64,
    millions: u64,
    /// Processor cores that may be used, lowest first; never empty.
    cores: Vec<usize>,
}

impl Bench {
    /// Takes `rounds` samples of every contender, interleaved, and returns them per contender.
    fn interleave<T>(&self, mut sample: impl FnMut(usize) -> Outcome<T>) -> Outcome<Vec<Vec<T>>> {
        let mut samples: Vec<Vec<T>> = self.contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.rounds {
            for (index, samples) in samples.iter_mut().enumerate() {
                samples.push(sample(index)?);
            }
        }
        Ok(samples)
    }

    /// Takes one sample of every contender, for what doesn't vary.
    fn once<T>(&self, sample: impl FnMut(&Contender) -> Outcome<T>) -> Outcome<Vec<T>> {
        self.contenders.iter().map(sample).collect()
    }
}

/// Measures the chosen rows and prints their tables.
///
/// # Errors
/// When a server can't be built or found, or a row can't be measured; the other rows are measured all the same. A
/// missed limit is a result, not an error.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let rows = chosen(&arguments.rows)?;
    let bench = Bench {
        contenders: contenders(arguments)?,
        rounds: arguments.rounds,
        operations: arguments.operations,
        millions: arguments.millions,
        cores: affinity::allowed()?,
    };
    let facts = facts(&bench)?;
    println!("{}\n", facts.join("\n"));
    let (mut sections, mut failed) = (Vec::new(), Vec::new());
    for row in rows {
        eprintln!("measuring: {}", row.title);
        match (row.run)(&bench) {
            Ok(section) => {
                println!("{}", report::markdown(row.title, &section, &bench.contenders));
                sections.push(report::json(row.title, &section, &bench.contenders));
            }
            Err(error) => failed.push(format!("{}: {error}", row.name)),
        }
    }
    if let Some(path) = &arguments.json {
        let all = json!({ "facts": facts, "rounds": bench.rounds, "sections": sections });
        fs::write(path, serde_json::to_string_pretty(&all)?)?;
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// Returns the rows of these names, all for none.
fn chosen(names: &[String]) -> Outcome<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let find = |name: &String| ROWS.iter().find(|row| row.name == name).ok_or_else(|| unknown(name));
    Ok(names.iter().map(find).collect::<Result<_, _>>()?)
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    format!("no row is called {name}; there are {}", known.join(", "))
}

/// Returns ours, built first if need be, and the peers.
fn contenders(arguments: &Arguments) -> Outcome<Vec<Contender>> {
    let mut contenders = Vec::new();
    if !arguments.without_ours {
        let program = match &arguments.ours {
            Some(path) => path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?,
            None => build_ours()?,
        };
        contenders.push(contender("spinel", program, Side::Ours)?);
    }
    for name in arguments.peers.iter().filter(|name| !name.is_empty()) {
        contenders.push(contender(name, peers::find(name, "server")?, Side::Peer)?);
    }
    Ok(contenders)
}

fn contender(name: &str, program: PathBuf, side: Side) -> Outcome<Contender> {
    Ok(Contender { name: name.to_owned(), version: peers::version(&program)?, program, side })
}

fn build_ours() -> Outcome<PathBuf> {
    build(&["--package", "spinel-server", "--bin", "spinel-server"], "spinel-server")
}

/// Builds a program as it is packaged, and returns where it is.
fn build(words: &[&str], program: &str) -> Outcome<PathBuf> {
    let mut cargo = workspace::cargo();
    command::run(cargo.args(["build", "--profile", "dist"]).args(words))?;
    Ok(workspace::target().join("dist").join(program))
}

/// Returns what a reader must know about the machine and the programs, one line each.
fn facts(bench: &Bench) -> Outcome<Vec<String>> {
    let processor = fs::read_to_string("/proc/cpuinfo")?;
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or("0");
    let mut facts = vec![format!(
        "- machine: {}, {} cores, {} GiB, Linux {}",
        model.map_or("unknown processor", |(_, model)| model),
        bench.cores.len(),
        memory.parse::<u64>()? >> 20,
        kernel.trim(),
    )];
    facts.extend(
        bench.contenders.iter().map(|contender| format!("- {}: {}", contender.name, contender.version)),
    );
    let commit = command::output(Command::new("git").args(["describe", "--always", "--dirty"]));
    facts.push(format!("- commit: {}", commit.unwrap_or_else(|_| "unknown".to_owned()).trim()));
    facts.push(format!("- {} interleaved rounds; cells are the median (lowest–highest)", bench.rounds));
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap().len(), ROWS.len());
        assert_eq!(chosen(&["growth".to_owned()]).unwrap()[0].name, "growth");
        let error = chosen(&["speed".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("speed") && error.contains("threads"), "{error}");
    }

    #[test]
    fn rounds_are_interleaved() {
        let contender = |name: &str| Contender {
            name: name.to_owned(),
            version: String::new(),
            program: PathBuf::new(),
            side: Side::Peer,
        };
        let contenders = vec![contender("a"), contender("b")];
        let bench = Bench { contenders, rounds: 2, operations: 1, millions: 1, cores: vec![0] };
        let mut turn = 0;
        let samples = bench.interleave(|_| {
            turn += 1;
            Ok(turn)
        });
        assert_eq!(samples.unwrap(), [[1, 3], [2, 4]]);
    }
}

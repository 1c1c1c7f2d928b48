//! The row `instructions`: user instructions per operation, which no noise of the machine touches.

use std::fs;
use std::path::{Path, PathBuf};

use super::Bench;
use super::collections::{FIELD, HASH, HSET, LIST, RPUSH, SADD, ZADD};
use super::cpu::{KEY, VALUE, fill};
use super::load::{Load, Shape};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions, is_installed};
use crate::Outcome;

/// Fewer than elsewhere: instructions don't depend on what fits into the caches, and callgrind is slow.
const KEYS: u64 = 20_000;

/// The two lengths of a run whose difference is divided by the difference of their instructions, so that starting
/// and filling drop out.
const RUNS: [u64; 2] = [20_000, 120_000];

const SHAPE: Shape = Shape { connections: 10, pipeline: 16, groups: 1 };

/// An operation, and the command that fills what it works on.
struct Counted {
    name: &'static str,
    words: &'static [Word],
    reply: Reply,
    fill: &'static [Word],
    fill_count: u64,
    limit: Option<Limit>,
}

impl Counted {
    /// A command that adds to a collection, or changes it where a random element is there already.
    const fn adding(name: &'static str, words: &'static [Word]) -> Counted {
        Counted { name, words, reply: Reply::Line, fill: words, fill_count: KEYS, limit: None }
    }
}

const LPUSH: [Word; 3] = [Word::Text("LPUSH"), LIST, super::collections::VALUE];

const OPERATIONS: [Counted; 9] = [
    Counted {
        name: "GET",
        words: &[Word::Text("GET"), KEY],
        reply: Reply::Fixed { bytes: 39, first: b'$' },
        fill: &[Word::Text("SET"), KEY, VALUE],
        fill_count: KEYS,
        limit: Some(Limit::Absolute(1000.0)),
    },
    Counted {
        name: "SET",
        words: &[Word::Text("SET"), KEY, VALUE],
        reply: Reply::OK,
        fill: &[Word::Text("SET"), KEY, VALUE],
        fill_count: KEYS,
        limit: None,
    },
    Counted::adding("LPUSH", &LPUSH),
    Counted::adding("RPUSH", &RPUSH),
    Counted {
        name: "RPOP",
        words: &[Word::Text("RPOP"), LIST],
        reply: Reply::Fixed { bytes: 14, first: b'$' },
        fill: &RPUSH,
        // More than are popped.
        fill_count: 10 * KEYS,
        limit: None,
    },
    Counted::adding("HSET", &HSET),
    Counted {
        name: "HGET",
        words: &[Word::Text("HGET"), HASH, FIELD],
        reply: Reply::Fixed { bytes: 14, first: b'$' },
        fill: &HSET,
        fill_count: KEYS,
        limit: None,
    },
    Counted::adding("SADD", &SADD),
    Counted::adding("ZADD", &ZADD),
];

/// Measures operations at pipeline 16 under callgrind; says so where valgrind is missing.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    if !is_installed("valgrind") {
        section.note("Not measured: valgrind is not installed.");
        return Ok(section);
    }
    for counted in &OPERATIONS {
        let samples = bench.once(|contender| {
            let [short, long] = [count(contender, counted, RUNS[0])?, count(contender, counted, RUNS[1])?];
            let operations = long.operations - short.operations;
            Ok(vec![(long.instructions - short.instructions) as f64 / operations as f64])
        })?;
        let name = format!("{}, pipeline 16", counted.name);
        section.add(name, "instructions", (Better::Lower, counted.limit), samples);
    }
    section.note(
        "User instructions by callgrind: the difference of two runs divided by their difference in length. \
         Collections have 20,000 elements of 8 bytes, of which random ones are set; lists have as many as were added.",
    );
    Ok(section)
}

struct Count {
    instructions: u64,
    operations: u64,
}

/// Runs the server under callgrind for about so many operations and returns what it executed from start to end.
fn count(contender: &Contender, counted: &Counted, operations: u64) -> Outcome<Count> {
    let folder = std::env::temp_dir().join(format!("spinel-callgrind-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let count = count_into(contender, counted, operations, &folder);
    fs::remove_dir_all(&folder)?;
    count
}

fn count_into(contender: &Contender, counted: &Counted, operations: u64, folder: &Path) -> Outcome<Count> {
    let out = folder.join("callgrind.out.%p");
    // The peers are started by a shell, which becomes the server: hence the children.
    let under = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--quiet"].map(str::to_owned);
    let under: Vec<String> =
        under.into_iter().chain([format!("--callgrind-out-file={}", out.display())]).collect();
    let server = Server::start(contender, StartOptions { under: &under, ..StartOptions::roaming(1) })?;
    fill(&server, counted.fill, counted.fill_count)?;
    let mut load = Load::connect(server.port, SHAPE)?;
    let mut batch = Batch::new(counted.words, SHAPE.pipeline, counted.reply);
    let run = load.run(&mut batch, &mut Keys::random(1, KEYS), operations)?;
    server.terminate()?;
    Ok(Count { instructions: total(folder)?, operations: run.operations })
}

/// Returns the sum of the totals in callgrind's files; there is one per process.
fn total(folder: &Path) -> Outcome<u64> {
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<Vec<PathBuf>>>()?;
    let mut total = 0;
    for file in files {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix("summary: "));
        let line = line.or_else(|| text.lines().find_map(|line| line.strip_prefix("totals: ")));
        total += line.ok_or("callgrind wrote no totals")?.trim().parse::<u64>()?;
    }
    if total == 0 { Err("callgrind wrote nothing".into()) } else { Ok(total) }
}

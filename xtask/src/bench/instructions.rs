//! The row `instructions`: user instructions per operation, which no noise of the machine touches.

use std::fs;
use std::path::{Path, PathBuf};

use super::Bench;
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

/// The requests that are counted.
#[derive(Clone, Copy)]
enum Request {
    Get,
    Set,
}

impl Request {
    fn batch(self) -> Batch {
        match self {
            Request::Get => Batch::new(&[Word::Text("GET"), KEY], SHAPE.pipeline, Reply::bulk(32)),
            Request::Set => Batch::new(&[Word::Text("SET"), KEY, VALUE], SHAPE.pipeline, Reply::OK),
        }
    }
}

/// Measures GET and SET at pipeline 16 under callgrind; says so where valgrind is missing.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    if !is_installed("valgrind") {
        section.note("Not measured: valgrind is not installed.");
        return Ok(section);
    }
    let limit = Some(Limit::Absolute(1000.0));
    for (name, request, limit) in
        [("GET, pipeline 16", Request::Get, limit), ("SET, pipeline 16", Request::Set, None)]
    {
        let samples = bench.once(|contender| {
            let [short, long] = [count(contender, request, RUNS[0])?, count(contender, request, RUNS[1])?];
            Ok(vec![
                (long.instructions - short.instructions) as f64 / (long.operations - short.operations) as f64,
            ])
        })?;
        section.add(name, "instructions", (Better::Lower, limit), samples);
    }
    section.note(
        "User instructions by callgrind: the difference of two runs divided by their difference in length.",
    );
    Ok(section)
}

struct Count {
    instructions: u64,
    operations: u64,
}

/// Runs the server under callgrind for about so many requests and returns what it executed from start to end.
fn count(contender: &Contender, request: Request, operations: u64) -> Outcome<Count> {
    let folder = std::env::temp_dir().join(format!("spinel-callgrind-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let counted = count_into(contender, (request, operations), &folder);
    fs::remove_dir_all(&folder)?;
    counted
}

fn count_into(contender: &Contender, (request, operations): (Request, u64), folder: &Path) -> Outcome<Count> {
    let out = folder.join("callgrind.out.%p");
    // The peers are started by a shell, which becomes the server: hence the children.
    let under = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--quiet"].map(str::to_owned);
    let under: Vec<String> =
        under.into_iter().chain([format!("--callgrind-out-file={}", out.display())]).collect();
    let server = Server::start(contender, StartOptions { under: &under, ..StartOptions::roaming(1) })?;
    fill(&server, &[Word::Text("SET"), KEY, VALUE], KEYS)?;
    let mut load = Load::connect(server.port, SHAPE)?;
    let run = load.run(&mut request.batch(), &mut Keys::random(1, KEYS), operations)?;
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

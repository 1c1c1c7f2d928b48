//! The row `saving`: how long a snapshot takes, and what it costs whoever uses the server meanwhile.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::cpu::{KEY, fill};
use super::deleting::{KINDS, Kind};
use super::growth::{Account, serving_thread};
use super::load::{Load, Shape, ask, connect};
use super::probe::{Probe, Sample, quantile_ms};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, Side, StartOptions};
use super::writes::{PAUSE, SET, WRITING, Writes};
use super::{Bench, affinity};
use crate::Outcome;

const KEYS: u64 = 5_000_000;

/// How long GETs are watched before.
const WATCHED: Duration = Duration::from_secs(2);
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(20);
/// Between two looks at whether a snapshot is there.
const NAP: Duration = Duration::from_micros(500);
/// A snapshot that takes longer will never be there.
const PATIENCE: Duration = Duration::from_secs(60);

const MEMBERS: u64 = 1_000_000;
/// Half of the members that are written while a collection is saved are new.
const WRITTEN: u64 = 2 * MEMBERS;
const BATCH: usize = 16;
/// Snapshots of each collection, of which the median counts.
const SAVES: u32 = 5;

/// What one round shows.
struct Round {
    rdb_ms: f64,
    /// In our own format, where there is one.
    own_ms: f64,
    growth_percent: f64,
    /// GETs beside writes, without a snapshot and with one.
    before_ms: f64,
    during_ms: f64,
}

/// Measures snapshots of five million keys, and of collections of a million members.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let saved = bench.once(Saved::start)?;
    let rounds = bench.interleave(|index| saved[index].round())?;
    drop(saved);
    let column = |pick: fn(&Round) -> f64| -> Vec<Vec<f64>> {
        rounds.iter().map(|rounds| rounds.iter().map(pick).collect()).collect()
    };
    let of_best = |share| (Better::Lower, Some(Limit::OfBest(share)));
    let at_most = |limit| (Better::Lower, Some(Limit::Absolute(limit)));
    let informs = (Better::Lower, None);
    section.add("BGSAVE", "ms", of_best(0.65), column(|it| it.rdb_ms));
    section.add("BGSAVE, `rdb-format spldb`; peers as above", "ms", of_best(0.4), column(|it| it.own_ms));
    let growth = column(|it| it.growth_percent);
    section.add("memory that BGSAVE takes beside SETs at full speed", "% of data", at_most(10.0), growth);
    section.add("GET beside SETs, p99.9", "ms", informs, column(|it| it.before_ms));
    section.add("the same during BGSAVE", "ms", informs, column(|it| it.during_ms));
    let rise = column(|it| it.during_ms - it.before_ms);
    section.add("BGSAVE makes it longer by", "ms", at_most(1.0), rise);
    for kind in KINDS {
        let longest = bench.once(|contender| save_written(contender, &kind, bench.cores[0]));
        affinity::pin(&bench.cores)?;
        let name = format!("write to a {} of 1 M during BGSAVE, longest server time", kind.name);
        section.add(name, "ms", at_most(10.0), longest?);
    }
    section.note(format!(
        "Keys of 16 bytes, values of 32. A snapshot is there when its file has its name. Memory is what the server and \
         its children have (Pss), at most, above what it was when the snapshot began. SETs are of random keys, over {} \
         connections at pipeline {}; where GETs of a lone connection are watched, with a pause of a millisecond after \
         each {}. Server time is the CPU time that the serving thread spent during two successive batches of {BATCH}, \
         server and generator pinned on one core, as in the row `growth`; the median of {SAVES} snapshots, and half of \
         the members written are new.",
        WRITING.connections,
        WRITING.pipeline,
        WRITING.connections * WRITING.pipeline,
    ));
    Ok(section)
}

/// A server with data of which snapshots are made.
struct Saved {
    server: Server,
    side: Side,
    empty_bytes: u64,
}

impl Saved {
    fn start(contender: &Contender) -> Outcome<Self> {
        let server = Server::start(contender, StartOptions::roaming(1))?;
        let empty_bytes = server.family_bytes()?;
        fill(&server, SET, KEYS)?;
        Ok(Self { server, side: contender.side, empty_bytes })
    }

    fn round(&self) -> Outcome<Round> {
        let mut link = connect(self.server.port)?;
        let rdb_ms = milliseconds(save(&self.server, &mut link)?);
        let own_ms = match self.side {
            Side::Peer => rdb_ms,
            Side::Ours => {
                ask(&mut link, &["CONFIG", "SET", "rdb-format", "spldb"])?;
                let took = save(&self.server, &mut link)?;
                ask(&mut link, &["CONFIG", "SET", "rdb-format", "rdb"])?;
                milliseconds(took)
            }
        };
        let growth_percent = self.growth_percent(&mut link)?;
        let (before_ms, during_ms) = self.latencies(&mut link)?;
        Ok(Round { rdb_ms, own_ms, growth_percent, before_ms, during_ms })
    }

    /// Saves while all keys are written as fast as possible.
    fn growth_percent(&self, link: &mut TcpStream) -> Outcome<f64> {
        let full_bytes = self.server.settled_bytes()?;
        let writes = Writes::start(self.server.port, KEYS, Duration::ZERO)?;
        thread::sleep(WATCHED / 4);
        let begun_bytes = self.server.family_bytes()?;
        let mut most_bytes = begun_bytes;
        let saving = Saving::begin(&self.server, link)?;
        while !saving.is_over()? {
            most_bytes = most_bytes.max(self.server.family_bytes()?);
            thread::sleep(LOOK);
        }
        settle(link)?;
        writes.finish()?;
        Ok(100.0 * (most_bytes - begun_bytes) as f64 / (full_bytes - self.empty_bytes) as f64)
    }

    /// Watches GETs beside writes, before and during a snapshot.
    fn latencies(&self, link: &mut TcpStream) -> Outcome<(f64, f64)> {
        let writes = Writes::start(self.server.port, KEYS, PAUSE)?;
        let get = Batch::new(&[Word::Text("GET"), KEY], 1, Reply::bulk(32));
        let probe = Probe::start(self.server.port, get, Keys::random(3, KEYS))?;
        thread::sleep(WATCHED);
        let start = Instant::now();
        let end = start + save(&self.server, link)?;
        let samples = probe.finish()?;
        writes.finish()?;
        let before = samples.iter().filter(|sample| sample.at + sample.took < start);
        let is_beside = |sample: &&Sample| sample.at + sample.took >= start && sample.at <= end;
        Ok((quantile_ms(before, 0.999), quantile_ms(samples.iter().filter(is_beside), 0.999)))
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Makes a snapshot and returns how long it took.
fn save(server: &Server, link: &mut TcpStream) -> Outcome<Duration> {
    let saving = Saving::begin(server, link)?;
    while !saving.is_over()? {
        thread::sleep(NAP);
    }
    let took = saving.begun.elapsed();
    settle(link)?;
    Ok(took)
}

/// A snapshot that is being made.
struct Saving<'s> {
    server: &'s Server,
    begun: Instant,
}

impl<'s> Saving<'s> {
    fn begin(server: &'s Server, link: &mut TcpStream) -> Outcome<Self> {
        for file in files(server)? {
            if file.exists() {
                fs::remove_file(file)?;
            }
        }
        let begun = Instant::now();
        ask(link, &["BGSAVE"])?;
        Ok(Self { server, begun })
    }

    /// Whether the file is there. A peer notices up to a tenth of a second later that its child has ended.
    fn is_over(&self) -> Outcome<bool> {
        if self.begun.elapsed() > PATIENCE {
            return Err(format!("no snapshot after {PATIENCE:?}").into());
        }
        Ok(files(self.server)?.iter().any(|file| file.exists()))
    }
}

/// Waits until the server, too, knows that its snapshot is there, so that the next one can begin.
fn settle(link: &mut TcpStream) -> Outcome {
    loop {
        let info = ask(link, &["INFO", "persistence"])?;
        if info.contains("rdb_bgsave_in_progress:0") {
            let is_ok = info.contains("rdb_last_bgsave_status:ok");
            return if is_ok { Ok(()) } else { Err("the snapshot has failed".into()) };
        }
        thread::sleep(NAP);
    }
}

/// The names that a snapshot may get.
fn files(server: &Server) -> Outcome<[PathBuf; 2]> {
    let folder = server.folder()?;
    Ok(["dump.rdb", "dump.spldb"].map(|name| folder.join(name)))
}

/// Saves a collection several times while members are written, and returns the longest server time of each.
fn save_written(contender: &Contender, kind: &Kind, core: usize) -> Outcome<Vec<f64>> {
    let server = Server::start(contender, StartOptions::pinned(core))?;
    affinity::pin(&[core])?;
    fill(&server, kind.add, MEMBERS)?;
    let mut link = connect(server.port)?;
    let mut load = Load::connect(server.port, Shape { connections: 1, pipeline: BATCH, groups: 1 })?;
    let mut batch = Batch::new(kind.add, BATCH, Reply::Line);
    let thread = serving_thread(&server, &mut load, &mut batch)?;
    let mut keys = Keys::random(7, WRITTEN);
    let longest = |_| {
        let mut account = Account::from(server.cpu_ns_of(&thread)?);
        let saving = Saving::begin(&server, &mut link)?;
        while !saving.is_over()? {
            load.run(&mut batch, &mut keys, BATCH as u64)?;
            account.note(server.cpu_ns_of(&thread)?);
        }
        settle(&mut link)?;
        Ok(account.longest_ms())
    };
    (0..SAVES).map(longest).collect()
}

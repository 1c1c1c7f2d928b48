//! The row `loading`: from the start of a server until it serves what it finds on disk.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::Bench;
use super::cpu::{KEY, VALUE, fill, per_contender};
use super::load::{ask, connect};
use super::report::{Better, Limit, Section};
use super::request::Word;
use super::server::{Contender, Server, Side};
use crate::{Outcome, server};

const KEYS: u64 = 5_000_000;

/// Between two looks at whether all keys are there.
const NAP: Duration = Duration::from_millis(1);

/// What is on disk.
struct Source {
    name: &'static str,
    settings: &'static [&'static str],
    /// Settings of ours that peers don't have; they are measured once for both.
    ours: &'static [&'static str],
    /// Whether a snapshot is made; otherwise a log was written.
    is_saved: bool,
}

const SNAPSHOT: &[&str] = &["--appendonly", "no"];

const SOURCES: [Source; 3] = [
    Source { name: "from an RDB file", settings: SNAPSHOT, ours: &[], is_saved: true },
    Source {
        name: "from a `.spldb` file; peers from RDB files",
        settings: SNAPSHOT,
        ours: &["--rdb-format", "spldb"],
        is_saved: true,
    },
    Source {
        name: "from a log of 5 M SETs",
        settings: &["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"],
        ours: &[],
        is_saved: false,
    },
];

/// What is loaded takes at most this share of the best peer's time.
const LIMIT: f64 = 0.5;

/// Measures starts from each source.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    for source in &SOURCES {
        let kept = bench.once(|contender| Kept::make(contender, source))?;
        let samples = bench.interleave(|index| kept[index].start(&bench.contenders[index]))?;
        let goal = (Better::Lower, Some(Limit::OfBest(LIMIT)));
        section.add(
            format!("start {}", source.name),
            "ms",
            goal,
            per_contender(&samples, |it: Start| it.took_ms),
        );
        let cpu = per_contender(&samples, |it| it.cpu_ms);
        section.add("CPU time of all threads till then", "ms", (Better::Lower, None), cpu);
    }
    section.note(
        "Keys of 16 bytes, values of 32, as each server wrote them itself; the files are in the system's cache. From \
         the start of the process until DBSIZE tells of all keys.",
    );
    Ok(section)
}

#[derive(Clone, Copy)]
struct Start {
    took_ms: f64,
    cpu_ms: f64,
}

/// A folder with what a server has written; it goes when this is dropped.
struct Kept {
    folder: PathBuf,
    settings: Vec<&'static str>,
}

impl Kept {
    fn make(contender: &Contender, source: &Source) -> Outcome<Self> {
        let mut settings = source.settings.to_vec();
        if contender.side == Side::Ours {
            settings.extend(source.ours);
        }
        let kept = Self { folder: server::fresh_folder()?, settings };
        let server = Server::start_in(&kept.folder, contender, &kept.settings)?;
        fill(&server, &[Word::Text("SET"), KEY, VALUE], KEYS)?;
        if source.is_saved {
            ask(&mut connect(server.port)?, &["SAVE"])?;
        }
        server.terminate()?;
        Ok(kept)
    }

    fn start(&self, contender: &Contender) -> Outcome<Start> {
        let begun = Instant::now();
        let server = Server::start_in(&self.folder, contender, &self.settings)?;
        let mut link = connect(server.port)?;
        // One that listens while it loads replies with an error until it has.
        while !ask(&mut link, &["DBSIZE"]).is_ok_and(|reply| reply == format!(":{KEYS}\r\n")) {
            if begun.elapsed() > server::TIMEOUT {
                return Err(format!("{}: keys are missing", contender.name).into());
            }
            thread::sleep(NAP);
        }
        let took_ms = begun.elapsed().as_secs_f64() * 1000.0;
        Ok(Start { took_ms, cpu_ms: server.cpu_ticks_ns()? as f64 / 1e6 })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // What is left lies among temporary files.
        drop(fs::remove_dir_all(&self.folder));
    }
}

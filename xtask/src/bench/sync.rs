//! The row `sync`: what it costs a primary that a replica comes while it is used, and how long that takes.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::Bench;
use super::affinity::NICEST;
use super::cpu::{KEY, fill, per_contender};
use super::load::{ask, connect};
use super::probe::{Probe, Sample, quantile_ms};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use super::writes::{PAUSE, SET, WRITING, Writes};
use crate::Outcome;

/// How long GETs are watched before.
const WATCHED: Duration = Duration::from_secs(2);
/// Between two looks at the memory, and at whether the replica is there.
const LOOK: Duration = Duration::from_millis(20);
/// A replica that takes longer will never be there.
const PATIENCE: Duration = Duration::from_secs(300);
/// What was written is acknowledged sooner.
const FOLLOWED: Duration = Duration::from_secs(50);
/// What a primary does about replicas that may come: it would wait for them.
const AT_ONCE: &[&str] = &["--appendonly", "no", "--repl-diskless-sync-delay", "0"];

#[derive(Clone, Copy)]
struct Round {
    growth_percent: f64,
    before_ms: f64,
    during_ms: f64,
    seconds: f64,
}

/// Measures full synchronizations of a replica, one for the memory and one for the latencies.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let keys = bench.millions * 1_000_000;
    let primaries = bench.once(|contender| Primary::start(contender, keys))?;
    let rounds = bench.interleave(|index| primaries[index].round())?;
    let column = |pick: fn(Round) -> f64| per_contender(&rounds, pick);
    let at_most = |limit| (Better::Lower, Some(Limit::Absolute(limit)));
    let informs = (Better::Lower, None);
    let mut section = Section::default();
    section.add("memory that it takes, at most", "% more", at_most(10.0), column(|it| it.growth_percent));
    section.add("GET beside SETs, p99.9", "ms", informs, column(|it| it.before_ms));
    section.add("the same while a replica comes", "ms", informs, column(|it| it.during_ms));
    section.add("a replica makes it longer by", "ms", at_most(1.0), column(|it| it.during_ms - it.before_ms));
    section.add("until the replica is online", "s", informs, column(|it| it.seconds));
    section.note(format!(
        "{} M keys of 16 bytes, values of 32. The replica is another server of the same program, and empty. Memory is what \
         the primary and its children have (Pss), at most, above what the primary had before. SETs are of random \
         keys, over {} connections at pipeline {} with a pause of a millisecond after each {}. The replica and who writes \
         have the lowest priority, so that on two cores what GETs wait for is the primary. A replica is online \
         when the primary says so; it then also acknowledges all that was written.",
        bench.millions,
        WRITING.connections,
        WRITING.pipeline,
        WRITING.connections * WRITING.pipeline,
    ));
    Ok(section)
}

/// A server with data that others copy.
struct Primary {
    server: Server,
    contender: Contender,
    keys: u64,
}

impl Primary {
    fn start(contender: &Contender, keys: u64) -> Outcome<Self> {
        let server =
            Server::start(contender, StartOptions { settings: AT_ONCE, ..StartOptions::roaming(1) })?;
        fill(&server, SET, keys)?;
        Ok(Self { server, contender: contender.clone(), keys })
    }

    fn round(&self) -> Outcome<Round> {
        let growth_percent = self.growth_percent()?;
        let (before_ms, during_ms, seconds) = self.latencies()?;
        Ok(Round { growth_percent, before_ms, during_ms, seconds })
    }

    fn growth_percent(&self) -> Outcome<f64> {
        let mut link = connect(self.server.port)?;
        self.server.settled_bytes()?;
        let before = self.server.family_bytes()?;
        let writes = Writes::start_nice(self.server.port, self.keys, PAUSE)?;
        let replica = self.replica()?;
        let mut most = before;
        let look = || {
            most = most.max(self.server.family_bytes()?);
            Ok(())
        };
        wait_until_online(&mut link, look)?;
        self.leave(&mut link, writes, replica)?;
        Ok(100.0 * (most - before) as f64 / before as f64)
    }

    /// Watches GETs beside writes, before a replica comes and until it is online; and how long that takes.
    fn latencies(&self) -> Outcome<(f64, f64, f64)> {
        let mut link = connect(self.server.port)?;
        let writes = Writes::start_nice(self.server.port, self.keys, PAUSE)?;
        let get = Batch::new(&[Word::Text("GET"), KEY], 1, Reply::bulk(32));
        let probe = Probe::start(self.server.port, get, Keys::random(3, self.keys))?;
        thread::sleep(WATCHED);
        let start = Instant::now();
        let replica = self.replica()?;
        let end = wait_until_online(&mut link, || Ok(()))?;
        let samples = probe.finish()?;
        self.leave(&mut link, writes, replica)?;
        let before = samples.iter().filter(|sample| sample.at + sample.took < start);
        let is_beside = |sample: &&Sample| sample.at + sample.took >= start && sample.at <= end;
        let during_ms = quantile_ms(samples.iter().filter(is_beside), 0.999);
        Ok((quantile_ms(before, 0.999), during_ms, (end - start).as_secs_f64()))
    }

    fn replica(&self) -> Outcome<Server> {
        let port = self.server.port.to_string();
        let settings = ["--appendonly", "no", "--replicaof", "127.0.0.1", &port];
        let under = ["nice", "-n", NICEST].map(str::to_owned);
        let options = StartOptions { under: &under, settings: &settings, ..StartOptions::roaming(1) };
        Server::start(&self.contender, options)
    }

    /// Ends the writes, lets the replica show that it has them, and ends that, too.
    fn leave(&self, link: &mut TcpStream, writes: Writes, replica: Server) -> Outcome {
        writes.finish()?;
        let patience = FOLLOWED.as_millis().to_string();
        let copies = ask(link, &["WAIT", "1", &patience])?;
        if copies != ":1\r\n" {
            return Err(format!("{}: the replica does not follow", self.contender.name).into());
        }
        drop(replica);
        while !ask(link, &["INFO", "replication"])?.contains("connected_slaves:0") {
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// Looks at something until the primary has a replica that is online; when that was.
fn wait_until_online(link: &mut TcpStream, mut look: impl FnMut() -> Outcome) -> Outcome<Instant> {
    let start = Instant::now();
    while !ask(link, &["INFO", "replication"])?.contains("state=online") {
        look()?;
        if start.elapsed() > PATIENCE {
            return Err("the replica is not online in time".into());
        }
        thread::sleep(LOOK);
    }
    Ok(Instant::now())
}

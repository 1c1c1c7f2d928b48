//! `cargo xtask crash`: whether a server that is killed comes back with what it promised to keep.
//!
//! A round is one life of the real program: several connections write numbered units, others have snapshots and logs
//! written and the log turned off and on, and at a random moment the process is killed. Sometimes the next one is
//! killed while it starts. What the one after it holds is judged; start reading at [`verdict`].
//!
//! A kill leaves to the kernel what was written, so this shows the order in which the server does things, not what
//! survives a power cut; `persistence/tests/crash` shows that on a simulated disk.

pub(crate) mod client;
mod disturber;
pub(crate) mod state;
mod unit;
pub(crate) mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::resp::Connection;
use crate::server::{self, Server};
use crate::{Outcome, workspace};
use client::{Client, Trace};
use disturber::Disturber;
use state::State;
use verdict::{Life, Loss};

/// How many connections write.
const CLIENTS: usize = 4;
/// How long a life lasts at most, in milliseconds. `everysec` promises what is older than a second.
const LIFE_MAX_MS: [usize; 2] = [500, 1800];
/// What `everysec` may lose: what was answered within a second, and a little for how late a busy machine notices.
const SECOND: Duration = Duration::from_millis(1200);
/// In how many of 100 rounds the server that starts is killed, too.
const STILLBORN_PERCENT: usize = 20;
/// How long it lives then at most, in milliseconds.
const STILLBORN_MAX_MS: usize = 40;

/// Options of `cargo xtask crash`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often the server is killed
    #[arg(long, default_value_t = 100)]
    rounds: usize,
    /// What happens when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The setting `appendfsync` [default: both, one after the other]
    #[arg(long, value_enum)]
    policy: Option<Policy>,
    /// The server to look at [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// When the log is made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Policy {
    Always,
    Everysec,
}

/// Runs the rounds. What is on disk after one that fails is left there.
///
/// # Errors
/// When a server doesn't start, or doesn't hold what it should.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let program = workspace::server(arguments.server.as_ref());
    let both = [Policy::Always, Policy::Everysec];
    let policies = arguments.policy.as_ref().map_or(&both[..], std::slice::from_ref);
    for policy in policies {
        let folder = server::fresh_folder()?;
        let mut lives = Lives::begin(&program, &folder, arguments.seed, *policy)?;
        for round in 0..arguments.rounds / policies.len() {
            let outcome = lives.round();
            outcome
                .map_err(|error| format!("round {round}, {policy:?}, in {}: {error}", folder.display()))?;
        }
        println!("{policy:?}: {}", lives.summary());
        drop(lives);
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// The lives of servers in one folder.
struct Lives<'a> {
    program: &'a Path,
    folder: &'a Path,
    seed: u64,
    policy: Policy,
    random: Random,
    /// The one that runs; none only while it is replaced.
    server: Option<Server>,
    /// What each client's keys hold.
    states: Vec<State>,
    /// The number of each client's next unit.
    next: Vec<u64>,
    seen: Seen,
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    rounds: usize,
    units: usize,
    lost: usize,
    reach: Duration,
    stillborn: usize,
    while_off: usize,
}

impl<'a> Lives<'a> {
    fn begin(program: &'a Path, folder: &'a Path, seed: u64, policy: Policy) -> Outcome<Self> {
        let mut lives = Self {
            program,
            folder,
            seed,
            policy,
            random: Random::new(seed),
            server: None,
            states: vec![State::default(); CLIENTS],
            next: vec![1; CLIENTS],
            seen: Seen::default(),
        };
        lives.server = Some(lives.start()?);
        Ok(lives)
    }

    /// Returns the settings of a life. Most log their base as a snapshot, some as commands.
    fn settings(&mut self) -> Vec<String> {
        let policy = format!("{:?}", self.policy).to_lowercase();
        let or = |is_on: bool| if is_on { "yes" } else { "no" };
        let (notes_time, preamble) = (or(self.random.chance(30)), or(self.random.chance(80)));
        let words = [
            ["--appendonly", "yes"],
            ["--appendfsync", &policy],
            ["--aof-timestamp-enabled", notes_time],
            ["--aof-use-rdb-preamble", preamble],
            ["--auto-aof-rewrite-min-size", "4mb"],
            ["--io-threads", "2"],
        ];
        words.concat().into_iter().map(str::to_owned).collect()
    }

    fn start(&mut self) -> Outcome<Server> {
        let settings = self.settings();
        Server::start_in(self.folder, self.program, &settings)
    }

    /// Lets a server live, kills it, starts the next, and judges what that one holds.
    fn round(&mut self) -> Outcome {
        let server = self.server.take().ok_or("the round before failed")?;
        let (life, is_log_off) = self.live(server)?;
        if self.random.chance(STILLBORN_PERCENT) {
            self.start_and_kill()?;
        }
        let server = self.start()?;
        let mut connection = Connection::open(server.address())?;
        let (found, loss) = life.judge(&mut connection)?;
        self.seen.note(&loss, is_log_off);
        for (client, found) in found.into_iter().enumerate() {
            self.seen.units += found.units;
            self.next[client] += found.units as u64;
            self.states[client] = found.state;
        }
        self.server = Some(server);
        Ok(())
    }

    /// Has clients write to the server until it is killed, and says whether its log was off then.
    fn live(&mut self, server: Server) -> Outcome<(Life, bool)> {
        let is_killed = AtomicBool::new(false);
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let (connection, random) = (Connection::open(server.address())?, self.chance());
            let (seed, policy) = (self.seed, self.policy);
            clients.push(Client { number, seed, policy, connection, random, is_killed: &is_killed });
        }
        let connection = Connection::open(server.address())?;
        let disturber = Disturber { connection, random: self.chance(), is_killed: &is_killed };
        let time = Duration::from_millis(self.random.below(LIFE_MAX_MS[self.policy as usize]) as u64);
        let (traces, off_since, killed) = thread::scope(|scope| -> Outcome<_> {
            let writers = clients.into_iter().zip(self.next.clone());
            let writers: Vec<_> = writers
                .map(|(client, first)| {
                    scope.spawn(move || client.run(first).map_err(|error| error.to_string()))
                })
                .collect();
            let disturber = scope.spawn(move || disturber.run().map_err(|error| error.to_string()));
            thread::sleep(time);
            is_killed.store(true, Ordering::Release);
            let killed = Instant::now();
            server.kill()?;
            let traces: Result<Vec<Trace>, String> =
                writers.into_iter().map(|writer| writer.join().expect("a client doesn't panic")).collect();
            let off_since = disturber.join().expect("it doesn't panic")?;
            Ok((traces?, off_since, killed))
        })?;
        // While the disk holds up the log, replies stop; what is lost was answered in the second before they did.
        let last = traces.iter().filter_map(|trace| trace.answered.last()).max().copied().unwrap_or(killed);
        let until = off_since.unwrap_or(killed).min(last);
        let grace = if self.policy == Policy::Always { Duration::ZERO } else { SECOND };
        let promised = until.checked_sub(grace).ok_or("the machine has just started")?;
        let life = Life { seed: self.seed, traces, starts: self.states.clone(), promised, killed };
        Ok((life, off_since.is_some()))
    }

    fn start_and_kill(&mut self) -> Outcome {
        let settings = self.settings();
        let (mut child, _) = server::spawn(&[], self.program, self.folder, &settings)?;
        thread::sleep(Duration::from_millis(self.random.below(STILLBORN_MAX_MS) as u64));
        child.kill()?;
        child.wait()?;
        self.seen.stillborn += 1;
        Ok(())
    }

    /// Returns a source of chance that follows from the seed.
    fn chance(&mut self) -> Random {
        Random::new(self.random.bits())
    }

    fn summary(&self) -> String {
        let seen = &self.seen;
        format!(
            "{} kills, {} of them while the log was off, and {} while starting; {} units are there; with the \
             log on, {} were answered and lost, all within {:.0} ms before a kill",
            seen.rounds,
            seen.while_off,
            seen.stillborn,
            seen.units,
            seen.lost,
            seen.reach.as_secs_f64() * 1000.0
        )
    }
}

impl Seen {
    fn note(&mut self, loss: &Loss, is_log_off: bool) {
        self.rounds += 1;
        if is_log_off {
            self.while_off += 1;
            return;
        }
        self.lost += loss.answered;
        self.reach = self.reach.max(loss.reach);
    }
}

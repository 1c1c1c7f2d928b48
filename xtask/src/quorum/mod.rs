//! `cargo xtask quorum`: whether what enough replicas have acknowledged outlives the primary.
//!
//! A round is one life of a primary: several connections write numbered units, and at a random moment it is killed. Before
//! that it may stand still for a while, or its replicas may, so that they lack much. The replica that is furthest takes its
//! place, the others follow it, and another one comes. What it holds is judged as after a [crash](crate::crash): every unit
//! that was answered must be there, and none by half.
//!
//! Where copies on disk are asked for, the replicas are killed, too, and started again with what is on their disks.

mod group;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::crash::Policy;
use crate::crash::client::{Client, Trace};
use crate::crash::state::State;
use crate::crash::verdict::Life;
use crate::random::Random;
use crate::resp::Connection;
use crate::{Outcome, workspace};
use group::{Group, signal};

/// How many connections write.
const CLIENTS: usize = 4;
/// How long a life lasts at most, in milliseconds.
const LIFE_MAX_MS: usize = 400;
/// How long somebody stands still at most before the primary is killed, in milliseconds.
const STOP_MAX_MS: usize = 150;

/// Options of `cargo xtask quorum`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often a primary is killed
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// What happens when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Asks for no quorum, and only counts what is lost
    #[arg(long)]
    without_quorum: bool,
    /// The server to look at [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// How many replicas there are, and how many must have what is written.
#[derive(Clone, Copy)]
struct Variant {
    quorum: usize,
    replicas: usize,
    durability: &'static str,
}

const VARIANTS: [Variant; 3] = [
    Variant { quorum: 1, replicas: 2, durability: "memory" },
    Variant { quorum: 2, replicas: 3, durability: "memory" },
    Variant { quorum: 1, replicas: 2, durability: "disk" },
];

impl Variant {
    fn settings(self, has_quorum: bool) -> Vec<String> {
        let quorum = if has_quorum { self.quorum } else { 0 }.to_string();
        let log = if self.is_on_disk() { "yes" } else { "no" };
        let words = [
            ["--write-quorum", &quorum],
            ["--write-quorum-durability", self.durability],
            ["--write-quorum-timeout", "0"],
            ["--appendonly", log],
            ["--repl-backlog-size", "64mb"],
            ["--io-threads", "2"],
        ];
        words.concat().into_iter().map(str::to_owned).collect()
    }

    fn is_on_disk(self) -> bool {
        self.durability == "disk"
    }
}

/// Who stands still before the primary is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Nobody,
    Primary,
    /// One replica.
    Replica,
    Replicas,
}

/// Runs the rounds, the same number of each variant.
///
/// # Errors
/// When something was answered and is not there, or a server does not do what it is told.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let program = workspace::server(arguments.server.as_ref());
    for (place, variant) in VARIANTS.into_iter().enumerate() {
        let rounds =
            arguments.rounds / VARIANTS.len() + usize::from(place < arguments.rounds % VARIANTS.len());
        let mut lives = Lives::begin(&program, variant, arguments)?;
        for round in 0..rounds {
            lives.round().map_err(|error| format!("round {round}, {}: {error}", variant.name()))?;
        }
        println!("{}: {}", variant.name(), lives.summary());
    }
    Ok(())
}

impl Variant {
    fn name(self) -> String {
        format!("{} of {} replicas, {}", self.quorum, self.replicas, self.durability)
    }
}

/// The lives of primaries that take over from each other.
struct Lives<'a> {
    group: Group<'a>,
    seed: u64,
    has_quorum: bool,
    random: Random,
    /// What each client's keys hold.
    states: Vec<State>,
    /// The number of each client's next unit.
    next: Vec<u64>,
    kills: usize,
    stops: usize,
    units: usize,
    lost: usize,
}

impl<'a> Lives<'a> {
    fn begin(program: &'a Path, variant: Variant, arguments: &Arguments) -> Outcome<Self> {
        let has_quorum = !arguments.without_quorum;
        let settings = variant.settings(has_quorum);
        Ok(Self {
            group: Group::start(program, settings, variant.replicas, variant.is_on_disk())?,
            seed: arguments.seed,
            has_quorum,
            random: Random::new(arguments.seed),
            states: vec![State::default(); CLIENTS],
            next: vec![1; CLIENTS],
            kills: 0,
            stops: 0,
            units: 0,
            lost: 0,
        })
    }

    /// Lets a primary live, kills it, lets a replica take over, and judges what that one holds.
    fn round(&mut self) -> Outcome {
        let begun = Instant::now();
        let (traces, killed) = self.live()?;
        self.kills += 1;
        // Without a quorum nothing was promised.
        let promised = if self.has_quorum { Instant::now() } else { begun };
        let life = Life { seed: self.seed, traces, starts: self.states.clone(), promised, killed };
        let (found, loss) = self.group.take_over(|connection| life.judge(connection))?;
        self.lost += loss.answered;
        for (client, found) in found.into_iter().enumerate() {
            self.units += found.units;
            self.next[client] += found.units as u64;
            self.states[client] = found.state;
        }
        self.group.complete()
    }

    /// Has clients write to the primary until it is killed; what they saw, and when that was.
    fn live(&mut self) -> Outcome<(Vec<Trace>, Instant)> {
        let is_killed = AtomicBool::new(false);
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let (connection, random) = (Connection::open(self.group.address())?, self.chance());
            let (seed, policy, is_killed) = (self.seed, Policy::Always, &is_killed);
            clients.push(Client { number, seed, policy, connection, random, is_killed });
        }
        let time = Duration::from_millis(self.random.below(LIFE_MAX_MS) as u64);
        let stop = [Stop::Nobody, Stop::Primary, Stop::Replica, Stop::Replicas][self.random.below(4)];
        let stop_time = Duration::from_millis(self.random.below(STOP_MAX_MS) as u64);
        self.stops += usize::from(stop != Stop::Nobody);
        let (stopped, next) = (self.group.processes(stop), self.next.clone());
        let primary = self.group.take_primary()?;
        thread::scope(|scope| -> Outcome<_> {
            let writers: Vec<_> = clients
                .into_iter()
                .zip(next)
                .map(|(client, first)| {
                    scope.spawn(move || client.run(first).map_err(|error| error.to_string()))
                })
                .collect();
            thread::sleep(time);
            stopped.iter().try_for_each(|process| signal("STOP", *process))?;
            if stop != Stop::Nobody {
                thread::sleep(stop_time);
            }
            is_killed.store(true, Ordering::Release);
            let killed = Instant::now();
            primary.kill()?;
            if stop != Stop::Primary {
                stopped.iter().try_for_each(|process| signal("CONT", *process))?;
            }
            let traces: Result<Vec<Trace>, String> =
                writers.into_iter().map(|writer| writer.join().expect("a client doesn't panic")).collect();
            Ok((traces?, killed))
        })
    }

    /// Returns a source of chance that follows from the seed.
    fn chance(&mut self) -> Random {
        Random::new(self.random.bits())
    }

    fn summary(&self) -> String {
        format!(
            "{} primaries killed, {} of them while somebody stood still; {} units are there; {} were answered and are lost",
            self.kills, self.stops, self.units, self.lost
        )
    }
}

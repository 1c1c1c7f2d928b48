//! `cargo xtask replicas`: whether replicas hold what their primary holds, whatever happens to them.
//!
//! Writers call all commands that change data, in several databases, while links are cut and replicas are killed. After each
//! round everybody stops, and all must hold the same. A primary and its replicas may be ours or those we compare with, and replicas
//! may be copied by others.

mod comparison;
mod fleet;
mod handover;
mod writer;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::oracle::{bounds, commands, grammar};
use crate::random::Random;
use crate::resp::Connection;
use crate::server::{self, Server};
use crate::{Outcome, peers, workspace};
use comparison::compare;
use fleet::Fleet;
use writer::write;

/// Connections that write.
const WRITERS: u64 = 3;
/// How long a writer writes per round.
const ROUND: Duration = Duration::from_millis(1500);

/// Options of `cargo xtask replicas`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Who is copied: spinel, redis8 or valkey9
    #[arg(long, default_value = "spinel")]
    primary: String,
    /// Who copies, by comma; spinel/redis8/valkey9 for a chain, each of which copies the one before
    #[arg(long, default_value = "redis8,valkey9")]
    replicas: String,
    /// How often everybody stops and is compared
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// How often the primary changes at the end, while clients write
    #[arg(long, default_value_t = 0)]
    failovers: u64,
    /// Names the writes and what happens meanwhile
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Our server [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// Writes, disturbs and compares.
///
/// # Errors
/// When a replica does not get to hold what its primary holds.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let ours = workspace::server(arguments.server.as_ref());
    let find = |name: &str| if name == "spinel" { Ok(ours.clone()) } else { peers::find(name, "server") };
    let debug = ["--enable-debug-command", "yes"].map(str::to_owned);
    // Its log tells what happened to a key that differs.
    // A replica may be away for a second.
    let own = ["--appendonly", "yes", "--repl-backlog-size", "256mb"].map(str::to_owned);
    let logged = [&debug[..], &own].concat();
    let folder = server::fresh_folder()?;
    let primary = Server::start_in(&folder, &find(&arguments.primary)?, &logged)?;
    let mut admin = Connection::open(primary.address())?;
    if arguments.primary != "spinel" {
        // It would wait for others before it begins a snapshot.
        admin.expect(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"])?;
    }
    let mut fleet = Fleet::start(&primary, &arguments.replicas, find)?;
    let commands = shared_commands(&mut admin, &arguments.primary, &fleet.names())?;
    let mut random = Random::new(arguments.seed);
    for round in 1..=arguments.rounds {
        let seed = arguments.seed * 1_000_000 + round * 1_000;
        let is_stopping = AtomicBool::new(false);
        thread::scope(|scope| -> Outcome {
            let writers: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let (address, commands, stop) = (primary.address(), &commands, &is_stopping);
                    scope.spawn(move || {
                        write(address, commands, seed + number, stop).map_err(|error| error.to_string())
                    })
                })
                .collect();
            let disturbed = disturb(&mut fleet, &mut random);
            is_stopping.store(true, Ordering::Relaxed);
            for writer in writers {
                writer.join().map_err(|_| "a writer panicked")??;
            }
            disturbed
        })?;
        let keys = compare(&mut admin, &fleet).map_err(|error| {
            format!("round {round} of seed {}: {error}\n{}", arguments.seed, primary.last_lines())
        })?;
        println!("round {round}: {keys} keys are the same everywhere");
    }
    fleet.judge()?;
    if arguments.failovers > 0 {
        admin.expect(&["FLUSHALL"])?;
        let (mut servers, mut names) = (vec![&primary], vec![arguments.primary.as_str()]);
        for replica in fleet.of_primary() {
            servers.push(&replica.server);
            names.push(&replica.name);
        }
        handover::run(&servers, &names, arguments.failovers, &mut random)?;
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The commands that all of these servers have, and that change data. Where others are among them, their forms are those that the
/// first of these knows.
fn shared_commands(
    admin: &mut Connection,
    primary: &str,
    replicas: &[&str],
) -> Outcome<Vec<grammar::Command>> {
    let mut all = grammar::commands(&admin.expect(&["COMMAND", "DOCS"])?);
    let names = [replicas, &[primary]].concat();
    for (place, name) in names.iter().filter(|name| **name != "spinel").enumerate() {
        let server = Server::start(&peers::find(name, "server")?, &[])?;
        let mut connection = Connection::open(server.address())?;
        let listed = commands::listed_names(&mut connection)?;
        if place == 0 {
            let ours: BTreeSet<String> = all.into_iter().map(|command| command.name).collect();
            all = grammar::commands(&connection.expect(&["COMMAND", "DOCS"])?);
            all.retain(|command| ours.contains(&command.name));
        }
        all.retain(|command| listed.contains(&command.name));
    }
    // Valkey has fields that expire, too, and tells of them in other digests.
    let has_valkey = names.iter().any(|name| name.starts_with("valkey"));
    let expires_fields = |name: &str| name.starts_with('h') && (name.contains("exp") || name.ends_with("ex"));
    all.retain(|command| {
        let is_data = [
            "string",
            "bitmap",
            "generic",
            "list",
            "hash",
            "set",
            "sorted-set",
            "stream",
            "hyperloglog",
            "geo",
        ]
        .contains(&command.group.as_str());
        is_data && bounds::is_safe(&command.name) && !(has_valkey && expires_fields(&command.name))
    });
    Ok(all)
}

/// Cuts links and kills a replica while writers write.
fn disturb(fleet: &mut Fleet<'_>, random: &mut Random) -> Outcome {
    let begun = Instant::now();
    let kill_at = random.chance(30).then(|| ROUND / 2);
    let mut has_killed = false;
    while begun.elapsed() < ROUND {
        thread::sleep(Duration::from_millis(100 + random.below(400) as u64));
        if kill_at.is_some_and(|at| begun.elapsed() >= at) && !has_killed {
            has_killed = true;
            fleet.replace(random.below(fleet.replicas.len()))?;
        } else if random.chance(60) {
            fleet.cut()?;
        }
    }
    Ok(())
}

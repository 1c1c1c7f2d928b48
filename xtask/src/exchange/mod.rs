//! `cargo xtask exchange`: whether we and the servers we compare with read what the others write.
//!
//! One data set of all types is made on a server, which saves it, logs it, and dumps each key. Another server loads
//! the file, replays the log, restores the payloads, and each time must hold the same: per key its type, its expiry,
//! the digest of its value, the groups of streams, and the functions. Their tools that check files accept ours.

mod dataset;
mod portrait;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::resp::Connection;
use crate::server::{self, Server};
use crate::{Outcome, command, peers, workspace};
use dataset::Fields;
use portrait::{Aspect, Portrait};

/// The file that a save makes.
const SNAPSHOT: &str = "dump.rdb";
/// The folder of a log, and the file in it that names the others.
const LOG: &str = "appendonlydir";
const MANIFEST: &str = "appendonly.aof.manifest";
/// How long a rewrite may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of `cargo xtask exchange`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Names the data sets
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many data sets there are
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The server to look at [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// A server to exchange with, and what it can't read.
struct Peer {
    name: &'static str,
    /// Whether fields expire there.
    fields: Fields,
    /// Whether it reads the hashes with fields that expire of others.
    foreign_fields: Fields,
    /// What it tells in other words.
    other_words: &'static [Aspect],
}

/// Redis 7.0 takes digests of scores with all 17 digits. Valkey has a form of its own for hashes whose fields expire, and
/// refuses the one of Redis; we read both. Its digests don't cover that they expire.
const PEERS: [Peer; 3] = [
    Peer {
        name: "redis7",
        fields: Fields::Stay,
        foreign_fields: Fields::Stay,
        other_words: &[Aspect::ScoresDigest, Aspect::WholeDigest],
    },
    Peer { name: "redis8", fields: Fields::Expire, foreign_fields: Fields::Expire, other_words: &[] },
    Peer {
        name: "valkey9",
        fields: Fields::Expire,
        foreign_fields: Fields::Stay,
        other_words: &[Aspect::FieldsDigest, Aspect::WholeDigest],
    },
];

/// Exchanges everything with every peer.
///
/// # Errors
/// When something is refused, or is not the same afterwards.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let ours = workspace::server(arguments.server.as_ref());
    let mut failed = 0;
    for seed in arguments.seed..arguments.seed + arguments.seeds {
        let calls = dataset::calls(seed, Fields::Expire);
        failed += Made::by(("spinel", &ours), &calls)?.give(("spinel", &ours), &[], &[])?;
        for peer in &PEERS {
            let theirs = peers::find(peer.name, "server")?;
            let (us, them) = (("spinel", ours.as_path()), (peer.name, theirs.as_path()));
            let from_them = Made::by(them, &dataset::calls(seed, peer.fields))?;
            failed += from_them.give(us, &[], peer.other_words)?;
            let tools = [peers::find(peer.name, "check-rdb")?, peers::find(peer.name, "check-aof")?];
            let from_us = Made::by(us, &dataset::calls(seed, peer.foreign_fields))?;
            failed += from_us.give(them, &tools, peer.other_words)?;
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} exchanges failed").into()) }
}

/// A server with its data, and with the files that it has written.
struct Made {
    name: &'static str,
    server: Server,
    folder: PathBuf,
    portrait: Portrait,
}

impl Made {
    /// Makes the data on a server, which rewrites its log half way and saves in the end.
    fn by((name, program): (&'static str, &Path), calls: &[dataset::Call]) -> Outcome<Self> {
        let folder = server::fresh_folder()?;
        let server = Server::start_in(&folder, program, &settings("yes"))?;
        let mut connection = Connection::open(server.address())?;
        let half = calls.len() / 2;
        for (place, call) in calls.iter().enumerate() {
            if place == half {
                rewrite(&mut connection)?;
            }
            let reply = connection.call(call)?;
            if reply.is_error() {
                let words: Vec<String> =
                    call.iter().take(3).map(|word| word.escape_ascii().to_string()).collect();
                return Err(format!("{name}: {} …: {}", words.join(" "), reply.text()).into());
            }
        }
        connection.expect(&["SAVE"])?;
        let portrait = Portrait::of(&mut connection)?;
        Ok(Self { name, server, folder, portrait })
    }

    /// Gives the data to another server in each way, with its own tools looking at the files first; and returns in how
    /// many ways that failed.
    fn give(self, (name, program): (&str, &Path), tools: &[PathBuf], except: &[Aspect]) -> Outcome<usize> {
        let mut ways = vec![("payloads", self.restore(program, except))];
        let Self { name: giver, server, folder, portrait } = self;
        server.terminate()?;
        if let [check_snapshot, check_log] = tools {
            let manifest = folder.join(LOG).join(MANIFEST);
            ways.push(("its check of the file", check(check_snapshot, &folder.join(SNAPSHOT))));
            ways.push(("its check of the log", check(check_log, &manifest)));
        }
        ways.push(("file", load(program, &folder.join(SNAPSHOT), &portrait, except)));
        ways.push(("log", load(program, &folder.join(LOG), &portrait, &[except, &[Aspect::Seen]].concat())));
        let mut failed = 0;
        for (way, outcome) in ways {
            let ending = match &outcome {
                Ok(()) => format!("{} keys are the same", portrait.keys()),
                Err(error) => format!("FAILED: {error}"),
            };
            failed += usize::from(outcome.is_err());
            println!("{giver} to {name}, {way}: {ending}");
        }
        fs::remove_dir_all(folder)?;
        Ok(failed)
    }

    /// Restores each key from its payload, and the functions from theirs.
    fn restore(&self, program: &Path, except: &[Aspect]) -> Outcome {
        let taker = Server::start(program, &settings("no"))?;
        let mut from = Connection::open(self.server.address())?;
        let mut to = Connection::open(taker.address())?;
        for db in 0..16 {
            let select = ["SELECT".to_owned(), db.to_string()];
            from.call(&select)?;
            to.call(&select)?;
            for key in portrait::keys(&mut from)? {
                let payload = from.call(&[&b"DUMP"[..], &key])?;
                let expiry = from.call(&[&b"PEXPIRETIME"[..], &key])?;
                let expiry = expiry.integer().unwrap_or(-1).max(0).to_string();
                let payload = payload.bytes().ok_or("DUMP gave nothing")?;
                let reply = to.call(&[&b"RESTORE"[..], &key, expiry.as_bytes(), payload, b"ABSTTL"])?;
                if reply.is_error() {
                    return Err(format!("RESTORE {}: {}", key.escape_ascii(), reply.text()).into());
                }
            }
        }
        let functions = from.expect(&["FUNCTION", "DUMP"])?;
        let payload = functions.bytes().unwrap_or_default();
        let reply = to.call(&[&b"FUNCTION"[..], b"RESTORE", payload])?;
        if reply.is_error() {
            return Err(format!("FUNCTION RESTORE: {}", reply.text()).into());
        }
        Portrait::of(&mut to)?.must_be(&self.portrait, except)
    }
}

fn settings(appendonly: &str) -> Vec<String> {
    ["--appendonly", appendonly, "--enable-debug-command", "yes"].map(str::to_owned).to_vec()
}

/// Has the log written anew and waits until it is.
fn rewrite(connection: &mut Connection) -> Outcome {
    // A server that was just started may not have its first base yet.
    await_rewrite(connection)?;
    connection.expect(&["BGREWRITEAOF"])?;
    await_rewrite(connection)
}

/// Waits until no log is being written anew.
fn await_rewrite(connection: &mut Connection) -> Outcome {
    let started = Instant::now();
    loop {
        let told = connection.expect(&["INFO", "persistence"])?.text();
        if told.contains("aof_rewrite_in_progress:0\r\n") && told.contains("aof_rewrite_scheduled:0\r\n") {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err("the log is not written anew".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a tool that checks a file.
fn check(tool: &Path, file: &Path) -> Outcome {
    command::output(Command::new(tool).arg(file)).map(drop)
}

/// Starts a server with a copy of a snapshot or of a log that another has left, and compares what it holds.
fn load(program: &Path, left: &Path, original: &Portrait, except: &[Aspect]) -> Outcome {
    let copy = server::fresh_folder()?;
    command::run(Command::new("cp").arg("-r").arg(left).arg(&copy))?;
    let appendonly = if left.is_dir() { "yes" } else { "no" };
    let server = Server::start_in(&copy, program, &settings(appendonly))?;
    Portrait::of(&mut Connection::open(server.address())?)?.must_be(original, except)?;
    drop(server);
    Ok(fs::remove_dir_all(copy)?)
}

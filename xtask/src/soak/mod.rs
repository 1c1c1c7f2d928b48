//! `cargo xtask soak`: many connections lock many keys, databases and the whole server against each other.
//!
//! A watchdog looks at every connection. One that has waited longer than anything may take is a finding, which is
//! shown with what the connections sent and the stacks of the server's threads. In the end the server must still
//! agree with itself: what it counts is what it holds.

mod client;
mod commands;
mod counts;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::resp::Connection;
use crate::server::Server;
use crate::{Outcome, command, workspace};
use client::{Client, Watched};
use commands::Commands;

/// How many threads the server has.
const THREADS: &str = "4";
/// How long a reply may take; what blocks does so for 20 ms.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the watchdog looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long the connections go on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many connections there are
    #[arg(long, default_value_t = 32)]
    connections: u64,
    /// Which commands are sent
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The server to look at [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// Runs the connections and the watchdog.
///
/// # Errors
/// When a reply didn't come, a connection broke, or the server's counts are wrong.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let program = workspace::server(arguments.server.as_ref());
    let server = Server::start(&program, &["--io-threads".to_owned(), THREADS.to_owned()])?;
    let mut control = Connection::open(server.address())?;
    let listed = control.expect(&["COMMAND", "LIST"])?;
    let commands = Commands::new(listed.items().iter().map(|name| name.text().to_lowercase()).collect());
    let mut clients = (0..arguments.connections)
        .map(|number| Client::connect(server.address(), arguments.seed * 1000 + number))
        .collect::<Outcome<Vec<_>>>()?;
    let watched: Vec<Watched> = clients.iter().map(|_| Watched::new()).collect();

    let started = Instant::now();
    let server = drive(&mut clients, &watched, &commands, server, Duration::from_secs(arguments.seconds))?;
    let answered: u64 = watched.iter().map(|client| client.answered.load(Ordering::Relaxed)).sum();
    let seconds = started.elapsed().as_secs_f64();
    println!("{answered} replies to {} connections in {seconds:.1} s", watched.len());
    let keys = counts::check(&mut control)?;
    println!("{keys} keys are left and counted right");
    drop(server);
    Ok(())
}

/// Lets the clients go on for `time` and watches them; returns the server if it answered all.
fn drive(
    clients: &mut [Client],
    watched: &[Watched],
    commands: &Commands,
    server: Server,
    time: Duration,
) -> Outcome<Server> {
    let (started, is_over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (client, watched) in clients.iter_mut().zip(watched) {
            let is_over = &is_over;
            threads.push(scope.spawn(move || {
                client.run(commands, watched, started, is_over).map_err(|error| error.to_string())
            }));
        }
        let seen = watch(watched, started, time, &server);
        is_over.store(true, Ordering::Relaxed);
        // A server that hangs is ended, so that those who wait for it end, too.
        let server = seen.map(|()| server);
        let ends: Vec<Result<(), String>> =
            threads.into_iter().map(|thread| thread.join().expect("a client doesn't panic")).collect();
        let server = server?;
        ends.into_iter()
            .collect::<Result<(), String>>()
            .map_err(|error| format!("{error}\n{}", server.last_lines()))?;
        Ok(server)
    })
}

/// Looks at the clients until `time` is over.
fn watch(watched: &[Watched], started: Instant, time: Duration, server: &Server) -> Outcome {
    while started.elapsed() < time {
        thread::sleep(LOOK_EVERY);
        let late = |client: &Watched| client.awaited(started).is_some_and(|(waited, _)| waited > PATIENCE);
        if watched.iter().any(late) {
            let waiting = watched.iter().filter_map(|client| client.awaited(started));
            let lines: Vec<String> =
                waiting.map(|(waited, sent)| format!("{:>7.1} s: {sent}", waited.as_secs_f64())).collect();
            let stacks = stacks(server.id());
            return Err(format!("no reply for {PATIENCE:?}:\n{}\n{stacks}", lines.join("\n")).into());
        }
    }
    Ok(())
}

/// Returns the stacks of a process's threads, as the first debugger that is there shows them.
fn stacks(id: u32) -> String {
    let id = id.to_string();
    let gdb = ["-p", &id, "-batch", "-ex", "thread apply all backtrace"];
    let shown = command::output(Command::new("gdb").args(gdb));
    let shown = shown.or_else(|_| command::output(Command::new("eu-stack").args(["-p", &id])));
    shown.unwrap_or_else(|error| format!("(no stacks: {error})"))
}

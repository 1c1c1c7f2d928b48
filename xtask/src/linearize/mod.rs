//! `cargo xtask linearize`: whether what concurrent clients see can be explained by one order of their operations.
//!
//! Eight connections act on a few keys of a server with several threads and note when each operation was called and
//! when it returned. Between rounds all are quiet. A model of the keys then looks for an order in which each
//! operation happens at one moment between the two and every reply is what the model says. Start reading at
//! [`search`].

mod load;
mod operation;
mod search;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::resp::Connection;
use crate::server::Server;
use crate::{Outcome, workspace};
use load::{Client, GROUPS, Group};
use operation::Operation;
use state::State;

/// How many connections act.
const CLIENTS: usize = 8;
/// How many threads the server has.
const THREADS: &str = "4";
/// Every so many rounds, one reply is changed to see that the search notices.
const CHANGED_EVERY: usize = 50;
/// What no client ever writes.
const FOREIGN: &[u8] = b"foreign";

/// Options of `cargo xtask linearize`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long the clients act
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The server to look at [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// What has been looked at.
#[derive(Default)]
struct Checked {
    rounds: usize,
    operations: usize,
    windows: usize,
    longest: usize,
    changed: usize,
}

/// How a client is told to do a round, and hands it over; it ends when nobody tells it any more.
struct Link {
    go: Sender<()>,
    seen: Receiver<Round>,
}

/// What one client did in a round.
type Round = Vec<(Group, Operation)>;

/// Runs the clients and looks at what they saw.
///
/// # Errors
/// When it can't be explained, or the search doesn't notice a reply that was changed.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let program = workspace::server(arguments.server.as_ref());
    let server = Server::start(&program, &["--io-threads".to_owned(), THREADS.to_owned()])?;
    let commands = Arc::new(commands(&server)?);
    let started = Instant::now();
    let mut clients = (0..CLIENTS)
        .map(|number| Client::connect(server.address(), number, started, &commands))
        .collect::<Outcome<Vec<_>>>()?;
    let checked = thread::scope(|scope| {
        let mut links = Vec::new();
        for client in &mut clients {
            let (go, start) = mpsc::channel();
            let (sender, seen) = mpsc::channel();
            scope.spawn(move || client.run(&start, &sender).map_err(|error| eprintln!("a client: {error}")));
            links.push(Link { go, seen });
        }
        look(Duration::from_secs(arguments.seconds), &links)
    })?;
    println!(
        "{} operations in {} rounds are explained; {} windows, the longest of {} operations; {} changed replies noticed",
        checked.operations, checked.rounds, checked.windows, checked.longest, checked.changed
    );
    Ok(())
}

fn commands(server: &Server) -> Outcome<BTreeSet<String>> {
    let list = Connection::open(server.address())?.expect(&["COMMAND", "LIST"])?;
    Ok(list.items().iter().map(|name| name.text().to_lowercase()).collect())
}

/// Has the clients do rounds and looks at each, until the time is over.
fn look(time: Duration, links: &[Link]) -> Outcome<Checked> {
    let started = Instant::now();
    let mut states: BTreeMap<Group, BTreeSet<State>> =
        GROUPS.iter().map(|group| (*group, BTreeSet::from([State::default()]))).collect();
    let mut checked = Checked::default();
    while started.elapsed() < time {
        links.iter().try_for_each(|link| link.go.send(()))?;
        let round = links.iter().map(|link| link.seen.recv()).collect::<Result<Vec<_>, _>>()?;
        checked.add(&round.concat(), &mut states)?;
    }
    Ok(checked)
}

impl Checked {
    /// Looks at a round that began in one of `states`, which become those that it may have ended in.
    fn add(&mut self, round: &Round, states: &mut BTreeMap<Group, BTreeSet<State>>) -> Outcome {
        self.rounds += 1;
        self.operations += round.len();
        for (group, states) in states {
            let mut operations: Vec<Operation> = round
                .iter()
                .filter(|(other, _)| other == group)
                .map(|(_, operation)| operation.clone())
                .collect();
            operations.sort_by_key(|operation| operation.called);
            for window in search::windows(&operations) {
                *states = self.step(window, states)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, window: &[Operation], starts: &BTreeSet<State>) -> Outcome<BTreeSet<State>> {
        let ends = search::ends(starts, window);
        if ends.is_empty() {
            return Err(format!("no order explains this window:\n{}", shown(window, starts)).into());
        }
        self.windows += 1;
        self.longest = self.longest.max(window.len());
        if self.rounds.is_multiple_of(CHANGED_EVERY) {
            self.change(window, starts)?;
        }
        Ok(ends)
    }

    /// Changes a reply that holds a text and looks again, which must fail.
    fn change(&mut self, window: &[Operation], starts: &BTreeSet<State>) -> Outcome {
        let mut changed = window.to_vec();
        let is_text = |operation: &&mut Operation| operation.reply.marker() == b'$';
        let Some(operation) = changed.iter_mut().find(is_text) else { return Ok(()) };
        operation.reply = state::text(FOREIGN.to_vec());
        if !search::ends(starts, &changed).is_empty() {
            return Err(format!("a changed reply was not noticed:\n{}", shown(&changed, starts)).into());
        }
        self.changed += 1;
        Ok(())
    }
}

/// Returns a window as text: the states it may have begun in, and its operations with their times in microseconds.
fn shown(window: &[Operation], starts: &BTreeSet<State>) -> String {
    let first = window.first().map_or(0, |operation| operation.called);
    let micros = |time: u64| (time - first) as f64 / 1000.0;
    let states: Vec<String> = starts.iter().map(|state| format!("  from {state:?}\n")).collect();
    let lines = window.iter().map(|operation| {
        let (called, returned) = (micros(operation.called), micros(operation.returned));
        format!("  {called:>9.1} to {returned:>9.1} µs: {:?} gave {:?}\n", operation.action, operation.reply)
    });
    states.into_iter().chain(lines).collect()
}

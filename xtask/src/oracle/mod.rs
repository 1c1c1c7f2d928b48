//! `cargo xtask oracle`: the same calls to a reference server and to ours, compared byte for byte.
//!
//! Calls are made from the usage that the reference states in COMMAND DOCS, so a command is covered as soon as we
//! have it. They come in sequences: each starts with empty servers and new connections and ends by reading the
//! whole state, so a difference can be replayed and shrunk without what went before. Start reading at [`Run`].
//!
//! - [`mod@run`]: the course of a run.
//! - [`grammar`], [`values`], [`generate`], [`bounds`], [`thresholds`]: from usage to calls.
//! - [`duel`], [`allowed`]: playing calls on both servers and comparing.
//! - [`events`]: what a listener of keyspace notifications hears of each call.
//! - [`shrink`], [`finding`]: from a difference to a transcript.
//! - [`access`]: users by generated rules, and what they may do.
//! - [`programs`]: several connections at once: what blocks, wakes, watches, subscribes and is pushed.
//! - [`commands`]: comparing COMMAND INFO and COMMAND DOCS.

mod access;
mod allowed;
pub(crate) mod bounds;
pub(crate) mod commands;
mod duel;
mod events;
mod finding;
pub(crate) mod generate;
pub(crate) mod grammar;
mod lexical;
mod programs;
mod run;
mod shrink;
mod thresholds;
mod values;

use std::path::PathBuf;

use crate::{Outcome, peers, workspace};
use duel::{Duel, Side};
use run::Run;

/// Options of `cargo xtask oracle`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds to run, from 1 on
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Calls per seed, shared by the protocols
    #[arg(long, default_value_t = 30_000)]
    calls: usize,
    /// Run only this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Only commands of these groups: string, bitmap, generic, connection, server, … [default: all]
    #[arg(long, value_delimiter = ',')]
    groups: Vec<String>,
    /// Which protocol to speak
    #[arg(long, value_enum, default_value_t = Protocols::Both)]
    resp: Protocols,
    /// The server under test [default: spinel-server in the target folder]
    #[arg(long, value_name = "PATH", conflicts_with = "against")]
    ours: Option<PathBuf>,
    /// Use the running server at HOST:PORT as the one under test; its data is flushed
    #[arg(long, value_name = "ADDR")]
    against: Option<String>,
    /// The server to compare with
    #[arg(long, value_enum, default_value_t = Reference::Redis8)]
    reference: Reference,
    /// Stop after this many different findings
    #[arg(long, value_name = "N", default_value_t = 1)]
    keep_going: usize,
    /// Compare the events of keyspace notifications, too, call by call
    #[arg(long)]
    events: bool,
    /// Compare COMMAND INFO and the structure of COMMAND DOCS instead of running calls
    #[arg(long)]
    commands: bool,
    /// Compare what users may do, by generated rules and calls, in this many checks per seed
    #[arg(long, value_name = "N", conflicts_with_all = ["against", "commands"])]
    acl: Option<usize>,
    /// Play this many programs of several connections per seed instead of single calls
    #[arg(long, value_name = "N", conflicts_with_all = ["against", "commands"])]
    programs: Option<usize>,
    /// Play the program in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against", "commands"])]
    program: Option<PathBuf>,
    /// Only programs of these themes [default: all]
    #[arg(long, value_delimiter = ',')]
    themes: Vec<String>,
    /// How many pairs of servers play programs at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pairs: u8,
}

/// The protocols a run speaks.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocols {
    #[value(name = "2")]
    Resp2,
    #[value(name = "3")]
    Resp3,
    Both,
}

impl Protocols {
    fn numbers(self) -> &'static [u8] {
        match self {
            Self::Resp2 => &[2],
            Self::Resp3 => &[3],
            Self::Both => &[2, 3],
        }
    }
}

/// The servers to compare with.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Reference {
    Redis8,
    Valkey9,
}

/// Compares our server with the reference.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let reference = match arguments.reference {
        Reference::Redis8 => "redis8",
        Reference::Valkey9 => "valkey9",
    };
    let reference = peers::find(reference, "server")?;
    if arguments.programs.is_some() || arguments.program.is_some() {
        return programs::run(arguments, &reference, &our_program(arguments)?);
    }
    let mut reference = Side::start(reference)?;
    let mut ours = our_side(arguments)?;
    if let Some(checks) = arguments.acl {
        return compare_rights(arguments, checks, &mut reference, &mut ours);
    }
    if arguments.commands {
        return commands::compare(&mut reference.connect(3)?, &mut ours.connect(3)?);
    }
    let shared = grammar::commands(&reference.connect(3)?.expect(&["COMMAND", "DOCS"])?);
    let own = grammar::commands(&ours.connect(3)?.expect(&["COMMAND", "DOCS"])?);
    let listed = commands::listed_names(&mut ours.connect(3)?)?;
    let chosen = |command: &&grammar::Command| {
        let in_group = arguments.groups.is_empty()
            || arguments.groups.contains(&command.group)
            || generate::reads_state(&command.name);
        in_group && listed.contains(&command.name) && bounds::is_safe(&command.name)
    };
    let shared: Vec<&grammar::Command> = shared.iter().filter(chosen).collect();
    let own: Vec<&grammar::Command> = own.iter().filter(chosen).collect();
    if shared.is_empty() {
        return Err("the servers share no command of these groups".into());
    }
    println!("{} commands compared, {} of ours in all", shared.len(), own.len());
    let mut run = Run::new(Duel::new(reference, ours, arguments.events), arguments.keep_going);
    let protocols = arguments.resp.numbers();
    let seeds = arguments.seed.map_or(1..=arguments.seeds, |seed| seed..=seed);
    for (seed, &protocol) in seeds.flat_map(|seed| protocols.iter().map(move |protocol| (seed, protocol))) {
        run.seed(seed, protocol, arguments.calls / protocols.len(), (&shared, &own))?;
    }
    run.summary()
}

/// Compares what users may do, of the commands that both servers have.
fn compare_rights(arguments: &Arguments, checks: usize, reference: &mut Side, ours: &mut Side) -> Outcome {
    let shared = grammar::commands(&reference.connect(3)?.expect(&["COMMAND", "DOCS"])?);
    let listed = commands::listed_names(&mut ours.connect(3)?)?;
    // DEBUG has other subcommands in each server, and the reference takes any word for one.
    let chosen = |command: &&grammar::Command| listed.contains(&command.name) && command.name != "debug";
    let shared: Vec<&grammar::Command> = shared.iter().filter(chosen).collect();
    println!("rights to {} commands compared", shared.len());
    let mut run = access::Run::new(reference, ours, arguments.keep_going)?;
    for seed in arguments.seed.map_or(1..=arguments.seeds, |seed| seed..=seed) {
        run.seed(seed, checks, &shared)?;
    }
    run.summary()
}

fn our_side(arguments: &Arguments) -> Outcome<Side> {
    if let Some(address) = &arguments.against {
        return Ok(Side::at(address));
    }
    Side::start(our_program(arguments)?)
}

fn our_program(arguments: &Arguments) -> Outcome<PathBuf> {
    let program = workspace::server(arguments.ours.as_ref());
    if !program.is_file() {
        return Err(
            format!("{} is missing: run `cargo build -p spinel-server` first", program.display()).into()
        );
    }
    Ok(program)
}

//! Developer verbs of the workspace, run as `cargo xtask VERB`.
//!
//! One module per verb, each with its clap `Arguments` and a `run` that does the work. What several verbs need stands
//! in [`workspace`] (where things are), [`command`] (running other programs), [`server`] and [`resp`] (speaking to
//! servers) and [`random`] (chance that repeats itself). Nothing here depends on the crates it looks after, so the
//! verbs still work while those do not compile.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod command;
mod crash;
mod deny;
mod dist;
mod exchange;
mod fuzz;
mod linearize;
mod manuals;
mod metrics;
mod oracle;
mod packaging;
mod peers;
mod quorum;
mod random;
mod record;
mod replicas;
mod resp;
mod server;
mod soak;
mod source;
mod tidy;
mod tools;
mod transcript;
mod workspace;

/// What a verb ends with: success, or a message for the developer.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The command line of `cargo xtask`.
#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer verbs of the SpinelDB workspace")]
struct Invocation {
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs, in the order of their names.
#[derive(Subcommand)]
enum Verb {
    /// Measures our server beside its peers and prints the table.
    Bench(bench::Arguments),
    /// Runs everything that must hold before a change lands.
    Ci(ci::Arguments),
    /// Kills our server under load, again and again, and checks that it comes back with what it promised to keep.
    Crash(crash::Arguments),
    /// Builds the programs as they are released and packs them with what belongs to them.
    Dist(dist::Arguments),
    /// Has our server and its peers read what the others write: files, logs and payloads.
    Exchange(exchange::Arguments),
    /// Cuts and kills replicas while their primary is written to, and compares what they hold.
    Replicas(replicas::Arguments),
    /// Kills primaries whose writes wait for replicas, and checks that what was answered outlives them.
    Quorum(quorum::Arguments),
    /// Runs the fuzz targets.
    Fuzz(fuzz::Arguments),
    /// Checks that what concurrent clients see can be explained by one order of their operations.
    Linearize(linearize::Arguments),
    /// Writes the pages of the manual and the completions of shells.
    Manuals(manuals::Arguments),
    /// Prints how large and how well described the sources are.
    Metrics(metrics::Arguments),
    /// Sends the same generated calls to a reference server and to ours and compares the replies.
    Oracle(oracle::Arguments),
    /// Unpacks the servers we compare with, Redis 7 and 8 and Valkey 9, from Debian's packages.
    Peers(peers::Arguments),
    /// Writes into transcripts what the reference server replies, or compares with it.
    Record(record::Arguments),
    /// Has many connections lock many keys against each other and watches for replies that don't come.
    Soak(soak::Arguments),
    /// Checks the rules of the house that the compiler doesn't check.
    Tidy(tidy::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Invocation::parse().verb {
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Ci(arguments) => ci::run(&arguments),
        Verb::Crash(arguments) => crash::run(&arguments),
        Verb::Dist(arguments) => dist::run(&arguments),
        Verb::Exchange(arguments) => exchange::run(&arguments),
        Verb::Replicas(arguments) => replicas::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Linearize(arguments) => linearize::run(&arguments),
        Verb::Manuals(arguments) => manuals::run(&arguments),
        Verb::Metrics(arguments) => metrics::run(&arguments),
        Verb::Oracle(arguments) => oracle::run(&arguments),
        Verb::Peers(arguments) => peers::run(&arguments),
        Verb::Quorum(arguments) => quorum::run(&arguments),
        Verb::Record(arguments) => record::run(&arguments),
        Verb::Soak(arguments) => soak::run(&arguments),
        Verb::Tidy(arguments) => tidy::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `cargo xtask ci`: everything that must hold before a change lands, in the order in which it is cheapest to
//! learn that it doesn't.
//!
//! A step that fails doesn't hide the ones after it: all run, a table closes the run, and it fails if any did.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Outcome, command, deny, fuzz, packaging, peers, workspace};

/// Options of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Steps to run: fmt, deny, clippy, tests, features, tidy, docs, package, packaging, sanitizer, peers, clients, record, oracle, linearize,
    /// soak, crash, exchange, replicas, quorum, fuzz [default: all]
    steps: Vec<String>,
    /// Leaves out the tests, because they have just run
    #[arg(long)]
    after_tests: bool,
    /// How long each fuzz target runs
    #[arg(long, default_value_t = 5)]
    fuzz_seconds: u64,
    /// Seeds that the oracle runs, from 1 on
    #[arg(long, default_value_t = 10)]
    oracle_seeds: u64,
    /// Calls of each of its seeds
    #[arg(long, default_value_t = 30_000)]
    oracle_calls: u64,
    /// Programs of several connections of each of its seeds
    #[arg(long, default_value_t = 200)]
    oracle_programs: u64,
}

/// A part of the run.
struct Step {
    name: &'static str,
    run: fn(&Arguments) -> Outcome<Ending>,
}

/// How a step that did not fail ended.
pub(crate) enum Ending {
    Done,
    /// All was checked but this.
    Lacking(&'static str),
    /// Nothing was checked, for this reason.
    Skipped(&'static str),
}

const STEPS: [Step; 21] = [
    Step { name: "fmt", run: format },
    Step { name: "deny", run: |_| deny::check() },
    Step { name: "clippy", run: clippy },
    Step { name: "tests", run: tests },
    Step { name: "features", run: features },
    Step { name: "tidy", run: |_| own_verb(&["tidy"]) },
    Step { name: "docs", run: docs },
    Step { name: "package", run: package },
    Step { name: "packaging", run: |_| packaging::check() },
    Step { name: "sanitizer", run: sanitizer },
    Step { name: "peers", run: |_| own_verb(&["peers"]) },
    Step { name: "clients", run: clients },
    Step { name: "record", run: |_| own_verb(&["record", "--check"]) },
    Step { name: "oracle", run: oracle },
    Step { name: "linearize", run: |_| own_verb(&["linearize", "--server", &release_server()?]) },
    Step {
        name: "soak",
        run: |_| own_verb(&["soak", "--seconds", SOAK_SECONDS, "--server", &release_server()?]),
    },
    Step {
        name: "crash",
        run: |_| own_verb(&["crash", "--rounds", CRASH_ROUNDS, "--server", &release_server()?]),
    },
    Step { name: "exchange", run: |_| own_verb(&["exchange", "--server", &release_server()?]) },
    Step { name: "replicas", run: replicas },
    Step {
        name: "quorum",
        run: |_| own_verb(&["quorum", "--rounds", QUORUM_ROUNDS, "--server", &release_server()?]),
    },
    Step { name: "fuzz", run: fuzz },
];

/// How long the soak lasts here; by hand it may go on for hours.
const SOAK_SECONDS: &str = "20";

/// How often the server is killed here; by hand it may be thousands of times.
const CRASH_ROUNDS: &str = "40";

/// How often replicas are compared here; by hand it may be hundreds of times.
const REPLICA_ROUNDS: &str = "4";

/// How often a primary is killed whose writes wait for replicas; by hand it may be thousands of times.
const QUORUM_ROUNDS: &str = "15";

/// Who is copied by whom.
const COPIES: [(&str, &str); 3] =
    [("spinel", "spinel/spinel,redis8,valkey9"), ("redis8", "spinel"), ("valkey9", "spinel")];

/// How many checks of rights each of two seeds makes here; by hand it may be any number.
const ACL_CHECKS: &str = "10000";

/// What npm fetches for the tests of clients.
const NODE_PACKAGES: [&str; 4] =
    ["bullmq@6.7.0", "redlock@4.2.0", "ioredis@5.11.1", "playwright-core@1.65.1"];

/// What pip fetches for the tests of HTTP.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Where Debian puts the browser that the console is tested in.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Crates that are not published.
const UNPUBLISHED: [&str; 2] = ["xtask", "spinel-tests"];

/// Runs the steps and prints how long each took and how it ended.
///
/// # Errors
/// When a step failed.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for step in chosen(arguments)? {
        println!("\n=== {}", step.name);
        let started = Instant::now();
        let outcome = (step.run)(arguments);
        if let Err(error) = &outcome {
            println!("{}: {error}", step.name);
            failed.push(format!("{}: {error}", step.name));
        }
        lines.push(summary(step.name, &outcome, started.elapsed()));
    }
    println!("\n=== summary\n{}", lines.join("\n"));
    // Once more, at the end: what a step has printed is far above by now.
    if failed.is_empty() { Ok(()) } else { Err(format!("ci: failed:\n{}", failed.join("\n")).into()) }
}

fn chosen(arguments: &Arguments) -> Outcome<Vec<&'static Step>> {
    for name in &arguments.steps {
        if !STEPS.iter().any(|step| step.name == name) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            return Err(format!("no step is called {name}; there are {}", known.join(", ")).into());
        }
    }
    let is_named =
        |step: &&Step| arguments.steps.is_empty() || arguments.steps.iter().any(|name| step.name == name);
    let is_left = |step: &&Step| !(arguments.after_tests && step.name == "tests");
    Ok(STEPS.iter().filter(is_named).filter(is_left).collect())
}

fn summary(name: &str, outcome: &Outcome<Ending>, elapsed: Duration) -> String {
    let ending = match outcome {
        Ok(Ending::Done) => "ok".to_owned(),
        Ok(Ending::Lacking(what)) => format!("ok, BUT NOT CHECKED: {what}"),
        Ok(Ending::Skipped(reason)) => format!("skipped: {reason}"),
        Err(_) => "FAILED".to_owned(),
    };
    format!("{name:<10} {:>5} s  {ending}", elapsed.as_secs())
}

fn done(command: &mut Command) -> Outcome<Ending> {
    command::run(command)?;
    Ok(Ending::Done)
}

fn cargo(words: &[&str]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(words);
    cargo
}

/// Runs another verb of this program.
fn own_verb(words: &[&str]) -> Outcome<Ending> {
    done(Command::new(std::env::current_exe()?).args(words).current_dir(workspace::root()))
}

fn format(_: &Arguments) -> Outcome<Ending> {
    done(&mut cargo(&["fmt", "--all", "--check"]))?;
    done(&mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

fn clippy(_: &Arguments) -> Outcome<Ending> {
    done(&mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn tests(_: &Arguments) -> Outcome<Ending> {
    done(&mut cargo(&["test", "--workspace"]))
}

/// Checks and tests what only other builds than the default one have.
fn features(_: &Arguments) -> Outcome<Ending> {
    let server = ["--quiet", "--package", "spinel-server", "--features", "otel"];
    done(cargo(&["test"]).args(server).args(["--test", "program", "traces"]))
}

fn docs(_: &Arguments) -> Outcome<Ending> {
    let mut doc = cargo(&["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    done(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Builds every published crate from what its package would hold.
fn package(_: &Arguments) -> Outcome<Ending> {
    // Cargo remembers by the path of this folder what a package of the same version held the last time.
    let moment = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let folder = workspace::target().join(format!("package-{moment}"));
    let mut package = cargo(&["package", "--quiet", "--workspace", "--allow-dirty", "--target-dir"]);
    package.arg(&folder).args(UNPUBLISHED.iter().flat_map(|name| ["--exclude", name]));
    let outcome = done(&mut package);
    fs::remove_dir_all(folder)?;
    outcome
}

/// Runs the tests of the crate with `unsafe` modules under `AddressSanitizer`.
fn sanitizer(_: &Arguments) -> Outcome<Ending> {
    if !workspace::has_nightly() {
        return Ok(Ending::Skipped("no nightly compiler"));
    }
    let mut test = workspace::nightly_cargo();
    test.args(["test", "--quiet", "--package", "spinel-types", "--lib", "--tests"]);
    test.args(["--target", workspace::TRIPLE, "--target-dir"]).arg(workspace::target().join("sanitizer"));
    // Containers withhold the right that the search for leaks needs.
    done(test.env("RUSTFLAGS", "-Zsanitizer=address").env("ASAN_OPTIONS", "detect_leaks=0"))
}

/// Runs the tests that need programs of others: those of Python and Node, and the tools unpacked with the peers.
fn clients(_: &Arguments) -> Outcome<Ending> {
    let cli = peers::find("redis8", "cli")?;
    let tools = cli.parent().expect("a program is in a folder");
    let python = std::env::var_os("SPINEL_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let modules = node_modules()?;
    let schemathesis = schemathesis(&python)?;
    let mut test = cargo(&["test", "--workspace", "--test", "end_to_end", "--", "--ignored"]);
    test.env("SPINEL_TEST_TOOLS", tools).env("SPINEL_TEST_PYTHON", python);
    let browser = std::env::var_os("SPINEL_TEST_BROWSER").unwrap_or_else(|| CHROMIUM.into());
    test.env("SPINEL_TEST_SCHEMATHESIS", schemathesis).env("SPINEL_TEST_BROWSER", browser);
    done(test.env("SPINEL_TEST_NODE_MODULES", modules))
}

/// Returns the folder of the packages that tests need, which npm fetches the first time.
fn node_modules() -> Outcome<PathBuf> {
    if let Some(folder) = std::env::var_os("SPINEL_TEST_NODE_MODULES") {
        return Ok(folder.into());
    }
    let folder = workspace::cache().join("spinel-clients");
    let modules = folder.join("node_modules");
    let is_there = |package: &&str| package.split('@').next().is_some_and(|name| modules.join(name).is_dir());
    if !NODE_PACKAGES.iter().all(is_there) {
        fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
        command::run(npm.args(NODE_PACKAGES))?;
    }
    Ok(modules)
}

/// Returns the program that tries HTTP by its description, which pip fetches the first time.
fn schemathesis(python: &OsStr) -> Outcome<PathBuf> {
    if let Some(program) = std::env::var_os("SPINEL_TEST_SCHEMATHESIS") {
        return Ok(program.into());
    }
    let folder = workspace::cache().join("spinel-clients").join(SCHEMATHESIS);
    let program = folder.join("bin/schemathesis");
    if !program.is_file() {
        command::run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        command::run(pip.args(["-m", "pip", "install", "--quiet", SCHEMATHESIS]))?;
    }
    Ok(program)
}

/// Builds our server as those run it who don't look into it, and returns the path of the program.
fn release_server() -> Outcome<String> {
    done(&mut cargo(&["build", "--release", "--package", "spinel-server", "--bin", "spinel-server"]))?;
    Ok(workspace::target().join("release").join("spinel-server").display().to_string())
}

/// Compares generated calls, programs of several connections, rights of users, then the command table, with Redis 8.
fn oracle(arguments: &Arguments) -> Outcome<Ending> {
    peers::find("redis8", "server")?;
    let ours = release_server()?;
    let (seeds, calls) = (arguments.oracle_seeds.to_string(), arguments.oracle_calls.to_string());
    own_verb(&["oracle", "--ours", &ours, "--seeds", &seeds, "--calls", &calls])?;
    let programs = arguments.oracle_programs.to_string();
    own_verb(&["oracle", "--ours", &ours, "--seeds", &seeds, "--programs", &programs, "--pairs", "2"])?;
    own_verb(&["oracle", "--ours", &ours, "--seeds", "2", "--acl", ACL_CHECKS])?;
    own_verb(&["oracle", "--ours", &ours, "--commands"])
}

fn replicas(_: &Arguments) -> Outcome<Ending> {
    let server = release_server()?;
    for (primary, replicas) in COPIES {
        let parts = ["--primary", primary, "--replicas", replicas, "--rounds", REPLICA_ROUNDS];
        own_verb(&[&["replicas"], &parts[..], &["--server", &server]].concat())?;
    }
    Ok(Ending::Done)
}

fn fuzz(arguments: &Arguments) -> Outcome<Ending> {
    if !workspace::has_nightly() {
        return Ok(Ending::Skipped("no nightly compiler"));
    }
    fuzz::run_all(arguments.fuzz_seconds)?;
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(steps: &[&str], after_tests: bool) -> Arguments {
        let steps = steps.iter().map(ToString::to_string).collect();
        Arguments {
            steps,
            after_tests,
            fuzz_seconds: 1,
            oracle_seeds: 1,
            oracle_calls: 1,
            oracle_programs: 1,
        }
    }

    fn names(steps: &[&str], after_tests: bool) -> Vec<&'static str> {
        chosen(&arguments(steps, after_tests)).unwrap().iter().map(|step| step.name).collect()
    }

    #[test]
    fn steps_run_in_their_own_order() {
        assert_eq!(names(&[], false).len(), STEPS.len());
        assert_eq!(names(&["fuzz", "fmt"], false), ["fmt", "fuzz"]);
        assert!(!names(&[], true).contains(&"tests"));
        assert!(chosen(&arguments(&["coffee"], false)).is_err());
    }

    #[test]
    fn the_summary_tells_skipped_from_done() {
        let line = |outcome| summary("docs", &outcome, Duration::from_secs(3));
        assert_eq!(line(Ok(Ending::Done)), "docs           3 s  ok");
        assert!(line(Ok(Ending::Skipped("no nightly compiler"))).ends_with("skipped: no nightly compiler"));
        assert!(line(Ok(Ending::Lacking("holes"))).ends_with("ok, BUT NOT CHECKED: holes"));
        assert!(line(Err("x".into())).ends_with("FAILED"));
    }
}

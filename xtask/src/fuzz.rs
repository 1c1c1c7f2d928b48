//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/`.
//!
//! They are libFuzzer programs. What cargo-fuzz would do, which is to pass the compiler the right flags and
//! libFuzzer the right folders, is short enough to be done here, so there is one tool less to install.

use std::env;
use std::fs;
use std::iter;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::slice;
use std::sync::Mutex;
use std::thread;

use crate::{Outcome, command, workspace};

/// Inputs may be this long. Most mistakes need far fewer bytes, and short inputs run faster.
const INPUT_BYTES_MAX: usize = 4096;

/// What makes the compiler count edges and comparisons for libFuzzer, and check memory.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Zsanitizer=address",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target to run [default: all]
    target: Option<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Builds and runs the target that was named, or all.
///
/// # Errors
/// When there is no nightly compiler, a target doesn't build, or one finds something; the input is kept then.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if !workspace::has_nightly() {
        return Err("fuzzing needs a nightly compiler: `rustup toolchain install nightly`".into());
    }
    match &arguments.target {
        None => run_all(arguments.seconds),
        Some(target) => {
            build(slice::from_ref(target))?;
            run_target(target, arguments.seconds)
        }
    }
}

/// Builds all targets and runs each for `seconds`, one on each core at a time.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_all(seconds: u64) -> Outcome {
    let targets = targets()?;
    build(&targets)?;
    let waiting = Mutex::new(targets.iter());
    let runner = || loop {
        let Some(target) = waiting.lock().ok().and_then(|mut targets| targets.next()) else { return Ok(()) };
        run_target(target, seconds).map_err(|error| error.to_string())?;
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let runners: Vec<_> = (0..cores).map(|_| scope.spawn(runner)).collect();
        let results = runners.into_iter().map(|runner| runner.join().expect("a runner doesn't panic"));
        results.collect::<Result<(), String>>().map_err(Into::into)
    })
}

/// Returns the names of the targets, in order.
fn targets() -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

/// Returns the folder for what is built and discovered.
fn output() -> PathBuf {
    workspace::target().join("fuzz")
}

/// Builds targets with one call, so that the cores share what each needs of the compiler and the linker.
fn build(targets: &[String]) -> Outcome {
    let mut cargo = workspace::nightly_cargo();
    cargo.args(["build", "--quiet", "--release", "--target", workspace::TRIPLE]);
    for target in targets {
        cargo.args(["--bin", target]);
    }
    cargo.arg("--manifest-path").arg(folder().join("Cargo.toml"));
    cargo.arg("--target-dir").arg(output());
    command::run(cargo.env("RUSTFLAGS", FLAGS.join(" ")))
}

fn run_target(target: &str, seconds: u64) -> Outcome {
    let seeds = folder().join("corpus").join(target);
    let discovered = created(&output().join("corpus").join(target))?;
    let findings = created(&output().join("findings").join(target))?;
    let mut fuzzer = Command::new(output().join(workspace::TRIPLE).join("release").join(target));
    fuzzer.arg(&discovered);
    if seeds.is_dir() {
        fuzzer.arg(seeds);
    }
    fuzzer.arg(format!("-max_total_time={seconds}"));
    fuzzer.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    fuzzer.arg(format!("-artifact_prefix={}/", findings.display()));
    fuzzer.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
    fuzzer.env("ASAN_OPTIONS", options());
    let output = fuzzer.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{log}");
        return Err(format!("{target} found something, kept in {}", findings.display()).into());
    }
    let figures = log.lines().filter_map(|line| line.strip_prefix("stat::"));
    let title = format!("fuzzed {target} for {seconds} s");
    println!("{}", iter::once(&*title).chain(figures).collect::<Vec<_>>().join("\n  "));
    Ok(())
}

/// Returns `AddressSanitizer`'s options: those of the environment, and no search for leaks, which needs a right
/// that containers do not have.
fn options() -> String {
    let own = env::var("ASAN_OPTIONS").unwrap_or_default();
    format!("{own}:detect_leaks=0")
}

fn created(folder: &Path) -> Outcome<PathBuf> {
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_seeds() {
        let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")),
                "{target} is not built"
            );
            assert!(folder().join("corpus").join(&target).is_dir(), "{target} has no seeds");
        }
    }
}

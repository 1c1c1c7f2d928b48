//! Programs of others: redis-py, Celery, `BullMQ`, redlock, `redis-cli`, `redis-benchmark`.
//!
//! They are not on every machine, so these tests are ignored unless asked for; asked for, they fail without them:
//!
//! ```text
//! SPINEL_TEST_PYTHON=python3 SPINEL_TEST_NODE_MODULES=… SPINEL_TEST_TOOLS=/usr/bin \
//!     cargo test -p spinel-tests -- --ignored
//! ```
//!
//! `SPINEL_TEST_PYTHON` is a Python that has redis-py and Celery, `SPINEL_TEST_NODE_MODULES` the folder where npm put
//! bullmq, redlock and ioredis, `SPINEL_TEST_TOOLS` the folder of the last two programs, whose names may begin with
//! `redis` followed by a release, as in `redis8-cli`.

use spinel_tests::{Client, Server, programs};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

pub(crate) fn variable(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: see the top of {}", file!()))
}

/// Finds `redis-NAME`, or one of a certain release, as in `redis8-NAME`.
fn tool(name: &str) -> PathBuf {
    let folder = PathBuf::from(variable("SPINEL_TEST_TOOLS"));
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let is_wanted = |path: &PathBuf| {
        let file = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        let release = file.strip_prefix("redis").and_then(|rest| rest.strip_suffix(&format!("-{name}")));
        release.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut found = entries.map(|entry| entry.expect("it is listed").path()).filter(is_wanted);
    found.next().unwrap_or_else(|| panic!("no redis-{name} in {}", folder.display()))
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}:\n{printed}\n{errors}", output.status);
    printed.into_owned()
}

#[test]
#[ignore = "needs redis-py: set SPINEL_TEST_PYTHON"]
fn redis_py() {
    let server = Server::start(&["--requirepass", "secret"]);
    let script = programs::workspace().join("tests/clients/redis_py.py");
    let mut python = Command::new(variable("SPINEL_TEST_PYTHON"));
    let printed = output(python.arg(script).arg(server.port().to_string()).arg("secret"));
    assert!(printed.ends_with("all passed\n"), "{printed}");
}

/// Runs a program of `clients/` to its end against a server of its own.
fn run_client(server: &Server, mut interpreter: Command, file: &str) {
    let script = programs::workspace().join("tests/clients").join(file);
    let printed = output(interpreter.arg(script).arg(server.port().to_string()));
    assert!(printed.ends_with("all passed\n"), "{printed}");
}

pub(crate) fn node() -> Command {
    let mut node = Command::new("node");
    node.env("NODE_PATH", variable("SPINEL_TEST_NODE_MODULES"));
    node
}

#[test]
#[ignore = "needs bullmq: set SPINEL_TEST_NODE_MODULES"]
fn bullmq() {
    run_client(&Server::start(&[]), node(), "bullmq.js");
}

#[test]
#[ignore = "needs redlock and ioredis: set SPINEL_TEST_NODE_MODULES"]
fn redlock() {
    run_client(&Server::start(&[]), node(), "redlock.js");
}

#[test]
#[ignore = "needs Celery: set SPINEL_TEST_PYTHON"]
fn celery() {
    run_client(&Server::start(&[]), Command::new(variable("SPINEL_TEST_PYTHON")), "celery_tasks.py");
}

#[test]
#[ignore = "needs redis-benchmark: set SPINEL_TEST_TOOLS"]
fn redis_benchmark() {
    let server = Server::start(&[]);
    let mut benchmark = Command::new(tool("benchmark"));
    benchmark.args(["-p", &server.port().to_string(), "-t", "ping,set,get,incr,mset", "-P", "16"]);
    let printed = output(benchmark.args(["-n", "20000", "-r", "1000", "--csv"]));

    for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"] {
        let is_measured = |line: &str| line.starts_with(&format!("\"{test}\",\""));
        assert!(printed.lines().any(is_measured), "{test} is missing:\n{printed}");
    }
    let mut client = Client::connect(server.port());
    let stats = client.text(["INFO", "commandstats"]);
    for (name, calls) in [("set", 20_000), ("get", 20_000), ("incr", 20_000), ("mset", 20_000)] {
        assert!(stats.contains(&format!("cmdstat_{name}:calls={calls},")), "{name}:\n{stats}");
    }
    assert!(!stats.contains("failed_calls=1"), "{stats}");
}

#[test]
#[ignore = "needs redis-cli: set SPINEL_TEST_TOOLS"]
fn redis_cli() {
    let server = Server::start(&[]);
    let run = |options: &str| {
        let mut program = Command::new(tool("cli"));
        output(program.args(["-p", &server.port().to_string()]).args(options.split(' ')))
    };
    assert_eq!(run("SET k v"), "OK\n");
    assert_eq!(run("--no-raw GET k"), "\"v\"\n");
    assert_eq!(run("-3 --json CONFIG GET maxclients"), "{\"maxclients\":\"10000\"}\n");
    assert_eq!(run("-n 2 INCR n"), "1\n");
    assert_eq!(run("--no-raw -2 MGET k none"), "1) \"v\"\n2) (nil)\n");
    assert_eq!(run("--scan --pattern k*"), "k\n");
    assert!(run("INFO server").contains("spinel_version:"));
    assert!(run("-3 CLIENT INFO").contains("resp=3"));
    assert!(run("--bigkeys").contains("Biggest string found"));
}

#[test]
#[ignore = "needs redis-cli: set SPINEL_TEST_TOOLS"]
fn both_clients_print_the_same() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for words in [
        &["RPUSH", "list", "a", "b\n"][..],
        &["HSET", "hash", "f", "v", "g", "w"],
        &["ZADD", "zset", "1.5", "a"],
    ] {
        client.call(words);
    }
    let run = |program: PathBuf, options: &[&str]| {
        let port = server.port().to_string();
        let output = Command::new(program).args(["-p", &port]).args(options).output().expect("it runs");
        let mut lines: Vec<String> =
            String::from_utf8_lossy(&output.stdout).split('\n').map(str::to_owned).collect();
        if options.contains(&"--bigkeys") {
            // The order of the types is not always the same there.
            lines.sort();
        }
        (output.status.code(), lines)
    };
    let formats = [
        &["--raw"][..],
        &["--no-raw"],
        &["--csv"],
        &["--json"],
        &["--quoted-json"],
        &["-3", "--no-raw"],
        &["-2", "--json"],
    ];
    let commands = [
        &["PING"][..],
        &["NOSUCH"],
        &["GET", "none"],
        &["LRANGE", "list", "0", "-1"],
        &["HGETALL", "hash"],
        &["ZRANGE", "zset", "0", "-1", "WITHSCORES"],
        &["COMMAND", "INFO", "get"],
        &["EVAL", "return {1, {2, 'a', false}, {ok = 'fine'}}", "0"],
    ];
    let tasks = [
        &["--scan", "--pattern", "ha*"][..],
        &["--no-raw", "--scan", "--pattern", "ha*"],
        &["--bigkeys"],
        &["--hotkeys"],
        &["-4", "-6", "PING"],
        &["-p"],
        &["-e", "NOSUCH"],
        &["-X", "tag", "PING"],
    ];
    let in_formats =
        formats.iter().flat_map(|format| commands.iter().map(|command| [*format, *command].concat()));
    for options in in_formats.chain(tasks.iter().map(|task| task.to_vec())) {
        assert_eq!(run(programs::cli(), &options), run(tool("cli"), &options), "{options:?}");
    }
}

//! Going back: the log as it was once.

use crate::saving::{again, call};
use spinel_tests::{Client, Folder, Server, programs};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LOGGED: &[&str] = &["--appendonly", "yes", "--appendfsync", "always", "--aof-timestamp-enabled", "yes"];
const INCREMENT: &str = "appendonlydir/appendonly.aof.1.incr.aof";

/// A log of two writes, each in a batch of its own, behind a base.
fn logged_twice() -> Folder {
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET key first"), "OK");
    assert_eq!(call(&mut client, "SET key second"), "OK");
    server.kill()
}

fn restore(folder: &Path, to: &str) -> Output {
    let mut program = Command::new(programs::server());
    program.args(["--dir"]).arg(folder).args(["--restore-to", to]);
    program.output().expect("the program was just built")
}

fn value(folder: Folder) -> (Folder, String) {
    let (server, mut client) = again(folder, LOGGED);
    let value = call(&mut client, "GET key");
    (server.kill(), value)
}

/// Where each batch of the first increment that holds commands ends, in offsets of commands.
fn batch_ends(folder: &Path) -> Vec<u64> {
    let log = fs::read(folder.join(INCREMENT)).expect("the log has an increment");
    let log = String::from_utf8_lossy(&log).into_owned();
    let lines = log.lines().filter_map(|line| line.strip_prefix("#SP:"));
    let batches = lines.map(|line| line.split(' ').map_while(|word| word.parse().ok()).collect::<Vec<u64>>());
    batches.filter(|batch| batch[1] > 0).map(|batch| batch[0] + batch[1]).collect()
}

#[test]
fn a_log_goes_back_to_an_offset_and_on_from_there() {
    let folder = logged_twice();
    let ends = batch_ends(folder.path());
    let [first, .., second] = ends[..] else { panic!("two writes are two batches: {ends:?}") };
    assert!(restore(folder.path(), &second.to_string()).status.success());
    let (folder, kept) = value(folder);
    assert_eq!(kept, "second");
    drop(folder);

    let folder = logged_twice();
    let output = restore(folder.path(), &first.to_string());
    assert!(output.status.success(), "{output:?}");
    let (folder, kept) = value(folder);
    assert_eq!(kept, "first");
    let (server, mut client) = again(folder, LOGGED);
    call(&mut client, "SET key third");
    assert_eq!(value(server.kill()).1, "third");
}

#[test]
fn what_can_not_be_gone_back_to_changes_nothing() {
    let folder = logged_twice();
    for to in ["@1", "coffee", "-1", "@"] {
        let output = restore(folder.path(), to);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{to}: {output:?}");
    }
    let (folder, kept) = value(folder);
    assert_eq!(kept, "second");
    // Far in the future is the end.
    assert!(restore(folder.path(), "@99999999999").status.success());
    assert_eq!(value(folder).1, "second");
}

#[test]
fn there_must_be_a_log_that_nobody_writes() {
    let server = Server::start(LOGGED);
    let output = restore(server.folder(), "0");
    assert!(!output.status.success(), "the log is in use: {output:?}");
    let output = restore(Server::start(&[]).folder(), "0");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no log"), "{output:?}");
}

//! Snapshots of our own format, and converting data sets from one kind of file to another.

use crate::saving::{again, await_info, call, digest, fill, names};
use spinel_tests::{Client, Folder, Server, programs};
use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, SystemTime};

const SPLDB: &[&str] = &["--rdb-format", "spldb", "--enable-debug-command", "yes"];
const RDB: &[&str] = &["--enable-debug-command", "yes"];
const LOG: &[&str] = &["--appendonly", "yes", "--rdb-format", "spldb", "--enable-debug-command", "yes"];

const LIBRARY: &str = "#!lua name=numbers\nredis.register_function('seven', function() return 7 end)";

/// Starts a server that has a key of each type and form, entries that are not due, keys of two databases and a function.
fn filled(settings: &[&str]) -> (Server, Client) {
    let server = Server::start(settings);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    call(&mut client, "XADD stream DELAY 10000000 * later entry");
    assert_eq!(client.text(["FUNCTION", "LOAD", LIBRARY]), "numbers");
    (server, client)
}

/// What a data set holds must be what `digest` says, and what it says of a function and an entry that is not due.
fn check(client: &mut Client, expected: &str) {
    assert_eq!(digest(client), expected);
    assert_eq!(call(client, "FCALL seven 0"), "7");
    assert_eq!(call(client, "DBSIZE"), "16");
    assert!(call(client, "PTTL expiring").parse::<i64>().expect("a number") > 9_000_000);
    let of_field = call(client, "HPTTL hash FIELDS 1 other");
    assert!(of_field.trim_matches(['[', ']']).parse::<i64>().expect("a number") > 9_000_000);
}

/// Ends a server without a snapshot, when its log is closed.
fn ended(mut server: Server, mut client: Client) -> Folder {
    client.send(["SHUTDOWN", "NOSAVE"]);
    server.wait();
    server.leave()
}

/// Runs the server's program until it ends: its exit status, and what it printed.
fn run(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(programs::server())
        .args(words)
        .current_dir(folder.path())
        .output()
        .expect("the program was just built");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("it prints text"))
}

#[test]
fn a_snapshot_of_our_own_format_is_there_after_a_power_cut() {
    let (server, mut client) = filled(SPLDB);
    let before = digest(&mut client);
    call(&mut client, "BGSAVE");
    await_info(&mut client, "rdb_saves", "1");
    assert_eq!(names(server.folder()), ["dump.spldb"]);

    // The format of what is there is not that of the settings.
    let (server, mut client) = again(server.kill(), RDB);
    check(&mut client, &before);
    assert_eq!(call(&mut client, "SAVE"), "OK");
    assert_eq!(names(server.folder()), ["dump.rdb", "dump.spldb"]);
}

#[test]
fn a_name_that_is_not_of_redis_is_kept() {
    let (server, mut client) =
        filled(&["--dbfilename", "data", "--rdb-format", "spldb", "--enable-debug-command", "yes"]);
    let before = digest(&mut client);
    assert_eq!(call(&mut client, "SAVE"), "OK");
    assert_eq!(names(server.folder()), ["data"]);
    let (_server, mut client) =
        again(server.kill(), &["--dbfilename", "data", "--enable-debug-command", "yes"]);
    check(&mut client, &before);
}

#[test]
fn the_newer_of_two_snapshots_is_loaded() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    call(&mut client, "SET format rdb");
    call(&mut client, "SAVE");
    call(&mut client, "CONFIG SET rdb-format spldb");
    call(&mut client, "SET format spldb");
    call(&mut client, "SAVE");
    let mut folder = server.kill();
    let now = SystemTime::now();
    for (age_of_rdb, expected) in [(10, "spldb"), (30, "rdb"), (20, "rdb")] {
        for (name, age) in [("dump.rdb", age_of_rdb), ("dump.spldb", 20)] {
            let time = now - Duration::from_secs(if name == "dump.rdb" { 40 - age } else { age });
            let file = File::options().append(true).open(folder.path().join(name)).expect("it was saved");
            file.set_modified(time).expect("it is ours");
        }
        let (server, mut client) = again(folder, &[]);
        assert_eq!(call(&mut client, "GET format"), expected);
        assert!(server.log().contains(&format!("Loading dump.{expected}, which is newer")));
        folder = server.kill();
    }
}

#[test]
fn a_damaged_snapshot_of_our_own_format_is_refused() {
    let (server, mut client) = filled(SPLDB);
    call(&mut client, "SAVE");
    let folder = server.kill();
    let bytes = fs::read(folder.path().join("dump.spldb")).expect("it was saved");
    let refuse = |bytes: &[u8]| {
        let other = Folder::new();
        fs::write(other.path().join("dump.spldb"), bytes).expect("the folder can be written");
        let printed = Server::fail_in(other, &[]);
        assert!(printed.contains("rdb file reading failure"), "{printed}");
    };
    for cut in [0, 8, 17, bytes.len() / 2, bytes.len() - 1] {
        refuse(&bytes[..cut]);
    }
    for at in [9, 30, bytes.len() / 2, bytes.len() - 60, bytes.len() - 20] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        refuse(&damaged);
    }
    refuse(&[&*bytes, b"more"].concat());
}

#[test]
fn the_base_of_a_log_may_be_of_our_own_format() {
    let (server, mut client) = filled(LOG);
    // The first base, without which a rewrite would be refused.
    await_info(&mut client, "aof_rewrites", "1");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_rewrites", "2");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    call(&mut client, "SET behind base");
    call(&mut client, "DEL behind");
    let before = digest(&mut client);
    let files = names(&server.folder().join("appendonlydir"));
    assert!(files.iter().any(|name| name.ends_with(".base.spldb")), "{files:?}");
    let (_server, mut client) = again(ended(server, client), LOG);
    check(&mut client, &before);
}

#[test]
fn data_sets_are_imported_and_exported() {
    let (server, mut client) = filled(LOG);
    let before = digest(&mut client);
    let first = ended(server, client);
    // Out of a log, in either format.
    for target in ["a.rdb", "b.spldb"] {
        let (status, printed) = run(&first, &["--export", target, "--appendonly", "yes"]);
        assert_eq!(status, Some(0), "{printed}");
        assert!(printed.contains("Loaded 17 keys from ./appendonlydir in "), "{printed}");
        assert!(printed.contains(&format!("{target} in ")), "{printed}");
    }
    let start = |name: &str| fs::read(first.path().join(name)).expect("it was written")[..8].to_vec();
    assert_eq!((start("a.rdb"), start("b.spldb")), (b"REDIS001".to_vec(), b"SPINELDB".to_vec()));

    // Into data sets of their own, which servers go on with.
    let file = |name: &str| first.path().join(name).to_string_lossy().into_owned();
    for source in [file("a.rdb"), file("b.spldb"), file("appendonlydir")] {
        for (settings, there) in [(RDB, "dump.rdb"), (SPLDB, "dump.spldb"), (LOG, "appendonlydir")] {
            let folder = Folder::new();
            let words = [&["--import", &*source], settings].concat();
            let (status, printed) = run(&folder, &words);
            assert_eq!(status, Some(0), "{printed}");
            assert!(printed.starts_with(&format!("Loaded 17 keys from {source} in ")), "{printed}");
            assert_eq!(names(folder.path()), [there]);
            let (status, printed) = run(&folder, &words);
            assert_eq!(status, Some(1), "{printed}");
            assert!(printed.starts_with("There is a data set already"), "{printed}");
            let (_server, mut client) = again(folder, settings);
            check(&mut client, &before);
        }
    }
}

#[test]
fn what_can_not_be_converted_is_told() {
    let folder = Folder::new();
    fs::write(folder.path().join("text"), "no snapshot").expect("the folder can be written");
    fs::create_dir(folder.path().join("empty")).expect("the folder can be written");
    for (words, expected) in [
        (&["--export", "x.rdb"][..], "There is no data set to export."),
        (&["--import", "none.rdb"], "there is no such file"),
        (&["--import", "text"], "this is no RDB file"),
        (&["--import", "empty"], "there is no manifest of a log in this folder"),
        (&["--import"], "the name of one file is expected"),
        (&["--import", "text", "--export", "text"], "only one file can be imported or exported"),
    ] {
        let (status, printed) = run(&folder, words);
        assert_eq!(status, Some(1), "{words:?}: {printed}");
        assert!(printed.contains(expected), "{words:?}: {printed}");
    }
    assert_eq!(names(folder.path()), ["empty", "text"], "nothing was written");
}

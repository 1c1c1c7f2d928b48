//! What clients see while the data set is loaded: that it is, and nothing of what is half there.

use crate::saving::{await_info, call, digest, fill, info, shown};
use spinel_tests::{Client, Folder, Server};
use std::fs;
use std::time::{Duration, Instant};

/// Lets the load stop after the first key, for longer than any test takes.
const STUCK: &[&str] = &["--key-load-delay", "1000000000", "--enable-debug-command", "yes"];
const SPLDB: &[&str] = &["--rdb-format", "spldb", "--enable-debug-command", "yes"];
const LOGGED: &[&str] = &["--appendonly", "yes", "--enable-debug-command", "yes"];
pub(crate) const LOADING: &str = "LOADING Redis is loading the dataset in memory";

/// A folder with a data set, and its digest.
fn filled(settings: &[&str]) -> (Folder, String) {
    let server = Server::start(&[&["--enable-debug-command", "yes"], settings].concat());
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let digest = digest(&mut client);
    if settings != LOGGED {
        assert_eq!(call(&mut client, "SAVE"), "OK");
    }
    client.send(["SHUTDOWN", "NOSAVE"]);
    assert!(client.is_closed());
    (end(server), digest)
}

fn end(mut server: Server) -> Folder {
    assert!(server.wait().success());
    server.leave()
}

/// A server that has loaded one key and waits, and a client of it.
fn stuck(folder: Folder, settings: &[&str]) -> (Server, Client) {
    let server = Server::start_loading(folder, &[settings, STUCK].concat());
    let mut client = Client::connect(server.port());
    assert_eq!(info(&mut client, "loading"), "1");
    (server, client)
}

/// Lets the load go on.
fn go_on(server: &Server, client: &mut Client) {
    assert_eq!(call(client, "CONFIG SET key-load-delay 0"), "OK");
    server.wait_until_ready();
    assert_eq!(info(client, "loading"), "0");
}

#[test]
fn quotas_hold_from_when_it_is_there() {
    let (folder, _) = filled(&[]);
    let (server, mut client) = stuck(folder, &["--db-quota-memory", "0", "1"]);
    assert_eq!(client.text(["CONFIG", "SET", "db-quota-operations", "3 1"]), "OK");
    go_on(&server, &mut client);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !call(&mut client, "SET text other").starts_with("QUOTA") {
        assert!(Instant::now() < deadline, "a full database takes more");
    }
    assert_eq!(call(&mut client, "SELECT 3"), "OK");
    let refused = (0..100).filter(|_| call(&mut client, "GET elsewhere").starts_with("QUOTA")).count();
    assert!(refused > 0);
}

#[test]
fn who_comes_while_a_data_set_is_loaded_is_told_so() {
    for settings in [&[][..], SPLDB, LOGGED] {
        let (folder, before) = filled(settings);
        let (server, mut client) = stuck(folder, settings);
        for command in [
            "PING",
            "GET text",
            "SET text other",
            "DBSIZE",
            "SAVE",
            "BGSAVE",
            "BGREWRITEAOF",
            "FLUSHALL",
            "BLPOP none 0",
            "WAIT 0 0",
            "WATCH text",
            "EVAL return1 0",
            "SCRIPT FLUSH",
            "FUNCTION LIST",
            "DEBUG DIGEST",
            "DEBUG OBJECT text",
        ] {
            assert_eq!(call(&mut client, command), LOADING, "{command}");
        }
        assert_eq!(call(&mut client, "INFO keyspace"), "# Keyspace\r\n");
        assert_eq!(call(&mut client, "ECHO here"), "here");
        assert_eq!(call(&mut client, "SELECT 3"), "OK");
        assert_eq!(call(&mut client, "GET elsewhere"), LOADING);
        assert_eq!(call(&mut client, "GET"), "ERR wrong number of arguments for 'get' command");
        go_on(&server, &mut client);
        assert_eq!(call(&mut client, "GET elsewhere"), "1");
        assert_eq!(digest(&mut client), before);
        assert!(!call(&mut client, "INFO persistence").contains("loading_"));
    }
}

#[test]
fn info_tells_how_far_the_load_is() {
    let (folder, _) = filled(&[]);
    let size = fs::metadata(folder.path().join("dump.rdb")).expect("it was saved").len();
    let (server, mut client) = stuck(folder, &[]);
    assert_eq!(info(&mut client, "loading_total_bytes"), size.to_string());
    // The first key is behind the fields about the file.
    await_info(&mut client, "rdb_last_load_keys_loaded", "1");
    assert!(info(&mut client, "loading_rdb_used_mem").parse::<u64>().is_ok_and(|bytes| bytes > 1000));
    assert_eq!(call(&mut client, "CONFIG SET key-load-delay -1"), "OK");
    server.wait_until_ready();
    assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), "17");

    let (server, mut client) = stuck(server.kill(), &[]);
    let number = |client: &mut Client, field: &str| info(client, field).parse::<f64>().expect("a number");
    assert!(number(&mut client, "loading_start_time") > 1e9);
    await_info(&mut client, "rdb_last_load_keys_loaded", "1");
    let share = number(&mut client, "loading_loaded_bytes") / size as f64;
    assert!((number(&mut client, "loading_loaded_perc") / 100.0 - share).abs() < 0.001);
    assert!(number(&mut client, "loading_eta_seconds") >= 0.0);
    go_on(&server, &mut client);
}

#[test]
fn transactions_of_what_may_run_do_run_while_loading() {
    let (folder, before) = filled(&[]);
    let (server, mut client) = stuck(folder, &[]);
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "ECHO one"), "QUEUED");
    assert_eq!(call(&mut client, "SELECT 3"), "QUEUED");
    assert_eq!(call(&mut client, "EXEC"), "[one, OK]");
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "GET text"), LOADING);
    assert_eq!(call(&mut client, "EXEC"), "EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "DISCARD"), "OK");
    assert_eq!(call(&mut client, "UNWATCH"), "OK");
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(
        call(&mut client, "EXEC NX text"),
        "EXECABORT Transaction discarded because of: LOADING Redis is loading the dataset in memory"
    );
    assert_eq!(call(&mut client, "RESET"), "RESET");
    go_on(&server, &mut client);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn nobody_hears_of_keys_that_are_loaded() {
    let settings = &[LOGGED, &["--notify-keyspace-events", "KEA"]].concat();
    let (folder, _) = filled(LOGGED);
    let (server, mut client) = stuck(folder, settings);
    let mut listener = Client::connect(server.port());
    listener.call(["PSUBSCRIBE", "__key*"]);
    let mut tracker = Client::connect_resp3(server.port());
    assert_eq!(call(&mut tracker, "CLIENT TRACKING ON BCAST"), "OK");
    // Setting it anew while loading doesn't bring it back early.
    assert_eq!(call(&mut client, "CONFIG SET notify-keyspace-events AKE"), "OK");
    go_on(&server, &mut client);
    assert_eq!(call(&mut client, "SET late 1"), "OK");
    let message = shown(&listener.reply());
    assert!(message.contains("__keyspace@0__:late"), "{message}");
    let message = shown(&tracker.reply());
    assert!(message.contains("late"), "{message}");
}

#[test]
fn a_server_that_ends_while_loading_saves_nothing() {
    for command in [&["SHUTDOWN", "NOSAVE"][..], &["SHUTDOWN"], &["SHUTDOWN", "SAVE"], &[]] {
        let (folder, before) = filled(&[]);
        let saved = fs::read(folder.path().join("dump.rdb")).expect("it was saved");
        let (server, mut client) = stuck(folder, &["--save", "1 1"]);
        if command.is_empty() {
            server.signal("TERM");
        } else {
            client.send(command);
        }
        assert!(client.is_closed());
        let folder = end(server);
        assert_eq!(fs::read(folder.path().join("dump.rdb")).expect("it is still there"), saved);
        let server = Server::start_in(folder, &["--enable-debug-command", "yes"]);
        assert_eq!(digest(&mut Client::connect(server.port())), before);
    }
}

#[test]
fn a_load_that_fails_ends_the_server_with_the_reason() {
    let (folder, _) = filled(&[]);
    let path = folder.path().join("dump.rdb");
    let mut damaged = fs::read(&path).expect("it was saved");
    let end = damaged.len() - 20;
    damaged[end] ^= 0x55;
    fs::write(&path, damaged).expect("the folder can be written");
    let settings = ["--key-load-delay", "1000000000", "--pidfile", "server.pid"];
    let server = Server::start_loading(folder, &settings);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "GET text"), LOADING);
    assert_eq!(call(&mut client, "CONFIG SET key-load-delay 0"), "OK");
    assert!(client.is_closed());
    let mut server = server;
    assert_eq!(server.wait().code(), Some(1));
    assert!(server.log().contains("Terminating server after rdb file reading failure."), "{}", server.log());
    assert!(!server.log().contains("Ready to accept"), "{}", server.log());
    assert!(!server.folder().join("server.pid").exists());
}

#[test]
fn a_save_that_is_slow_can_be_watched_and_ended() {
    let server = Server::start(&["--rdb-key-save-delay", "1000000000"]);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    assert_eq!(call(&mut client, "BGSAVE"), "Background saving started");
    await_info(&mut client, "current_save_keys_total", "17");
    assert_eq!(info(&mut client, "rdb_bgsave_in_progress"), "1");
    assert_eq!(call(&mut client, "SET text other"), "OK");
    assert_eq!(call(&mut client, "BGSAVE CANCEL"), "Background saving cancelled");
    await_info(&mut client, "rdb_bgsave_in_progress", "0");
    assert!(!server.folder().join("dump.rdb").exists());

    assert_eq!(call(&mut client, "BGSAVE"), "Background saving started");
    assert_eq!(call(&mut client, "CONFIG SET rdb-key-save-delay -3"), "OK");
    await_info(&mut client, "rdb_saves", "1");
    assert!(server.folder().join("dump.rdb").exists());

    assert_eq!(call(&mut client, "CONFIG SET rdb-key-save-delay 1000000000"), "OK");
    assert_eq!(call(&mut client, "BGSAVE"), "Background saving started");
    client.send(["SHUTDOWN", "NOSAVE"]);
    assert!(client.is_closed());
    end(server);
}

//! DEBUG RELOAD and DEBUG LOADAOF: the data set goes to its files and comes back the same.

use crate::loading::LOADING;
use crate::saving::{await_info, call, digest, fill, info, shown};
use spinel_tests::{Client, Server};
use std::fs;

const SETTINGS: &[&str] = &["--enable-debug-command", "yes"];
const LOGGED: &[&str] = &["--enable-debug-command", "yes", "--appendonly", "yes", "--appendfsync", "always"];
const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function() return 'here' end)";

#[test]
fn a_reload_brings_all_back() {
    for format in ["rdb", "spldb"] {
        let server = Server::start(&[SETTINGS, &["--rdb-format", format]].concat());
        let mut client = Client::connect(server.port());
        fill(&mut client);
        client.call(["FUNCTION", "LOAD", LIBRARY]);
        let before = digest(&mut client);
        for options in ["", " MERGE", " NOSAVE", " nosave merge"] {
            assert_eq!(call(&mut client, &format!("DEBUG RELOAD{options}")), "OK", "{options}");
            assert_eq!(digest(&mut client), before, "{options}");
            assert_eq!(call(&mut client, "FCALL f 0"), "here");
        }
        assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), "17");
        assert_eq!(info(&mut client, "rdb_saves"), "2");
        assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
        assert!(call(&mut client, "PTTL expiring").parse::<i64>().expect("a number") > 9_000_000);
        assert_ne!(call(&mut client, "HTTL hash FIELDS 1 other"), "[-1]");
        assert_eq!(call(&mut client, "XPENDING stream group"), "[1, 1-1, 1-1, [[alice, 1]]]");
    }
}

#[test]
fn without_a_save_what_was_saved_comes_back() {
    let server = Server::start(SETTINGS);
    let mut client = Client::connect(server.port());
    for command in ["SET a 1", "RPUSH b 1 2", "SAVE", "SET a 2", "SET c 3"] {
        call(&mut client, command);
    }
    assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE"), "OK");
    assert_eq!(call(&mut client, "MGET a c"), "[1, nil]");
    assert_eq!(call(&mut client, "LRANGE b 0 -1"), "[1, 2]");
    assert_eq!(call(&mut client, "DBSIZE"), "2");
}

#[test]
fn what_was_saved_comes_beside_what_is_there() {
    for format in ["rdb", "spldb"] {
        let server = Server::start(&[SETTINGS, &["--rdb-format", format]].concat());
        let mut client = Client::connect(server.port());
        client.call(["FUNCTION", "LOAD", LIBRARY]);
        for command in ["SET a 1", "RPUSH b 1 2", "SET was 1 EX 1000", "SAVE", "SET a 2", "SET c 3", "DEL b"]
        {
            call(&mut client, command);
        }
        for command in ["DEL was", "RPUSH was 1 2 3", "FUNCTION FLUSH"] {
            call(&mut client, command);
        }
        let refused = "ERR Error trying to load the RDB dump, check server logs.";
        assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH"), refused);
        assert_eq!(call(&mut client, "MGET a c"), "[2, 3]");
        assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE"), "OK");
        assert_eq!(call(&mut client, "MGET a c was"), "[1, 3, 1]");
        assert_eq!(call(&mut client, "LRANGE b 0 -1"), "[1, 2]");
        assert_eq!(call(&mut client, "FCALL f 0"), "here");
        call(&mut client, "DEL a b was");
        assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH"), "OK");
        assert_eq!(call(&mut client, "MGET a c was"), "[1, 3, 1]");
        assert_eq!(call(&mut client, "DBSIZE"), "4");
        assert!(call(&mut client, "TTL was").parse::<i64>().expect("a number") > 900);
    }
}

#[test]
fn scripts_may_be_trusted_with_more_commands() {
    let server = Server::start(SETTINGS);
    let mut client = Client::connect(server.port());
    let refused = "ERR This Redis command is not allowed from script";
    let mut run = |command: &str| {
        let words: Vec<String> = command.split(' ').map(|word| format!("'{word}'")).collect();
        let script = format!("return redis.pcall({})", words.join(","));
        shown(&client.call(["EVAL", &script, "0"]))
    };
    assert_eq!(run("DEBUG SLEEP 0"), refused);
    let trust =
        |word| call(&mut Client::connect(server.port()), &format!("DEBUG SET-DISABLE-DENY-SCRIPTS {word}"));
    assert_eq!(trust("1"), "OK");
    assert_eq!(run("DEBUG SLEEP 0"), "OK");
    assert_eq!(run("CONFIG GET maxclients"), "[maxclients, 10000]");
    // These need what the script has, or wait for what it holds up.
    for command in ["EVAL return 0", "MULTI", "SUBSCRIBE a", "SHUTDOWN", "SAVE", "DEBUG RELOAD"] {
        assert_eq!(run(command), refused, "{command}");
    }
    assert_eq!(trust("no"), "OK");
    assert_eq!(run("DEBUG SLEEP 0"), refused);
}

#[test]
fn who_watches_a_key_finds_it_changed_and_who_waits_goes_on_waiting() {
    let server = Server::start(SETTINGS);
    let (mut client, mut watcher) = (Client::connect(server.port()), Client::connect(server.port()));
    let mut tracker = Client::connect_resp3(server.port());
    call(&mut client, "SET a 1");
    assert_eq!(call(&mut watcher, "WATCH a"), "OK");
    assert_eq!(call(&mut tracker, "CLIENT TRACKING ON"), "OK");
    assert_eq!(call(&mut tracker, "GET a"), "1");
    let mut waiting = Client::connect(server.port());
    waiting.send(["BLPOP", "queue", "0"]);
    assert_eq!(call(&mut client, "DEBUG RELOAD"), "OK");
    assert_eq!(shown(&tracker.reply()), "[invalidate, nil]");
    assert_eq!(call(&mut watcher, "MULTI"), "OK");
    assert_eq!(call(&mut watcher, "PING"), "QUEUED");
    assert_eq!(call(&mut watcher, "EXEC"), "nil");
    assert_eq!(call(&mut client, "RPUSH queue x"), "1");
    assert_eq!(shown(&waiting.reply()), "[queue, x]");
}

#[test]
fn others_are_told_that_it_loads() {
    let server = Server::start(SETTINGS);
    let (mut client, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    fill(&mut client);
    let before = digest(&mut client);
    assert_eq!(call(&mut other, "WATCH text"), "OK");
    assert_eq!(call(&mut other, "CONFIG SET key-load-delay 1000000000"), "OK");
    client.send(["DEBUG", "RELOAD"]);
    await_info(&mut other, "loading", "1");
    assert_eq!(call(&mut other, "GET text"), LOADING);
    assert_eq!(call(&mut other, "INFO keyspace"), "# Keyspace\r\n");
    // What ends a watch waits until the keys can be looked at.
    other.send(["UNWATCH"]);
    let mut third = Client::connect(server.port());
    assert_eq!(call(&mut third, "CONFIG SET key-load-delay 0"), "OK");
    assert_eq!(shown(&client.reply()), "OK");
    assert_eq!(shown(&other.reply()), "OK");
    assert_eq!(digest(&mut third), before);

    assert_eq!(call(&mut third, "CONFIG SET key-load-delay 1000000000"), "OK");
    client.send(["DEBUG", "RELOAD"]);
    await_info(&mut third, "loading", "1");
    let saved = fs::read(server.folder().join("dump.rdb")).expect("it was saved");
    third.send(["SHUTDOWN"]);
    assert!(third.is_closed());
    let mut server = server;
    assert!(server.wait().success());
    assert_eq!(fs::read(server.folder().join("dump.rdb")).expect("it is still there"), saved);
}

#[test]
fn the_log_is_completed_and_loaded() {
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    client.call(["FUNCTION", "LOAD", LIBRARY]);
    let before = digest(&mut client);
    assert_eq!(call(&mut client, "DEBUG LOADAOF"), "OK");
    assert_eq!(digest(&mut client), before);
    assert_eq!(call(&mut client, "FCALL f 0"), "here");
    assert_eq!(call(&mut client, "SET late 1"), "OK");
    let before = digest(&mut client);
    assert_eq!(call(&mut client, "DEBUG LOADAOF"), "OK");
    assert_eq!(digest(&mut client), before);
    // A reload goes past the log, which is written anew.
    assert_eq!(call(&mut client, "DEBUG RELOAD"), "OK");
    assert_eq!(call(&mut client, "SET late 2"), "OK");
    assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE"), "OK");
    assert_eq!(digest(&mut client), before);
    await_info(&mut client, "aof_rewrites", "2");
    let server = Server::start_in(server.kill(), LOGGED);
    assert_eq!(digest(&mut Client::connect(server.port())), before);
}

#[test]
fn what_can_not_be_loaded_is_refused() {
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    let no_snapshot = "ERR Error trying to load the RDB dump, check server logs.";
    call(&mut client, "SET a 1");
    assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE"), no_snapshot);
    assert_eq!(call(&mut client, "GET a"), "1", "there was nothing to load");
    let unknown = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE now"), unknown);
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "DEBUG RELOAD"), "ERR Command not allowed inside a transaction");
    assert_eq!(call(&mut client, "DISCARD"), "OK");
    let from_script = client.call(["EVAL", "return redis.pcall('DEBUG', 'RELOAD')", "0"]);
    assert_eq!(shown(&from_script), "ERR This Redis command is not allowed from script");
    fs::write(server.folder().join("dump.rdb"), "REDIS0011damaged").expect("the folder can be written");
    assert_eq!(call(&mut client, "DEBUG RELOAD NOSAVE"), no_snapshot);
    assert_eq!(call(&mut client, "DBSIZE"), "0");
    assert_eq!(call(&mut client, "CONFIG GET appendonly"), "[appendonly, no]", "the log must stay as it is");
    let folder = server.kill();
    fs::remove_file(folder.path().join("dump.rdb")).expect("it is there");
    let server = Server::start_in(folder, LOGGED);
    assert_eq!(call(&mut Client::connect(server.port()), "GET a"), "1");

    let server = Server::start(SETTINGS);
    let mut client = Client::connect(server.port());
    call(&mut client, "SET a 1");
    assert_eq!(
        call(&mut client, "DEBUG LOADAOF"),
        "ERR Error trying to load the AOF files, check server logs."
    );
    assert_eq!(call(&mut client, "GET a"), "1");
}

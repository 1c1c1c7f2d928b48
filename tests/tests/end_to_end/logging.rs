//! The append-only log: what was acknowledged is there after a power cut, and files that can't be written are no secret.

use crate::saving::{again, await_info, call, digest, fill, info};
use spinel_tests::{Client, Folder, Received, Server};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LOGGED: &[&str] = &["--appendonly", "yes", "--enable-debug-command", "yes"];
const ALWAYS: &[&str] = &["--appendonly", "yes", "--enable-debug-command", "yes", "--appendfsync", "always"];

fn log_file(folder: &Folder, name: &str) -> PathBuf {
    folder.path().join("appendonlydir").join(format!("appendonly.aof.{name}"))
}

fn manifest(server: &Server) -> String {
    let path = server.folder().join("appendonlydir/appendonly.aof.manifest");
    fs::read_to_string(path).expect("a log has a manifest")
}

#[test]
fn nothing_acknowledged_is_lost_with_always() {
    let server = Server::start(ALWAYS);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let before = digest(&mut client);
    let (server, mut client) = again(server.kill(), ALWAYS);
    assert_eq!(digest(&mut client), before);
    // Also from the second start on, and in the middle of a stream of writes.
    let mut count = 0;
    client.send(["INCR", "count"]);
    for _ in 0..200 {
        client.send(["INCR", "count"]);
        client.reply();
        count += 1;
    }
    let (_server, mut client) = again(server.kill(), ALWAYS);
    let kept = call(&mut client, "GET count").parse::<i64>().expect("a number");
    assert!(kept == count || kept == count + 1, "{count} were acknowledged, {kept} kept");
}

#[test]
fn transactions_and_scripts_are_logged_as_wholes() {
    let server = Server::start(ALWAYS);
    let mut client = Client::connect(server.port());
    for command in ["MULTI", "SET a 1", "INCR b", "SPOP none", "EXEC"] {
        call(&mut client, command);
    }
    client.text(["EVAL", "redis.call('SET', 'c', 'x') redis.call('INCR', 'b') return 1", "0"]);
    call(&mut client, "SADD s 1 2 3 4 5 6 7 8 9");
    call(&mut client, "SPOP s 4");
    call(&mut client, "SET gone 1 PX 1");
    let library = "#!lua name=numbers\nredis.register_function('seven', function() return 7 end)";
    client.text(["FUNCTION", "LOAD", library]);
    call(&mut client, "SWAPDB 0 5");
    call(&mut client, "SELECT 5");
    while call(&mut client, "EXISTS gone") == "1" {}
    let before = digest(&mut client);
    let (_server, mut client) = again(server.kill(), ALWAYS);
    assert_eq!(digest(&mut client), before);
    call(&mut client, "SELECT 5");
    assert_eq!(call(&mut client, "GET b"), "2");
}

#[test]
fn times_that_values_keep_survive_a_restart() {
    let server = Server::start(ALWAYS);
    let mut client = Client::connect(server.port());
    for command in [
        "XADD s 1-1 f v",
        "XADD s 2-1 f v",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g ann COUNT 1 STREAMS s >",
        "XCLAIM s g bob 0 1-1 TIME 1000000000000",
        "XREADGROUP GROUP g ann STREAMS s >",
    ] {
        call(&mut client, command);
    }
    let before = delivered(&mut client);
    let (_server, mut client) = again(server.kill(), ALWAYS);
    assert_eq!(delivered(&mut client), before);
    let idle: u64 = call(&mut client, "OBJECT IDLETIME s").parse().expect("a number");
    assert!(idle < 3600, "the key was loaded a moment ago, not {idle} s");
}

/// What is pending in the stream `s`, with the times of delivery.
fn delivered(client: &mut Client) -> String {
    let told = call(client, "XINFO STREAM s FULL");
    let pending = told.split("pending").nth(1).expect("there is a group");
    pending.split("consumers").next().unwrap_or_default().to_owned()
}

#[test]
fn a_rewrite_leaves_the_data_and_shrinks_the_log() {
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    for number in 0..3000 {
        client.call(["SET", "often", &number.to_string()]);
    }
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    let sequence = manifest(&server);
    client.send_bytes(b"BGREWRITEAOF\r\nSET often last\r\nRPUSH list more\r\n");
    (0..3).for_each(|_| drop(client.reply()));
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "ok");
    assert_ne!(manifest(&server), sequence);
    assert_eq!(call(&mut client, "WAITAOF 1 0 10000"), "[1, 0]");
    let before = digest(&mut client);
    let (_server, mut client) = again(server.kill(), LOGGED);
    assert_eq!(digest(&mut client), before);
    assert_eq!(call(&mut client, "GET often"), "last");
}

#[test]
fn the_log_can_be_turned_on_and_off() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    assert!(call(&mut client, "WAITAOF 1 0 0").starts_with("ERR WAITAOF cannot be used"));
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    await_info(&mut client, "aof_rewrites", "1");
    call(&mut client, "SET later 1");
    assert_eq!(call(&mut client, "WAITAOF 1 0 0"), "[1, 0]");
    assert_eq!(call(&mut client, "WAITAOF 1 1 10"), "[1, 0]");
    let before = digest(&mut client);
    assert_eq!(call(&mut client, "CONFIG SET appendonly no"), "OK");
    server.wait_for_log("The append only file is closed");
    call(&mut client, "SET too late");
    let (_server, mut client) = again(server.kill(), LOGGED);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn a_log_is_begun_with_the_snapshot_that_is_there() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let before = digest(&mut client);
    call(&mut client, "SAVE");
    let (server, mut client) = again(server.kill(), ALWAYS);
    assert_eq!(digest(&mut client), before);
    call(&mut client, "SET more 1");
    let before = digest(&mut client);
    let (_server, mut client) = again(server.kill(), ALWAYS);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn a_torn_end_is_cut_off_and_damage_in_the_middle_refused() {
    let server = Server::start(ALWAYS);
    let mut client = Client::connect(server.port());
    for number in 0..100 {
        client.call(["SET", &format!("key {number}"), "value"]);
    }
    let folder = server.kill();
    let path = log_file(&folder, "1.incr.aof");
    let mut file = OpenOptions::new().append(true).open(&path).expect("it was written");
    file.write_all(b"*3\r\n$3\r\nSET\r\n$5\r\nto").expect("it can be written");
    let (server, mut client) = again(folder, ALWAYS);
    assert_eq!(call(&mut client, "DBSIZE"), "100");
    server.wait_for_log("Truncating the AOF");
    let folder = server.kill();

    let mut bytes = fs::read(&path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).expect("it can be written");
    let printed = Server::fail_in(folder, ALWAYS);
    assert!(printed.contains("Bad file format reading the append only file"), "{printed}");
}

#[test]
fn writes_are_refused_while_the_log_can_not_be_written() {
    let server = Server::start_limited(&[LOGGED, &["--auto-aof-rewrite-percentage", "0"]].concat(), 200);
    let mut client = Client::connect(server.port());
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    let value = "x".repeat(10_000);
    let start = Instant::now();
    let refused = loop {
        let reply = client.text(["SET", "key", &value]);
        if reply != "OK" {
            break reply;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the file grows and grows");
    };
    assert!(refused.contains("MISCONF Errors writing to the AOF file"), "{refused}");
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    assert_eq!(client.text(["GET", "key"]), value);
    // New files begin small.
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_last_write_status", "ok");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(call(&mut client, "SET key last"), "OK");
    assert_eq!(call(&mut client, "WAITAOF 1 0 10000"), "[1, 0]");
    let before = digest(&mut client);
    let (_server, mut client) = again(server.kill(), LOGGED);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn a_full_disk_is_no_outage_for_readers_with_always() {
    let settings = [ALWAYS, &["--auto-aof-rewrite-percentage", "0"]].concat();
    let server = Server::start_limited(&settings, 200);
    let mut client = Client::connect(server.port());
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    let value = "x".repeat(10_000);
    let mut acknowledged = 0;
    loop {
        client.send(["SET", &acknowledged.to_string(), &value]);
        // Whether the last one is on disk, nobody knows.
        if client.receive() == Received::Closed {
            break;
        }
        acknowledged += 1;
        assert!(acknowledged < 100, "the file grows and grows");
    }
    let mut client = Client::connect(server.port());
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    assert_eq!(client.text(["GET", "0"]), value);
    let refused = "MISCONF Errors writing to the AOF file: File too large";
    assert_eq!(call(&mut client, "SET key value"), refused);
    assert!(client.text(["EVAL", "return redis.call('SET', 'key', 'value')", "0"]).contains(refused));
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "SET key value"), refused);
    assert!(call(&mut client, "EXEC").starts_with("EXECABORT"));
    // New files begin small.
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_last_write_status", "ok");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(call(&mut client, "SET key value"), "OK");
    let (_server, mut client) = again(server.kill(), ALWAYS);
    for number in 0..acknowledged {
        assert_eq!(client.text(["GET", &number.to_string()]), value);
    }
    assert_eq!(call(&mut client, "GET key"), "value");
}

#[test]
fn a_log_that_could_not_be_begun_leaves_nobody_waiting_and_is_begun_later() {
    let server = Server::start(&["--appendfsync", "always"]);
    let mut client = Client::connect(server.port());
    // A file stands where the folder should.
    let obstacle = server.folder().join("appendonlydir");
    fs::write(&obstacle, "in the way").expect("the folder can be written");
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    await_info(&mut client, "aof_last_write_status", "err");
    assert!(call(&mut client, "SET key value").starts_with("MISCONF Errors writing to the AOF file"));
    assert_eq!(call(&mut client, "GET key"), "nil");

    fs::remove_file(&obstacle).expect("it is there");
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_last_write_status", "ok");
    assert_eq!(call(&mut client, "SET key value"), "OK");
    let (_server, mut client) = again(server.kill(), ALWAYS);
    assert_eq!(call(&mut client, "GET key"), "value");
}

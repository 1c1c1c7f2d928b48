//! MONITOR: what it shows, what it hides, and how it ends. The lines are those that Redis 8.0.6 shows for these commands.

use crate::saving::call;
use spinel_resp::Value;
use spinel_tests::{Client, Folder, Server};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A line without its time, and with `A` for the address.
fn line(monitor: &mut Client) -> String {
    let Value::Simple(line) = monitor.reply() else { panic!("a line is a simple string") };
    let line = String::from_utf8(line).expect("what is not printable is quoted");
    let (time, rest) = line.split_once(' ').expect("the time comes first");
    let (seconds, micros) = time.split_once('.').expect("it has parts of seconds");
    assert!(seconds.parse::<u32>().is_ok() && micros.len() == 6, "{line}");
    let (source, words) = rest.split_once("] ").expect("then the source");
    let (db, address) = source.split_once(' ').expect("it has two parts");
    let address = if address.starts_with("127.0.0.1:") { "A" } else { address };
    format!("{db} {address}] {words}")
}

fn monitor(server: &Server) -> Client {
    let mut monitor = Client::connect(server.port());
    assert_eq!(call(&mut monitor, "MONITOR"), "OK");
    monitor
}

#[track_caller]
fn check(monitor: &mut Client, expected: &[&str]) {
    for expected in expected {
        assert_eq!(line(monitor), *expected);
    }
}

#[test]
fn every_command_is_shown_as_it_ran() {
    let server = Server::start(&["--io-threads", "2"]);
    let (mut monitor, mut client) = (monitor(&server), Client::connect(server.port()));
    client.call([&b"set"[..], b"k\x00\"\\\r\n\t\x07\x08\xc3\xa9", b"\xff\x7f "]);
    for command in ["get", "nosuch a", "lpush l 1", "select 3", "multi", "set a 1", "incr a", "exec", "ping"]
    {
        call(&mut client, command);
    }
    check(
        &mut monitor,
        &[
            r#"[0 A] "set" "k\x00\"\\\r\n\t\a\b\xc3\xa9" "\xff\x7f ""#,
            r#"[0 A] "lpush" "l" "1""#,
            r#"[3 A] "select" "3""#,
            r#"[3 A] "multi""#,
            r#"[3 A] "set" "a" "1""#,
            r#"[3 A] "incr" "a""#,
            r#"[3 A] "exec""#,
            r#"[3 A] "ping""#,
        ],
    );
    client.call([
        "eval",
        "redis.call('set','x','1') redis.call('select',5) return redis.pcall('get','y')",
        "0",
    ]);
    client.send(["blpop", "q", "0"]);
    check(
        &mut monitor,
        &[
            r#"[3 A] "eval" "redis.call('set','x','1') redis.call('select',5) return redis.pcall('get','y')" "0""#,
            r#"[3 lua] "set" "x" "1""#,
            r#"[5 lua] "select" "5""#,
            r#"[5 lua] "get" "y""#,
            r#"[3 A] "blpop" "q" "0""#,
        ],
    );
}

#[test]
fn secrets_and_what_administrators_do_are_not_shown() {
    let server = Server::start(&["--requirepass", "secret", "--enable-debug-command", "yes"]);
    let mut monitor = Client::connect(server.port());
    assert!(call(&mut monitor, "MONITOR").starts_with("NOAUTH"));
    call(&mut monitor, "AUTH secret");
    assert_eq!(call(&mut monitor, "MONITOR"), "OK");
    let mut client = Client::connect(server.port());
    for command in [
        "get k",
        "auth wrong",
        "auth secret",
        "hello 3 auth default secret",
        "config get port",
        "config set masterauth abc",
        "client list",
        "slowlog len",
        "debug sleep 0",
        "acl setuser joe",
        "client getname",
        "reset",
    ] {
        call(&mut client, command);
    }
    check(
        &mut monitor,
        &[
            r#"[0 A] "auth" "(redacted)""#,
            r#"[0 A] "auth" "(redacted)""#,
            r#"[0 A] "hello" "3" "auth" "(redacted)" "(redacted)""#,
            r#"[0 A] "client" "getname""#,
            r#"[0 A] "reset""#,
        ],
    );
}

#[test]
fn a_monitor_is_no_client_for_keys_until_it_is_reset() {
    let server = Server::start(&[]);
    let (mut monitor, mut other) = (monitor(&server), Client::connect(server.port()));
    assert_eq!(call(&mut monitor, "GET k"), "ERR Replica can't interact with the keyspace");
    assert_eq!(call(&mut monitor, "PING"), "PONG");
    check(&mut monitor, &[r#"[0 A] "PING""#]);
    let list = call(&mut other, "CLIENT LIST");
    assert!(list.lines().any(|line| line.contains(" flags=O ")), "{list}");
    assert_eq!(call(&mut monitor, "RESET"), "RESET");
    call(&mut other, "GET k");
    assert_eq!(call(&mut monitor, "GET k"), "nil");

    let mut modern = Client::connect_resp3(server.port());
    assert_eq!(call(&mut modern, "MONITOR"), "OK");
    call(&mut other, "GET k");
    check(&mut modern, &[r#"[0 A] "GET" "k""#]);
    assert_eq!(call(&mut modern, "QUIT"), "OK");
    assert!(modern.is_closed());

    for command in ["MULTI", "MONITOR"] {
        call(&mut other, command);
    }
    assert_eq!(call(&mut other, "EXEC"), "[ERR MONITOR isn't allowed for DENY BLOCKING client]");
    let refused = other.text(["EVAL", "return redis.call('monitor')", "0"]);
    assert!(refused.contains("This Redis command is not allowed from script"), "{refused}");
}

#[test]
fn one_that_does_not_read_is_cut_off() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 10mb 0 0"]);
    let (mut monitor, mut client) = (monitor(&server), Client::connect(server.port()));
    let value = "x".repeat(1 << 20);
    for _ in 0..40 {
        assert_eq!(client.text(["SET", "k", &value]), "OK");
    }
    server.wait_for_log("closed for overcoming of output buffer limits");
    assert!(monitor.last_words(b"").len() < 40 << 20);
    assert_eq!(client.text(["ECHO", "still here"]), "still here");
}

#[test]
fn the_unix_socket_is_shown_by_its_path() {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let server = Server::start(&["--unixsocket", path.to_str().expect("UTF-8")]);
    let mut monitor = monitor(&server);
    let mut client = UnixStream::connect(&path).expect("it listens");
    client.write_all(b"PING\r\n").expect("it takes it");
    client.read_exact(&mut [0; 7]).expect("it answers");
    check(&mut monitor, &[&format!("[0 unix:{}] \"PING\"", path.display())]);
}

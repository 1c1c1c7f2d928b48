//! Transactions, with several connections.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::thread;

struct Stage {
    server: Server,
    one: Client,
    other: Client,
}

impl Stage {
    fn new() -> Stage {
        let server = Server::start(&["--io-threads", "4"]);
        let (one, other) = (Client::connect(server.port()), Client::connect(server.port()));
        Stage { server, one, other }
    }
}

fn call(client: &mut Client, command: &str) -> Value {
    client.call(command.split(' '))
}

fn calls(client: &mut Client, commands: &[&str]) -> Value {
    let mut last = Value::Null;
    for command in commands {
        last = call(client, command);
    }
    last
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

#[test]
fn a_change_of_a_watched_key_stops_the_transaction() {
    let Stage { server, mut one, mut other } = Stage::new();
    let changes: &[&[&str]] = &[
        &["SET k 2"],
        &["DEL k"],
        &["PEXPIRE k 100000"],
        &["RENAME k l"],
        &["SET l 1", "RENAME l k"],
        &["FLUSHDB"],
        &["FLUSHALL ASYNC"],
        &["SWAPDB 0 1"],
        &["MOVE k 1"],
        &["MULTI", "INCR k", "EXEC"],
    ];
    for change in changes {
        calls(&mut one, &["FLUSHALL", "SET k 1", "WATCH nothing k"]);
        calls(&mut other, change);
        assert_eq!(calls(&mut one, &["MULTI", "SET done 1", "EXEC"]), Value::Null, "{change:?}");
        assert_eq!(calls(&mut one, &["MULTI", "SET done 1", "EXEC"]), Value::Array(vec![ok()]), "{change:?}");
    }
    for no_change in ["GET k", "SET l 2", "FLUSHDB nosuch", "DEL nothing", "PERSIST k"] {
        calls(&mut one, &["FLUSHALL", "SET k 1", "WATCH nothing k"]);
        call(&mut other, no_change);
        assert_eq!(
            calls(&mut one, &["MULTI", "PING", "EXEC"]),
            Value::Array(vec![Value::Simple("PONG".into())])
        );
    }
    calls(&mut one, &["WATCH k", "UNWATCH"]);
    call(&mut other, "SET k 3");
    assert_eq!(calls(&mut one, &["MULTI", "SET k 4", "EXEC"]), Value::Array(vec![ok()]));
    calls(&mut one, &["WATCH k", "MULTI", "DISCARD"]);
    call(&mut other, "SET k 5");
    assert_eq!(calls(&mut one, &["MULTI", "SET k 6", "EXEC"]), Value::Array(vec![ok()]));
    drop(server);
}

#[test]
fn expiry_of_a_watched_key_is_a_change() {
    let Stage { server: _server, mut one, mut other } = Stage::new();
    calls(&mut one, &["SET k 1 PX 30", "WATCH k"]);
    while call(&mut other, "EXISTS k") == Value::Integer(1) {}
    assert_eq!(calls(&mut one, &["MULTI", "PING", "EXEC"]), Value::Null);
    // One that was gone before is not watched as though it were there.
    call(&mut one, "WATCH k");
    assert!(matches!(calls(&mut one, &["MULTI", "PING", "EXEC"]), Value::Array(_)));
}

#[test]
fn what_had_expired_before_it_was_watched_may_go() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    // So that it stays in memory until somebody asks for it.
    call(&mut one, "DEBUG SET-ACTIVE-EXPIRE 0");
    for (change, is_change) in
        [("PING", false), ("GET k", false), ("DEL k", false), ("FLUSHALL", false), ("SET k 2", true)]
    {
        calls(&mut one, &["FLUSHALL", "SET k 1 PX 1", "SET later 1 PX 2"]);
        while call(&mut other, "EXISTS later") == Value::Integer(1) {}
        assert_eq!(call(&mut one, "DBSIZE"), Value::Integer(1), "it has expired and is there");
        call(&mut one, "WATCH k");
        call(&mut other, change);
        let reply = calls(&mut one, &["MULTI", "PING", "EXEC"]);
        assert_eq!(reply == Value::Null, is_change, "{change}");
    }
}

#[test]
fn others_see_all_of_a_transaction_or_nothing() {
    const ROUNDS: i64 = 2000;
    let Stage { server, mut one, mut other } = Stage::new();
    call(&mut one, "MSET a 0 b 0");
    let writer = thread::spawn(move || {
        for _ in 0..ROUNDS {
            one.send_bytes(b"MULTI\r\nINCR a\r\nINCR b\r\nEXEC\r\n");
            (0..4).for_each(|_| _ = one.reply());
        }
    });
    let mut seen = Value::Null;
    let done = Value::Array(vec![Value::Bulk(ROUNDS.to_string().into_bytes()); 2]);
    while seen != done {
        seen = call(&mut other, "MGET a b");
        let Value::Array(values) = &seen else { panic!("{seen:?}") };
        assert_eq!(values[0], values[1]);
    }
    writer.join().expect("the writer sees no error");
    drop(server);
}

#[test]
fn exec_may_have_conditions() {
    let Stage { server: _server, mut one, .. } = Stage::new();
    calls(&mut one, &["SET k 1", "RPUSH l x"]);
    let runs = Value::Array(vec![Value::Simple("PONG".into())]);
    for (conditions, is_met) in [
        ("IFEQ k 1", true),
        ("IFEQ k 2", false),
        ("IFEQ l x", false),
        ("IFEQ none 1", false),
        ("IFNE k 2", true),
        ("IFNE k 1", false),
        ("IFNE none 1", true),
        ("NX none", true),
        ("NX k", false),
        ("XX k XX l", true),
        ("XX k NX l", false),
    ] {
        calls(&mut one, &["MULTI", "PING"]);
        let reply = call(&mut one, &format!("EXEC {conditions}"));
        assert_eq!(reply, if is_met { runs.clone() } else { Value::Null }, "{conditions}");
    }
    calls(&mut one, &["MULTI", "PING"]);
    assert!(matches!(call(&mut one, "EXEC IFEQ k"), Value::Error(text) if text.starts_with(b"EXECABORT")));
    assert!(matches!(call(&mut one, "EXEC"), Value::Error(text) if text == b"ERR EXEC without MULTI"));
}

#[test]
fn an_atomic_transaction_is_undone_when_it_fails() {
    let Stage { server: _server, mut one, mut other } = Stage::new();
    calls(&mut one, &["SET s 1 EX 1000", "RPUSH l a b c", "SADD set 1 2 3", "HSET h f v g w"]);
    let before = call(&mut one, "MGET s none");
    calls(
        &mut one,
        &["MULTI ATOMIC", "INCR s", "LPOP l 3", "DEL set", "HDEL h f", "SET new 1", "RENAME h h2"],
    );
    call(&mut one, "LPUSH s x");
    let reply = call(&mut one, "EXEC");
    let expected = "EXECABORT Transaction undone because of: WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(reply, Value::Error(expected.into()));
    assert_eq!(call(&mut other, "MGET s none"), before);
    assert_eq!(call(&mut other, "LLEN l"), Value::Integer(3));
    assert_eq!(call(&mut other, "SCARD set"), Value::Integer(3));
    assert_eq!(call(&mut other, "HLEN h"), Value::Integer(2));
    assert_eq!(call(&mut other, "EXISTS new h2"), Value::Integer(0));
    assert!(matches!(call(&mut other, "TTL s"), Value::Integer(ttl) if ttl > 900));
    let reply = calls(&mut one, &["MULTI ATOMIC", "INCR s", "LPOP l", "EXEC"]);
    assert_eq!(reply, Value::Array(vec![Value::Integer(2), Value::Bulk(b"a".to_vec())]));
    calls(&mut one, &["MULTI ATOMIC"]);
    assert!(
        matches!(call(&mut one, "FLUSHALL"), Value::Error(text) if String::from_utf8_lossy(&text).contains("undone"))
    );
    assert!(matches!(call(&mut one, "EXEC"), Value::Error(text) if text.starts_with(b"EXECABORT")));
}

#[test]
fn a_reset_or_a_lost_connection_leaves_nothing() {
    let Stage { server, mut one, mut other } = Stage::new();
    calls(&mut one, &["WATCH k", "MULTI", "SET k 1"]);
    assert!(other.text(["CLIENT", "LIST"]).contains("multi=1 watch=1"));
    assert_eq!(call(&mut one, "RESET"), Value::Simple("RESET".into()));
    assert!(matches!(call(&mut one, "EXEC"), Value::Error(_)));
    assert!(other.text(["INFO", "clients"]).contains("total_watched_keys:0"));
    let mut third = Client::connect(server.port());
    calls(&mut third, &["WATCH k", "MULTI", "SET k 1"]);
    drop(third);
    while other.text(["INFO", "clients"]).contains("watching_clients:1") {}
    assert_eq!(call(&mut other, "EXISTS k"), Value::Integer(0));
}

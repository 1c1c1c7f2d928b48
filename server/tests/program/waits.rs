//! WAIT: there are no replicas, so a client that waits for one waits in vain.

use crate::process::{Connection, Folder, Server, ok};
use spinel_resp::Value;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn pong() -> Value {
    Value::Simple("PONG".into())
}

/// Asks until a client waits.
fn await_waiting(other: &mut Connection<TcpStream>) {
    let start = Instant::now();
    while !other.text(&["INFO", "clients"]).contains("blocked_clients:1\r\n") {
        assert!(start.elapsed() < Duration::from_secs(10), "nobody ever waits");
    }
}

#[test]
fn a_wait_holds_what_follows_but_nobody_else() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--io-threads", "1"]);
    let (mut one, mut other) = (server.connect(), server.connect());
    let start = Instant::now();
    one.send_bytes(b"SET a 1\r\nWAIT 0 0\r\nWAIT 1 1500\r\nGET a\r\n*2\r\n$3\r\nGET\r\n");
    assert_eq!(one.reply(), ok());
    assert_eq!(one.reply(), Value::Integer(0), "what stands before the wait is replied at once");
    await_waiting(&mut other);
    assert!(other.text(&["CLIENT", "LIST"]).contains("flags=b"));
    assert!(other.text(&["CLIENT", "LIST"]).contains("cmd=wait"));
    assert_eq!(other.call(&["SET", "a", "2"]), ok());
    one.send_bytes(b"$1\r\na\r\n");
    assert_eq!(one.reply(), Value::Integer(0));
    assert!(start.elapsed() >= Duration::from_millis(1500));
    assert_eq!(one.reply(), Value::Bulk(b"2".to_vec()));
    assert_eq!(one.reply(), Value::Bulk(b"2".to_vec()));
    assert!(other.text(&["INFO", "clients"]).contains("blocked_clients:0\r\n"));
}

#[test]
fn who_waits_for_ever_can_be_killed_or_leave() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut one, mut two, mut other) = (server.connect(), server.connect(), server.connect());
    let Value::Integer(number) = one.call(&["CLIENT", "ID"]) else { panic!("a client has a number") };
    one.send(&["WAIT", "1", "0"]);
    await_waiting(&mut other);
    assert_eq!(other.call(&["CLIENT", "KILL", "ID", &number.to_string()]), Value::Integer(1));
    assert_eq!(one.rest(), b"");
    two.send_bytes(b"WAIT 1 0\r\nPING\r\n");
    await_waiting(&mut other);
    drop(two);
    let start = Instant::now();
    while !other.text(&["INFO", "clients"]).contains("connected_clients:1\r\n") {
        assert!(start.elapsed() < Duration::from_secs(10), "it is gone, but still waits");
    }
}

#[test]
fn a_wait_is_silent_for_who_wants_no_replies() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut one = server.connect();
    one.send_bytes(b"CLIENT REPLY SKIP\r\nWAIT 1 10\r\nPING\r\n");
    assert_eq!(one.reply(), pong());
    one.send_bytes(b"CLIENT REPLY OFF\r\nWAIT 1 10\r\nCLIENT REPLY ON\r\n");
    assert_eq!(one.reply(), ok());
    assert_eq!(one.text(&["PING"]), "PONG");
}

//! The server as a primary, seen byte by byte.

use super::replica::{Replica, Start};
use crate::saving::{info, wait_until};
use spinel_resp::Value;
use spinel_tests::{Client, Server};

pub(super) const EOF: &str = "capa eof capa psync2";

/// How many bytes a command takes in the stream.
pub(super) fn encoded(words: &str) -> u64 {
    let mut bytes = Vec::new();
    spinel_resp::encode_request(words.split(' '), &mut bytes);
    bytes.len() as u64
}

/// A replica that has all there is.
pub(super) fn online(server: &Server, options: &str) -> (Replica, Start) {
    let mut replica = Replica::connect(server.port());
    replica.introduce(options);
    replica.send("PSYNC ? -1");
    let start = replica.full();
    assert!(replica.snapshot().starts_with(b"REDIS00"));
    replica.send(&format!("REPLCONF ACK {}", start.offset));
    let mut client = Client::connect(server.port());
    wait_until("the replica is not taken for one", || info(&mut client, "slave0").contains("state=online"));
    (replica, start)
}

#[test]
fn a_replica_gets_a_snapshot_and_then_the_stream() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", "before", "1"]), "OK");
    let mut replica = Replica::connect(server.port());
    replica.introduce(EOF);
    replica.send("PSYNC ? -1");
    let start = replica.full();
    assert_eq!(start.offset, 0);
    let snapshot = replica.snapshot();
    assert!(snapshot.starts_with(b"REDIS00") && snapshot.windows(6).any(|bytes| bytes == b"before"));
    // It may still be loading: nothing follows the marker before it says a word.
    assert_eq!(client.text(["SET", "key", "value", "PX", "100000"]), "OK");
    assert!(info(&mut client, "slave0").contains("port=7777,state=send_bulk"));
    replica.send("REPLCONF ACK 0");
    assert_eq!(replica.command(), "SELECT 0");
    assert!(replica.command().starts_with("SET key value PXAT "));
    assert_eq!(client.call(["SET", "key", "x", "NX"]), Value::Null);
    assert_eq!(client.text(["SELECT", "3"]), "OK");
    assert_eq!(client.integer(["INCR", "n"]), 1);
    assert_eq!(replica.command(), "SELECT 3");
    assert_eq!(replica.command(), "INCR n");
    // What happened in one go stays together.
    for call in ["MULTI", "INCR n", "DEL n", "EXEC"] {
        client.call(call.split(' '));
    }
    let group = ["MULTI", "INCR n", "DEL n", "EXEC"];
    assert_eq!(group.map(|_| replica.command()), group);
    assert_eq!(client.text(["CLIENT", "LIST", "TYPE", "replica"]).matches(" flags=S ").count(), 1);
}

#[test]
fn a_replica_that_was_away_goes_on() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let (mut replica, start) = online(&server, EOF);
    assert_eq!(client.text(["SET", "a", "1"]), "OK");
    assert_eq!([replica.command(), replica.command()], ["SELECT 0", "SET a 1"]);
    let has = start.offset + encoded("SELECT 0") + encoded("SET a 1");
    drop(replica);
    wait_until("nobody notices that it has gone", || info(&mut client, "connected_slaves") == "0");
    assert_eq!(client.text(["SET", "b", "2"]), "OK");

    let mut replica = Replica::connect(server.port());
    replica.introduce(EOF);
    assert_eq!(replica.ask(&format!("PSYNC {} {}", start.id, has + 1)), format!("+CONTINUE {}", start.id));
    assert_eq!(replica.command(), "SET b 2");
    // Who doesn't know that streams may be renamed is told no name.
    let mut old = Replica::connect(server.port());
    assert_eq!(old.ask(&format!("PSYNC {} {}", start.id, has + 1)), "+CONTINUE");
    assert_eq!(old.command(), "SET b 2");
    for (id, offset) in [(start.id.as_str(), has + 1_000_000), ("0".repeat(40).as_str(), has + 1)] {
        let mut other = Replica::connect(server.port());
        other.introduce(EOF);
        other.send(&format!("PSYNC {id} {offset}"));
        assert_eq!(other.full().id, start.id);
    }
}

#[test]
fn who_wants_to_know_the_length_is_told() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", "key", "value"]), "OK");
    let mut replica = Replica::connect(server.port());
    replica.introduce("");
    replica.send("PSYNC ? -1");
    replica.full();
    assert!(replica.snapshot().starts_with(b"REDIS00"));
    // It finds the end by itself, so that nobody waits for its word.
    assert_eq!(client.integer(["DEL", "key"]), 1);
    assert_eq!([replica.command(), replica.command()], ["SELECT 0", "DEL key"]);

    let mut old = Replica::connect(server.port());
    old.send("SYNC");
    assert!(old.snapshot().starts_with(b"REDIS00"));
    assert_eq!(client.text(["SET", "key", "2"]), "OK");
    wait_until("the stream does not come", || old.command() == "SET key 2");
}

#[test]
fn copies_are_waited_for() {
    let server = Server::start(&["--appendonly", "yes"]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.integer(["WAIT", "1", "10"]), 0);
    let (mut replica, start) = online(&server, EOF);
    client.send(["SET", "a", "1"]);
    client.send(["WAIT", "1", "0"]);
    assert_eq!([replica.command(), replica.command()], ["SELECT 0", "SET a 1"]);
    assert_eq!(replica.command(), "REPLCONF GETACK *");
    let written = start.offset + encoded("SELECT 0") + encoded("SET a 1");
    replica.send(&format!("REPLCONF ACK {}", written - 1));
    replica.send(&format!("REPLCONF ACK {written}"));
    assert_eq!((client.reply(), client.reply()), (Value::Simple("OK".into()), Value::Integer(1)));
    // Those who have it are counted without being asked again.
    assert_eq!(client.integer(["WAIT", "0", "0"]), 0, "the question itself is not acknowledged");
    client.send(["WAITAOF", "1", "1", "0"]);
    assert_eq!(replica.command(), "REPLCONF GETACK DISK");
    let asked = written + encoded("REPLCONF GETACK *") + encoded("REPLCONF GETACK DISK");
    replica.send(&format!("REPLCONF ACK {asked} FACK {written}"));
    replica.send(&format!("REPLCONF ACK {asked} FACK {asked}"));
    assert_eq!(client.reply(), Value::Array(vec![Value::Integer(1), Value::Integer(1)]));
    assert_eq!(client.integer(["WAIT", "1", "0"]), 1);
}

#[test]
fn writes_are_refused_without_enough_replicas() {
    let server = Server::start(&["--min-replicas-to-write", "1"]);
    let mut client = Client::connect(server.port());
    let is_refused = |client: &mut Client| match client.call(["SET", "a", "1"]) {
        Value::Error(text) => text.starts_with(b"NOREPLICAS "),
        _ => false,
    };
    assert!(is_refused(&mut client));
    assert_eq!(client.call(["GET", "a"]), Value::Null);
    let (_replica, _) = online(&server, EOF);
    wait_until("writes are still refused", || !is_refused(&mut client));
    assert_eq!(client.text(["CONFIG", "SET", "min-replicas-to-write", "2"]), "OK");
    assert!(is_refused(&mut client), "one replica is not two");
}

#[test]
fn a_replica_is_a_client_like_others() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut replica = Replica::connect(server.port());
    assert!(replica.ask("PSYNC ? -1").starts_with("-NOAUTH"));
    assert!(replica.ask("REPLCONF listening-port 1").starts_with("-NOAUTH"));
    assert_eq!(replica.ask("AUTH secret"), "+OK");
    replica.introduce(EOF);
    replica.send("PSYNC ? -1");
    replica.full();
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["AUTH", "secret"]), "OK");
    assert_eq!(client.integer(["CLIENT", "KILL", "TYPE", "replica"]), 1);
    assert!(replica.is_closed());
    wait_until("it stays a replica", || info(&mut client, "connected_slaves") == "0");
}

#[test]
fn a_snapshot_may_be_had_without_keys() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", "some_key", "1"]), "OK");
    let code = "#!lua name=l\nredis.register_function('some_function', function() return 1 end)";
    assert_eq!(client.text(["FUNCTION", "LOAD", code]), "l");
    let snapshot = |filter: &str| {
        let mut replica = Replica::connect(server.port());
        replica.introduce(&format!("capa eof rdb-only 1 rdb-filter-only {filter}"));
        replica.send("PSYNC ? -1");
        replica.full();
        String::from_utf8_lossy(&replica.snapshot()).into_owned()
    };
    let functions = snapshot("functions");
    assert!(functions.contains("some_function") && !functions.contains("some_key"));
}

//! Clients that are ended, or whose wait is, at odd moments.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

fn identified(server: &Server) -> (Client, String) {
    let mut client = Client::connect(server.port());
    let id = client.integer(["CLIENT", "ID"]).to_string();
    (client, id)
}

fn await_info(control: &mut Client, line: &str) {
    let start = Instant::now();
    while !control.text(["INFO", "clients"]).contains(&format!("{line}\r\n")) {
        assert!(start.elapsed() < Duration::from_secs(20), "{line} never comes");
    }
}

#[test]
fn who_kills_himself_gets_his_replies_first() {
    let server = Server::start(&["--io-threads", "2"]);
    let (mut client, id) = identified(&server);
    assert_eq!(client.integer(["CLIENT", "KILL", "ID", &id]), 0, "SKIPME is the default");
    client.send_bytes(b"SET before 1\r\n");
    client.send(["CLIENT", "KILL", "ID", &id, "SKIPME", "no"]);
    client.send_bytes(b"SET after 1\r\n");
    assert_eq!(client.reply(), Value::Simple("OK".into()));
    assert_eq!(client.reply(), Value::Integer(1));
    let (mut client, id) = identified(&server);
    client.text(["MULTI"]);
    client.text(["CLIENT", "KILL", "ID", &id, "SKIPME", "no"]);
    client.text(["SET", "inside", "1"]);
    client.send(["EXEC"]);
    drop(client.receive());
    let mut control = Client::connect(server.port());
    let seen = control.call(["MGET", "before", "inside"]);
    assert_eq!(seen, Value::Array(vec![Value::Bulk("1".into()); 2]), "a transaction is done or not at all");
    assert_serves(&server);
}

#[test]
fn who_is_killed_in_a_transaction_leaves_nothing() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = Client::connect(server.port());
    let (mut client, id) = identified(&server);
    for words in [&["WATCH", "w"][..], &["MULTI"], &["SET", "k", "1"]] {
        client.text(words);
    }
    assert_eq!(control.integer(["CLIENT", "KILL", "ID", &id]), 1);
    assert!(client.is_closed());
    await_info(&mut control, "watching_clients:0");
    assert_eq!(control.integer(["EXISTS", "k"]), 0);
    assert_eq!(control.integer(["CLIENT", "KILL", "ID", &id]), 0);
}

#[test]
fn a_subscriber_killed_by_a_transaction_disturbs_nobody() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = Client::connect(server.port());
    let (mut listener, id) = identified(&server);
    listener.call(["SUBSCRIBE", "c"]);
    let (mut other, _) = identified(&server);
    other.call(["SUBSCRIBE", "c"]);
    control.text(["MULTI"]);
    for words in [&["PUBLISH", "c", "one"][..], &["CLIENT", "KILL", "ID", &id], &["PUBLISH", "c", "two"]] {
        assert_eq!(control.text(words), "QUEUED");
    }
    let Value::Array(replies) = control.call(["EXEC"]) else { panic!("no array") };
    assert_eq!(replies, [2, 1, 1].map(Value::Integer), "who is killed counts no more");
    drop(listener.receive());
    assert!(matches!(other.reply(), Value::Array(words) if words[2] == Value::Bulk("one".into())));
    assert!(matches!(other.reply(), Value::Array(words) if words[2] == Value::Bulk("two".into())));
    let start = Instant::now();
    while control.call(["PUBSUB", "NUMSUB", "c"])
        != Value::Array(vec![Value::Bulk("c".into()), Value::Integer(1)])
    {
        assert!(start.elapsed() < Duration::from_secs(20), "the killed one still listens");
    }
}

#[test]
fn a_subscriber_that_kills_all_subscribers_in_a_transaction_is_one() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut client = Client::connect_resp3(server.port());
    client.call(["SUBSCRIBE", "c"]);
    for words in
        [&["MULTI"][..], &["PUBLISH", "c", "x"], &["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "no"]]
    {
        client.text(words);
    }
    client.send(["SET", "done", "1"]);
    client.send(["EXEC"]);
    let start = Instant::now();
    let mut control = Client::connect(server.port());
    while control.text(["GET", "done"]) != "1" {
        assert!(start.elapsed() < Duration::from_secs(20), "the transaction has run");
    }
    await_info(&mut control, "pubsub_clients:0");
    while matches!(client.receive(), spinel_tests::Received::Reply(..)) {}
}

#[test]
fn waits_can_be_ended_during_a_pause() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = Client::connect(server.port());
    let (mut waiter, id) = identified(&server);
    waiter.send(["BLPOP", "k", "0"]);
    await_info(&mut control, "blocked_clients:1");
    assert_eq!(control.text(["CLIENT", "PAUSE", "100000", "WRITE"]), "OK");
    assert_eq!(control.integer(["CLIENT", "UNBLOCK", &id]), 1);
    assert_eq!(waiter.reply(), Value::Null);
    // Who is held by the pause waits for no key.
    let (mut held, held_id) = identified(&server);
    held.send(["SET", "k", "v"]);
    await_info(&mut control, "blocked_clients:1");
    assert_eq!(control.integer(["CLIENT", "UNBLOCK", &held_id]), 0);
    waiter.send(["BLPOP", "k", "0.05"]);
    assert_eq!(control.text(["CLIENT", "UNPAUSE"]), "OK");
    assert_eq!(held.reply(), Value::Simple("OK".into()));
    let reply = waiter.reply();
    let is_expected = |reply: &Value| match reply {
        Value::Null => true,
        Value::Error(text) => text.starts_with(b"WRONGTYPE"),
        _ => false,
    };
    assert!(is_expected(&reply), "{reply:?}");
}

#[test]
fn a_pause_of_everything_holds_who_would_end_it_only_for_its_time() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = Client::connect(server.port());
    let (mut waiter, id) = identified(&server);
    waiter.send(["BLPOP", "k", "0"]);
    await_info(&mut control, "blocked_clients:1");
    let start = Instant::now();
    assert_eq!(control.text(["CLIENT", "PAUSE", "300", "ALL"]), "OK");
    assert_eq!(control.integer(["CLIENT", "UNBLOCK", &id, "ERROR"]), 1);
    assert!(start.elapsed() >= Duration::from_millis(299));
    assert_eq!(waiter.reply(), Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into()));
}

//! What of a copy is on its disk, as it tells its primary.

use super::copy::{await_link, following};
use super::upstream::{Upstream, requests};
use crate::saving::call;
use spinel_tests::{Client, Server};

#[test]
fn a_copy_says_what_is_on_its_disk() {
    let upstream = Upstream::new();
    let (_server, mut client, mut follower) = following(&upstream, &[]);
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    // The kernel is never asked to write anything by itself.
    assert_eq!(call(&mut client, "CONFIG SET appendfsync no"), "OK");
    let stream = requests(&["SET a 1", "INCR a"]);
    follower.say(&stream);
    let offset = 1000 + stream.len();
    follower.run(&["REPLCONF GETACK DISK"]);
    let next = offset + requests(&["REPLCONF GETACK DISK"]).len();
    // The log may not have been on yet when it was asked.
    let known = [(offset, offset), (next, offset), (next, next)];
    follower.await_one_of(&known.map(|(has, kept)| format!("REPLCONF ACK {has} FACK {kept}")));
    assert_eq!(call(&mut client, "CONFIG SET appendonly no"), "OK");
    follower.await_one_of(&[format!("REPLCONF ACK {next}")]);
}

#[test]
fn copies_on_disk_are_counted() {
    let primary = Server::start(&[]);
    let address = format!("127.0.0.1 {}", primary.port());
    let never = ["--appendonly", "yes", "--appendfsync", "no"];
    let replicas = [&never[..], &[]].map(|log| Server::start(&[&["--replicaof", &address], log].concat()));
    for replica in &replicas {
        await_link(&mut Client::connect(replica.port()), "up");
    }
    let mut client = Client::connect(primary.port());
    for number in 1..20 {
        assert_eq!(call(&mut client, "INCR counter"), number.to_string());
        assert_eq!(call(&mut client, "WAITAOF 0 1 0"), "[0, 1]");
    }
    assert_eq!(call(&mut client, "WAIT 2 0"), "2");
    assert_eq!(call(&mut client, "WAITAOF 0 2 50"), "[0, 1]", "the other one has no log");
}

#[test]
fn a_copy_tells_what_is_on_disk() {
    let upstream = Upstream::new();
    let (_server, mut client, mut follower) = following(&upstream, &["--appendonly", "yes"]);
    follower.run(&["SET a 1"]);
    let offset = 1000 + requests(&["SET a 1"]).len() as u64;
    follower.expect_durable(offset);
    // What changes nothing is on disk at once.
    follower.run(&["PING"]);
    follower.expect_durable(offset + requests(&["PING"]).len() as u64);
    assert_eq!(call(&mut client, "CONFIG SET appendonly no"), "OK");
    follower.run(&["REPLCONF GETACK *"]);
    let offset = offset + requests(&["PING"]).len() as u64;
    follower.expect_ack(offset + requests(&["REPLCONF GETACK *"]).len() as u64);
}

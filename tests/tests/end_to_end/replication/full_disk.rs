//! Replication while the disk takes nothing more: of what is kept for replicas, and of what comes from a primary.

use super::copy::{ID, await_link, await_reply, replicate};
use super::slow::{begin, letters, write};
use super::upstream::{Upstream, snapshot};
use crate::saving::{call, info, number, wait_until};
use spinel_tests::{Client, Server};
use std::fs;

/// Files may have half a megabyte: less than is put into one at a time.
const FILE_KILOBYTES: u32 = 512;
/// Of 8 MiB each: more than may be in memory.
const KEYS: u64 = 6;

#[test]
fn a_replica_for_which_the_stream_can_not_be_kept_is_sent_away() {
    let limits = ["--client-output-buffer-limit", "replica 0 0 0", "--repl-backlog-size", "1mb"];
    let server = Server::start_limited(&limits, FILE_KILOBYTES);
    let (mut client, letters) = (Client::connect(server.port()), letters());
    let quick = Server::start(&[]);
    let mut copied = Client::connect(quick.port());
    replicate(&mut copied, server.port());
    await_link(&mut copied, "up");
    let (mut slow, offset) = begin(&server);
    slow.snapshot_in_pieces(1000, |_| ());
    slow.send(&format!("REPLCONF ACK {offset}"));
    wait_until("it does not come online", || number(&mut client, "connected_slaves") == 2);
    // It reads nothing more, while the other one keeps up.
    for round in 0..KEYS {
        write(&mut client, &letters, round..=round);
        assert_eq!(call(&mut client, "WAIT 1 30000"), "1");
    }
    server.wait_for_log("What replicas lack can't be kept on disk: File too large");
    server.wait_for_log("Disconnecting replica 127.0.0.1:7777, for which nothing can be kept");
    wait_until("the wrong one has gone", || number(&mut client, "connected_slaves") == 1);
    assert!(slow.is_closed());
    assert_eq!(call(&mut client, "SET small 1"), "OK");
    await_reply(&mut copied, "GET small", "1");
    assert_eq!(info(&mut client, "sync_partial_ok"), "0", "the quick one has never gone");
}

#[test]
fn a_snapshot_of_a_primary_that_has_no_room_leaves_what_there_is() {
    let upstream = Upstream::new();
    let server = Server::start_limited(&[], FILE_KILOBYTES);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET mine 1"), "OK");
    replicate(&mut client, upstream.port());
    let mut follower = upstream.accept_up_to(server.port(), "PSYNC ? -1");
    let bytes = 2 * usize::try_from(FILE_KILOBYTES).expect("it is small") * 1024;
    follower.say(format!("+FULLRESYNC {ID} 1000\r\n${}\r\n", 2 * bytes).as_bytes());
    follower.say(&vec![b'x'; bytes]);
    server.wait_for_log("the snapshot can't be written to a file: File too large");
    assert!(follower.is_closed());
    assert_eq!(
        (call(&mut client, "GET mine"), info(&mut client, "master_link_status")),
        ("1".into(), "down".into())
    );
    let files = || fs::read_dir(server.folder()).expect("it is there").flatten().count();
    wait_until("what was written of it stays", || files() == 0);
    // It comes again by itself.
    let mut follower = upstream.accept_up_to(server.port(), "PSYNC ? -1");
    let file = snapshot("key", "value");
    follower.say(format!("+FULLRESYNC {ID} 1000\r\n${}\r\n", file.len()).as_bytes());
    follower.say(&file);
    await_reply(&mut client, "MGET mine key", "[nil, value]");
}

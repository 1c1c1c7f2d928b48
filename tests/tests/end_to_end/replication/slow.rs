//! Replicas that read slowly, or not at all, and what the server keeps for them meanwhile.

use super::replica::Replica;
use crate::saving::{info, number, wait_until};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::fs;

const MEBIBYTE: u64 = 1 << 20;
const VALUE_BYTES: usize = 8 << 20;
/// 160 MiB that are there before, and 256 that come while the replica reads nothing.
const KEYS: u64 = 20;
const WRITES: u64 = 32;

/// Letters that can't be compressed.
pub(super) fn letters() -> String {
    let mut state = 1_u64;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 58) as u8)
    };
    (0..VALUE_BYTES).map(letter).collect()
}

/// The write of a number, in words: another value each time.
fn write_of(number: u64, letters: &str) -> [String; 3] {
    ["SET".to_owned(), format!("key:{}", number % KEYS), format!("{number} {letters}")]
}

pub(super) fn write(client: &mut Client, letters: &str, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        assert_eq!(client.text(write_of(number, letters)), "OK");
    }
}

/// How much the server has in files without a name that it keeps for replicas.
fn spooled(server: &Server) -> u64 {
    let entries = fs::read_dir(format!("/proc/{}/fd", server.id())).expect("the process runs");
    // One may be closed meanwhile.
    let lengths = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_spool = fs::read_link(&path).ok()?.to_string_lossy().contains("temp-repl-");
        is_spool.then(|| fs::metadata(&path).ok())?.map(|metadata| metadata.len())
    });
    lengths.sum()
}

/// Begins to read a snapshot.
pub(super) fn begin(server: &Server) -> (Replica, u64) {
    let mut replica = Replica::connect(server.port());
    replica.introduce("capa eof capa psync2");
    replica.send("PSYNC ? -1");
    let start = replica.full();
    (replica, start.offset)
}

#[test]
fn a_replica_that_reads_slowly_does_not_begin_anew() {
    let limits = ["--client-output-buffer-limit", "replica 16mb 8mb 1", "--repl-backlog-size", "1mb"];
    // Nothing is in the stream but what is written here.
    let server = Server::start(&[&limits[..], &["--repl-ping-replica-period", "3600"]].concat());
    let (mut client, letters) = (Client::connect(server.port()), letters());
    write(&mut client, &letters, 0..KEYS);
    let before = server.resident_bytes();
    let (mut replica, offset) = begin(&server);
    wait_until("the snapshot is not made to its end", || info(&mut client, "rdb_bgsave_in_progress") == "0");
    write(&mut client, &letters, KEYS..KEYS + WRITES);
    let is_on_disk = |client: &mut Client| number(client, "repl_backlog_disk_bytes") > 180 * MEBIBYTE;
    wait_until("the stream stays in memory", || is_on_disk(&mut client));
    // Without the disk, 160 MiB of the snapshot and 256 of the stream would be in memory. What was freed goes back by and by.
    let growth = || server.resident_bytes().saturating_sub(before);
    wait_until("the memory of what is on disk is not given back", || growth() < 150 * MEBIBYTE);
    wait_until("the snapshot stays in memory", || {
        let files = spooled(&server);
        files > number(&mut client, "repl_backlog_disk_bytes") + 50 * MEBIBYTE
    });

    let mut small = 0;
    let snapshot_bytes = replica.snapshot_in_pieces(10_000, |bytes| {
        if bytes / (16 * MEBIBYTE) > small {
            small += 1;
            assert_eq!(client.integer(["INCR", "small"]), small as i64);
        }
    });
    assert!(snapshot_bytes > KEYS * VALUE_BYTES as u64 && small >= 9);
    let stream_bytes = |client: &mut Client| number(client, "repl_backlog_disk_bytes");
    wait_until("the disk is not given back", || spooled(&server) <= stream_bytes(&mut client) + MEBIBYTE);
    replica.send(&format!("REPLCONF ACK {offset}"));
    wait_until("it does not come online", || info(&mut client, "slave0").contains("state=online"));
    // The limits hold for what it lacks later: they are looked at once a second.
    let second = number(&mut client, "uptime_in_seconds");
    wait_until("time stands still", || number(&mut client, "uptime_in_seconds") > second + 3);

    assert_eq!(replica.command(), "SELECT 0");
    for number in KEYS..KEYS + WRITES {
        let expected = write_of(number, &letters).join(" ");
        assert!(replica.command() == expected, "write {number} is missing");
    }
    for _ in 0..small {
        assert_eq!(replica.command(), "INCR small");
    }
    wait_until("the disk is not given back", || spooled(&server) == 0);
    assert_eq!(["sync_full", "sync_partial_ok"].map(|field| number(&mut client, field)), [1, 0]);
    // From now on it may lack no more than others.
    write(&mut client, &letters, 0..KEYS);
    wait_until("it may lack anything", || info(&mut client, "connected_slaves") == "0");
    assert!(replica.is_closed());
}

#[test]
fn a_replica_that_reads_nothing_of_its_snapshot_is_given_up() {
    let server = Server::start(&["--repl-timeout", "1"]);
    let (mut client, letters) = (Client::connect(server.port()), letters());
    write(&mut client, &letters, 0..KEYS / 2);
    let (mut replica, _) = begin(&server);
    server.wait_for_log("Disconnecting timedout replica (full sync): 127.0.0.1:7777");
    wait_until("it stays a replica", || info(&mut client, "connected_slaves") == "0");
    wait_until("its snapshot is kept", || spooled(&server) == 0);
    assert!(replica.is_closed());
    assert_eq!(client.call(["GET", "small"]), Value::Null);
}

//! Writes over HTTP that are answered when enough replicas have them.

use super::{Http, start};
use crate::saving::{call, info, wait_until};
use spinel_tests::{Client, Server};
use std::fs;

/// Whether all threads of a process are stopped.
fn stands_still(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the process is there");
    let states = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("stat")));
    // The state follows the name, which stands in parentheses.
    states.flatten().all(|state| state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

#[test]
fn an_answer_waits_for_a_replica() {
    let (server, port) = start(&["--write-quorum", "1"]);
    let mut client = Client::connect(server.port());
    let mut http = Http::connect(port);
    let path = "/v1/db/0/keys/a";
    let answer = http.ask("PUT", path, &[], b"1");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("NOREPLICAS"), "{}", answer.text());

    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", server.port())]);
    wait_until("the replica does not come", || info(&mut client, "write_quorum_good_replicas") == "1");
    assert!((200..300).contains(&http.ask("PUT", path, &[], b"2").status));
    assert_eq!(call(&mut Client::connect(replica.port()), "GET a"), "2");

    assert_eq!(call(&mut client, "CONFIG SET write-quorum-timeout 50"), "OK");
    replica.signal("STOP");
    wait_until("it still runs", || stands_still(replica.id()));
    let answer = http.ask("PUT", path, &[], b"3");
    assert_eq!(answer.status, 504);
    assert!(answer.text().contains("NOQUORUM"), "{}", answer.text());
    assert_eq!(http.get(path).body, b"3");
    replica.signal("CONT");
}

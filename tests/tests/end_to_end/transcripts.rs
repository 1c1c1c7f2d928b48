//! What a reference server answered, ours must answer.

use spinel_tests::{Server, transcript};
use std::collections::BTreeMap;

const GROUPS: [&str; 17] = [
    "access",
    "bitmap",
    "connection",
    "generic",
    "geo",
    "hash",
    "http_cache",
    "hyperloglog",
    "list",
    "pubsub",
    "scripting",
    "server",
    "set",
    "sorted_set",
    "stream",
    "string",
    "transactions",
];

#[test]
fn every_group_has_its_test() {
    assert_eq!(transcript::groups(), GROUPS);
}

#[test]
fn access() {
    play("access");
}

#[test]
fn bitmap() {
    play("bitmap");
}

#[test]
fn connection() {
    play("connection");
}

#[test]
fn generic() {
    play("generic");
}

#[test]
fn geo() {
    play("geo");
}

#[test]
fn hash() {
    play("hash");
}

#[test]
fn http_cache() {
    play("http_cache");
}

#[test]
fn hyperloglog() {
    play("hyperloglog");
}

#[test]
fn list() {
    play("list");
}

#[test]
fn pubsub() {
    play("pubsub");
}

#[test]
fn scripting() {
    play("scripting");
}

#[test]
fn server() {
    play("server");
}

#[test]
fn set() {
    play("set");
}

#[test]
fn sorted_set() {
    play("sorted_set");
}

#[test]
fn stream() {
    play("stream");
}

#[test]
fn transactions() {
    play("transactions");
}

#[test]
fn string() {
    play("string");
}

/// Plays a group against a server per settings.
fn play(group: &str) {
    let mut servers: BTreeMap<Vec<String>, Server> = BTreeMap::new();
    let mut differences = String::new();
    for transcript in transcript::of_group(group) {
        let server = servers.entry(transcript.settings().to_vec()).or_insert_with(|| {
            Server::start(&transcript.settings().iter().map(String::as_str).collect::<Vec<_>>())
        });
        differences.push_str(&transcript.play(server.port()));
    }
    assert!(differences.is_empty(), "\n{differences}");
}

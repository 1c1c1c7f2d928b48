//! Clients that mean harm or are broken: a clear error or a closed connection, bounded memory and time, and nobody
//! else disturbed.

mod connections;
mod counts;
mod framing;
mod geo;
mod killing;
mod login;
mod memory;
mod millions;
mod numbers;
mod other_protocols;
mod patterns;
mod queued;
mod same_keys;
mod scan_order;
mod scripts;
mod sketches;
mod sorting;
mod streams;
mod subscribers;
mod texts;
mod unread_replies;
mod waiting;
mod wrong_types;

use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

const MEGABYTE: u64 = 1 << 20;

/// Tells how much the resident memory of a server grows by what is done, in bytes.
fn growth<T>(server: &Server, act: impl FnOnce() -> T) -> (u64, T) {
    // The first commands of a server take memory that has nothing to do with what is measured.
    Client::connect(server.port()).text(["PING"]);
    let before = server.resident_bytes();
    let result = act();
    (server.resident_bytes().saturating_sub(before), result)
}

/// Asserts that the resident memory of a server grows by less than so many bytes by what is done. Memory that was touched
/// before it was needed, and is not needed after all, is given back a moment later.
fn grows_by_less<T>(server: &Server, allowed: u64, act: impl FnOnce() -> T) -> T {
    let (grown, result) = growth(server, act);
    let (peak, done) = (server.resident_bytes(), Instant::now());
    let given_back = || peak.saturating_sub(server.resident_bytes());
    while grown.saturating_sub(given_back()) >= allowed {
        assert!(done.elapsed() < Duration::from_secs(10), "it took {grown} bytes, {allowed} are allowed");
    }
    result
}

/// Asserts that the server serves others.
fn assert_serves(server: &Server) {
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", "still", "there"]), "OK");
    assert_eq!(client.text(["GET", "still"]), "there");
}

/// How many connections a test opens where the number is all that matters: `SPINEL_TEST_CONNECTIONS`, or as many as
/// fit within the usual limit of 1024 open files with other tests beside it.
fn many_connections() -> usize {
    std::env::var("SPINEL_TEST_CONNECTIONS").map_or(300, |count| count.parse().expect("it is a number"))
}

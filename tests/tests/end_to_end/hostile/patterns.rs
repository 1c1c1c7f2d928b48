//! Glob patterns made to take forever.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

/// The bytes of a long key, all the same.
const KEY_BYTES: usize = 20_000;

/// Patterns that a matcher which tries every way of placing the stars never comes back from.
fn bombs() -> Vec<String> {
    vec![
        format!("{}b", "*a".repeat(5_000)),
        format!("{}b", "a*".repeat(5_000)),
        format!("{}[^a]", "*?".repeat(5_000)),
        format!("{}b", "*[a-z]".repeat(3_000)),
        format!("{}[", "*".repeat(30_000)),
        "[".repeat(30_000),
        format!("{}\\", "*\\a".repeat(5_000)),
    ]
}

fn time(act: impl FnOnce()) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}

/// A call with a bomb may take this many times as long as the slowest of patterns without any star: a stretch of the
/// pattern is compared with the text at each place.
const FACTOR: u32 = 50;

#[test]
fn keys_takes_bounded_time() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", &"a".repeat(KEY_BYTES), ""]), "OK");
    // One star, then what nearly matches everywhere: the most that a pattern can ask for.
    let heavy = format!("*{}b", "a".repeat(KEY_BYTES / 2));
    let unit = time(|| assert_eq!(client.call(["KEYS", &heavy]), Value::Array(Vec::new())));
    for bomb in bombs() {
        let taken = time(|| assert_eq!(client.call(["KEYS", &bomb]), Value::Array(Vec::new()), "{bomb:.20}"));
        assert!(taken < FACTOR * unit, "{bomb:.20} took {taken:?}, a heavy pattern {unit:?}");
    }
}

#[test]
fn every_command_with_a_pattern_survives_them() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", &"a".repeat(KEY_BYTES), ""]), "OK");
    for bomb in bombs() {
        let empty = Value::Array(Vec::new());
        let page = Value::Array(vec![Value::Bulk(b"0".to_vec()), empty.clone()]);
        assert_eq!(client.call(["SCAN", "0", "MATCH", &bomb, "COUNT", "1000"]), page, "{bomb:.20}");
        assert_eq!(client.call(["CONFIG", "GET", &bomb]), empty, "{bomb:.20}");
        assert_eq!(client.call(["COMMAND", "LIST", "FILTERBY", "PATTERN", &bomb]), empty, "{bomb:.20}");
    }
}

#[test]
fn odd_patterns_match_what_they_say() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for key in ["a", "[", "\\", "*", "]"] {
        assert_eq!(client.text(["SET", key, ""]), "OK");
    }
    for (pattern, expected) in
        [("[", &[][..]), ("\\", &["\\"]), ("\\*", &["*"]), ("[[]", &["["]), ("[\\]]", &["]"])]
    {
        let expected = expected.iter().map(|key| Value::Bulk(key.as_bytes().to_vec())).collect();
        assert_eq!(client.call(["KEYS", pattern]), Value::Array(expected), "{pattern}");
    }
}

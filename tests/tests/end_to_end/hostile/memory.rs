//! Memory that runs out, and memory that comes back.

use super::{MEGABYTE, assert_serves};
use crate::saving::number;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

const OUT_OF_MEMORY: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

#[test]
fn a_limit_just_above_what_is_used_stops_growth_and_nothing_else() {
    for policy in ["noeviction", "volatile-lru", "volatile-ttl"] {
        let server = Server::start(&["--maxmemory-policy", policy]);
        let mut client = Client::connect(server.port());
        assert_eq!(client.text(["SET", "kept", "value"]), "OK");
        let limit = number(&mut client, "used_memory") + 1;
        assert_eq!(client.text(["CONFIG", "SET", "maxmemory", &limit.to_string()]), "OK");

        // Nothing has an expiry, so there is nothing to evict.
        let refused = (0..100_000).find(|number| {
            let reply = client.text(["SET", &format!("key:{number}"), &"x".repeat(1000)]);
            assert!(reply == "OK" || reply == OUT_OF_MEMORY, "{policy}: {reply}");
            reply != "OK"
        });
        assert!(refused.is_some(), "{policy}: 100 MB fit into {limit} bytes");
        assert_eq!(client.text(["GET", "kept"]), "value", "{policy}");
        assert_eq!(client.integer(["DEL", "kept"]), 1, "{policy}");
        assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "0"]), "OK");
        assert_eq!(client.text(["SET", "kept", "again"]), "OK", "{policy}");
    }
}

#[test]
fn memory_comes_back_after_everything_is_deleted() {
    let server = Server::start(&["--enable-debug-command", "local"]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["PING"]), "PONG");
    let empty = server.resident_bytes();
    assert_eq!(client.text(["DEBUG", "POPULATE", "200000", "key", "200"]), "OK");
    let full = server.resident_bytes();
    assert!(full > empty + 30 * MEGABYTE, "200,000 values of 200 bytes took {}", full - empty);

    for first in (0..200_000).step_by(1000) {
        let keys = (first..first + 1000).map(|number| format!("key:{number}"));
        assert_eq!(client.integer(["DEL".to_owned()].into_iter().chain(keys)), 1000);
    }
    let allowed = empty + (full - empty) / 2;
    // It comes back within seconds.
    let asked = Instant::now();
    while server.resident_bytes() > allowed && asked.elapsed() < Duration::from_secs(20) {
        assert_eq!(client.text(["PING"]), "PONG");
    }
    let left = server.resident_bytes();
    assert!(left <= allowed, "{left} of {full} bytes are still there");
    assert_serves(&server);
}

#[test]
fn sizes_are_read_with_their_units_and_nothing_else() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for (size, bytes) in
        [("1gb", 1_u64 << 30), ("1g", 1_000_000_000), ("5MB", 5 << 20), ("7k", 7_000), ("9", 9)]
    {
        assert_eq!(
            client.text(["CONFIG", "SET", "client-query-buffer-limit", "1gb", "maxmemory", size]),
            "OK"
        );
        let reply = client.call(["CONFIG", "GET", "maxmemory"]);
        let expected = ["maxmemory".to_owned(), bytes.to_string()];
        let expected = expected.map(|text| spinel_resp::Value::Bulk(text.into_bytes()));
        assert_eq!(reply, spinel_resp::Value::Array(expected.to_vec()), "{size}");
    }
    for size in ["1 gb", "1.5gb", "-1", "1tb", "1gbx", "0x10", "g1"] {
        let reply = client.text(["CONFIG", "SET", "maxmemory", size]);
        let expected = "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value";
        assert_eq!(reply, expected, "{size:?}");
    }
}

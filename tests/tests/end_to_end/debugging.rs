//! DEBUG words that hold back what the server does by itself.

use crate::saving::call;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

#[test]
fn upkeep_rests_while_it_is_paused() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "DEBUG PAUSE-CRON 1"), "OK");
    assert_eq!(call(&mut client, "SET k v PX 200"), "OK");
    // Upkeep would have found it several times by then.
    assert_eq!(call(&mut client, "DEBUG SLEEP 0.6"), "OK");
    assert_eq!(call(&mut client, "DEBUG SLEEP 0.3"), "OK");
    assert_eq!(call(&mut client, "DBSIZE"), "1");
    assert_eq!(call(&mut client, "DEBUG PAUSE-CRON 0"), "OK");
    let deadline = Instant::now() + Duration::from_secs(30);
    while call(&mut client, "DBSIZE") != "0" {
        assert!(Instant::now() < deadline, "the key stays");
    }
}

#[test]
fn writes_of_the_log_can_be_delayed() {
    let settings = ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
    let server = Server::start(&settings);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "DEBUG AOF-FLUSH-SLEEP 300000"), "OK");
    let started = Instant::now();
    assert_eq!(call(&mut client, "SET k v"), "OK");
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(call(&mut client, "DEBUG AOF-FLUSH-SLEEP 0"), "OK");
    assert_eq!(call(&mut client, "GET k"), "v");
}

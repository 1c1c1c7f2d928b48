//! One client that wants to be told of very many names.

use super::{MEGABYTE, assert_serves, grows_by_less};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

/// So many names are in one request; it must not have more than 1,048,576 words.
const NAMES_PER_REQUEST: usize = 100_000;

/// How many names a test uses: `SPINEL_TEST_NAMES`, or as many as a test that is not optimized gets through in seconds.
fn names() -> usize {
    std::env::var("SPINEL_TEST_NAMES").map_or(200_000, |count| count.parse().expect("it is a number"))
}

/// Sends `command` with all names, some at a time, each between the words that stand before it.
fn send_all(client: &mut Client, command: &[&str], before: Option<&str>, replies: impl Fn(usize) -> usize) {
    for first in (0..names()).step_by(NAMES_PER_REQUEST) {
        let last = names().min(first + NAMES_PER_REQUEST);
        let words = (first..last)
            .flat_map(|number| before.map(str::to_owned).into_iter().chain([format!("name:{number}")]));
        client.send(command.iter().map(|word| (*word).to_owned()).chain(words));
        for _ in 0..replies(last - first) {
            let reply = client.reply();
            assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
        }
    }
}

fn await_line(client: &mut Client, section: &str, line: &str) {
    let start = Instant::now();
    while !client.text(["INFO", section]).contains(&format!("{line}\r\n")) {
        assert!(start.elapsed() < Duration::from_secs(60), "{line} never comes");
    }
}

/// Asserts that a write is as fast as ever.
fn assert_brisk(client: &mut Client) {
    let start = Instant::now();
    for number in 0..1000 {
        client.call(["SET", &format!("name:{number}x"), "v"]);
    }
    assert!(start.elapsed() < Duration::from_secs(10), "a thousand writes took {:?}", start.elapsed());
}

#[test]
fn channels_and_patterns() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let mut control = Client::connect(server.port());
    for command in ["SUBSCRIBE", "SSUBSCRIBE", "PSUBSCRIBE"] {
        let mut listener = Client::connect(server.port());
        grows_by_less(&server, 64 * MEGABYTE + names() as u64 * 400, || {
            send_all(&mut listener, &[command], None, |count| count);
        });
        let count = if command == "SSUBSCRIBE" {
            control.integer(["SPUBLISH", "name:7", "text"])
        } else {
            control.integer(["PUBLISH", "name:7", "text"])
        };
        assert_eq!(count, 1, "{command}");
        let start = Instant::now();
        drop(listener);
        await_line(&mut control, "stats", "pubsub_patterns:0");
        await_line(&mut control, "clients", "pubsub_clients:0");
        assert!(start.elapsed() < Duration::from_secs(30), "{command}: {:?}", start.elapsed());
    }
    assert_serves(&server);
}

#[test]
fn prefixes_of_keys() {
    let server = Server::start(&[]);
    let mut control = Client::connect(server.port());
    let mut listener = Client::connect_resp3(server.port());
    let start = Instant::now();
    grows_by_less(&server, 64 * MEGABYTE + names() as u64 * 600, || {
        let words =
            (0..names().min(400_000)).flat_map(|number| ["PREFIX".to_owned(), format!("name:{number}:")]);
        let head = ["CLIENT", "TRACKING", "ON", "BCAST"].map(str::to_owned);
        assert_eq!(listener.text(head.into_iter().chain(words)), "OK");
    });
    assert!(start.elapsed() < Duration::from_secs(60), "it took {:?}", start.elapsed());
    assert_brisk(&mut control);
    control.call(["SET", "name:77:x", "v"]);
    let expected = [Value::Bulk("invalidate".into()), Value::Array(vec![Value::Bulk("name:77:x".into())])];
    assert_eq!(listener.reply(), Value::Push(expected.to_vec()));
    let refused = listener.text(["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "name:77"]);
    assert!(
        refused.starts_with("-ERR Prefix 'name:77' overlaps with an existing prefix 'name:77"),
        "{refused}"
    );
    drop(listener);
    await_line(&mut control, "clients", "tracking_clients:0");
}

#[test]
fn watched_keys() {
    let server = Server::start(&[]);
    let mut control = Client::connect(server.port());
    let mut watcher = Client::connect(server.port());
    grows_by_less(&server, 64 * MEGABYTE + names() as u64 * 800, || {
        send_all(&mut watcher, &["WATCH"], None, |_| 1);
    });
    await_line(&mut control, "clients", &format!("total_watched_keys:{}", names()));
    assert_brisk(&mut control);
    watcher.text(["MULTI"]);
    watcher.text(["SET", "done", "1"]);
    control.call(["SET", "name:7", "v"]);
    assert_eq!(watcher.call(["EXEC"]), Value::Null);
    await_line(&mut control, "clients", "total_watched_keys:0");
    send_all(&mut watcher, &["WATCH"], None, |_| 1);
    drop(watcher);
    await_line(&mut control, "clients", "watching_clients:0");
}

#[test]
fn keys_that_are_read_are_forgotten_beyond_a_number() {
    let server = Server::start(&["--tracking-table-max-keys", "1000"]);
    let mut control = Client::connect(server.port());
    let mut reader = Client::connect_resp3(server.port());
    reader.text(["CLIENT", "TRACKING", "ON"]);
    for first in (0..50_000).step_by(1000) {
        let keys = (first..first + 1000).map(|number| format!("name:{number}"));
        reader.send(["MGET".to_owned()].into_iter().chain(keys));
        while matches!(reader.reply(), Value::Push(_)) {}
    }
    let info = control.text(["INFO", "stats"]);
    let keys = info.lines().find_map(|line| line.strip_prefix("tracking_total_keys:")).expect("it is told");
    assert!(keys.parse::<usize>().is_ok_and(|keys| keys <= 1000), "{keys}");
    assert_serves(&server);
}

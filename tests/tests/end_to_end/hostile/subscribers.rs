//! Subscribers that read nothing, or listen to everything.

use super::{MEGABYTE, assert_serves, growth};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

#[test]
fn a_subscriber_that_reads_nothing_is_closed_and_delays_nobody() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 4mb 0 0"]);
    let mut publisher = Client::connect(server.port());
    let mut deaf = Client::connect(server.port());
    deaf.call(["SUBSCRIBE", "c"]);
    let mut reader = Client::connect(server.port());
    reader.call(["SUBSCRIBE", "d"]);

    let text = vec![b'x'; MEGABYTE as usize];
    let (grown, ()) = growth(&server, || {
        let is_deaf = (0..100).all(|_| publisher.integer([b"PUBLISH", &b"c"[..], &text]) == 1);
        assert!(!is_deaf, "100 MB are more than the limit and the sockets hold");
        server.wait_for_log("closed for overcoming of output buffer limits");
    });
    assert!(grown < 32 * MEGABYTE, "it took {grown} bytes");
    assert_eq!(publisher.integer(["PUBSUB", "NUMPAT"]), 0);
    assert_eq!(publisher.integer(["PUBLISH", "d", "text"]), 1);
    assert!(matches!(reader.reply(), Value::Array(_)));
    let stats = publisher.text(["INFO", "stats"]);
    assert!(stats.contains("client_output_buffer_limit_disconnections:1\r\n"), "{stats}");
}

#[test]
fn the_soft_limit_closes_a_subscriber_after_its_time() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let mut publisher = Client::connect(server.port());
    let mut deaf = Client::connect(server.port());
    deaf.call(["SUBSCRIBE", "c"]);
    let text = vec![b'x'; MEGABYTE as usize];
    for _ in 0..20 {
        publisher.integer([b"PUBLISH", &b"c"[..], &text]);
    }
    server.wait_for_log("for overcoming of output buffer limits");
    assert_serves(&server);
}

#[test]
fn a_hundred_thousand_channels_take_little_and_go_with_their_listener() {
    const CHANNELS: usize = 100_000;
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let (grown, mut listener) = growth(&server, || {
        let mut listener = Client::connect(server.port());
        let names = (0..CHANNELS).map(|number| format!("channel:{number}"));
        listener.send(["SUBSCRIBE".to_owned()].into_iter().chain(names));
        (0..CHANNELS).for_each(|_| drop(listener.reply()));
        listener
    });
    assert!(grown < 64 * MEGABYTE, "they took {grown} bytes");
    assert_eq!(client.integer(["PUBLISH", "channel:99999", "text"]), 1);
    listener.reply();
    drop(listener);
    let is_empty = |client: &mut Client| client.call(["PUBSUB", "CHANNELS"]) == Value::Array(Vec::new());
    assert!((0..1000).any(|_| is_empty(&mut client)), "they are forgotten");
}

#[test]
fn patterns_can_be_many_and_long() {
    let server = Server::start(&[]);
    let mut listener = Client::connect(server.port());
    let bomb = "*a".repeat(50_000);
    listener.call(["PSUBSCRIBE", &bomb]);
    listener.call(["PSUBSCRIBE", &"[".repeat(100_000)]);
    listener.call(["PSUBSCRIBE", &"[a-".repeat(30_000)]);
    let mut client = Client::connect(server.port());
    let start = Instant::now();
    assert_eq!(client.integer(["PUBLISH", &"a".repeat(100_000), "text"]), 1);
    assert_eq!(client.integer(["PUBLISH", &"ab".repeat(40_000), "text"]), 0);
    assert!(start.elapsed() < Duration::from_secs(10), "matching is not exponential");

    let many = (0..20_000).map(|number| format!("p{number}*"));
    listener.reply();
    listener.send(["PSUBSCRIBE".to_owned()].into_iter().chain(many));
    (0..20_000).for_each(|_| drop(listener.reply()));
    assert_eq!(client.integer(["PUBLISH", "p7", "text"]), 1);
    assert_serves(&server);
}

#[test]
fn subscribers_that_come_and_go_leave_nothing_behind() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for _ in 0..100 {
        let mut listener = Client::connect_resp3(server.port());
        listener.send_bytes(b"SUBSCRIBE a b\r\nPSUBSCRIBE *\r\nSSUBSCRIBE s\r\nPUBLISH a text\r\n");
        client.integer(["PUBLISH", "a", "text"]);
    }
    let fields = ["pubsub_clients:0", "pubsub_channels:0", "pubsub_patterns:0", "pubsubshard_channels:0"];
    let is_clean = |client: &mut Client| {
        let info = client.text(["INFO"]);
        fields.iter().all(|field| info.contains(&format!("{field}\r\n")))
    };
    assert!((0..1000).any(|_| is_clean(&mut client)));
}

//! Clients that ask and never read.

use super::{MEGABYTE, assert_serves, grows_by_less, growth};
use spinel_tests::{Client, Server};

const VALUE_BYTES: usize = 1 << 20;

/// 400 MB of replies to 400 small requests.
fn ask_for_too_much(client: &mut Client) {
    client.send_bytes(&b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(400));
}

#[test]
fn replies_beyond_the_limit_end_the_connection() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 8mb 0 0"]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text([b"SET", &b"big"[..], &vec![b'x'; VALUE_BYTES]]), "OK");

    let (grown, ()) = growth(&server, || {
        let mut greedy = Client::connect(server.port());
        ask_for_too_much(&mut greedy);
        server.wait_for_log("for overcoming of output buffer limits");
    });
    // What one batch may add is beyond the limit, too.
    assert!(grown < 64 * MEGABYTE, "it took {grown} bytes");
    assert_serves(&server);
}

#[test]
fn many_who_read_nothing_disturb_nobody() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 2mb 0 0"]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text([b"SET", &b"big"[..], &vec![b'x'; VALUE_BYTES]]), "OK");
    let _greedy = grows_by_less(&server, 128 * MEGABYTE, || {
        let mut greedy: Vec<Client> = (0..20).map(|_| Client::connect(server.port())).collect();
        for client in &mut greedy {
            ask_for_too_much(client);
            assert_serves(&server);
        }
        greedy
    });
}

#[test]
fn who_reads_late_gets_everything() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text([b"SET", &b"k"[..], &[b'x'; 10_000]]), "OK");
    for _ in 0..2_000 {
        client.send(["GET", "k"]);
    }
    for _ in 0..2_000 {
        assert_eq!(client.reply(), spinel_resp::Value::Bulk(vec![b'x'; 10_000]));
    }
    assert_eq!(client.text(["PING"]), "PONG");
}

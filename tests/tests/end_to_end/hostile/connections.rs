//! Many connections at once, most of which do nothing.

use super::{MEGABYTE, assert_serves, grows_by_less, many_connections};
use spinel_tests::{Client, Received, Server};

#[test]
fn half_open_connections_disturb_nobody() {
    let count = many_connections();
    let server = Server::start(&["--maxclients", "20000"]);
    // The start of a request is kept in a buffer of its own.
    let allowed = 8 * MEGABYTE + count as u64 * 40 * 1024;
    let mut clients = grows_by_less(&server, allowed, || {
        let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(server.port())).collect();
        for client in &mut clients {
            client.send_bytes(b"*");
        }
        assert_serves(&server);
        clients
    });

    for client in &mut clients {
        assert_eq!(client.answer(b"1\r\n$4\r\nPING\r\n"), "+PONG\r\n");
    }
}

#[test]
fn connections_beyond_the_limit_are_told_and_closed() {
    let server = Server::start(&["--maxclients", "10"]);
    let mut inside: Vec<Client> = (0..10).map(|_| Client::connect(server.port())).collect();
    for client in &mut inside {
        assert_eq!(client.text(["PING"]), "PONG");
    }
    for _ in 0..20 {
        let mut refused = Client::connect(server.port());
        assert_eq!(refused.last_words(b""), "-ERR max number of clients reached\r\n");
    }
    assert_eq!(inside[0].text(["PING"]), "PONG");

    let mut leaving = inside.pop().expect("there are ten");
    assert_eq!(leaving.text(["QUIT"]), "OK");
    assert!(leaving.is_closed());
    assert!(is_served_at_last(&server), "a place that is left is free for another");
}

/// The server closes a connection before it counts it out, so that the next one may still be refused.
fn is_served_at_last(server: &Server) -> bool {
    (0..1000).any(|_| {
        let mut client = Client::connect(server.port());
        client.send(["PING"]);
        matches!(client.receive(), Received::Reply(spinel_resp::Value::Simple(_), _))
    })
}

#[test]
fn who_hangs_up_in_the_middle_of_a_request_leaves_nothing_behind() {
    let server = Server::start(&[]);
    for _ in 0..200 {
        let mut client = Client::connect(server.port());
        client.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf of it");
    }
    let mut client = Client::connect(server.port());
    assert_eq!(client.integer(["EXISTS", "k"]), 0);
}

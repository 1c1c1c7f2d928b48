//! Many connections at once, most of which do nothing.

use super::{MEGABYTE, assert_serves, grows_by_less, many_connections};
use crate::saving::await_info;
use spinel_tests::{Client, Folder, Received, Server};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

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

#[test]
fn the_last_places_are_for_who_looks_after_the_server() {
    const REFUSED: &str = "-ERR max number of clients reached\r\n";
    let folder = Folder::new();
    let socket = folder.path().join("socket");
    let path = socket.to_str().expect("it is UTF-8");
    // A hundredth of all places is kept, one of a hundred.
    let open = ["--bind", "0.0.0.0", "--protected-mode", "no", "--unixsocket", path];
    let server = Server::start(&[&["--maxclients", "100"], &open[..]].concat());
    let mut inside = vec![Client::connect(server.port())];
    // Whoever asked whether the server is there has gone.
    await_info(&mut inside[0], "connected_clients", "1");
    let come = |inside: &mut Vec<Client>| {
        let mut client = Client::connect(server.port());
        assert_eq!(client.text(["PING"]), "PONG");
        inside.push(client);
    };
    (1..98).for_each(|_| come(&mut inside));
    // Whoever connects to another address of this machine comes from there.
    let outside = address_elsewhere().map(|address| (address, server.port()));
    if let Some(address) = outside {
        assert_eq!(answer(&mut TcpStream::connect(address).expect("it listens")), "+PONG\r\n");
        await_info(&mut inside[0], "connected_clients", "98");
    }
    come(&mut inside);
    if let Some(address) = outside {
        assert_eq!(answer(&mut TcpStream::connect(address).expect("it listens")), REFUSED);
    }
    come(&mut inside);
    assert_eq!(Client::connect(server.port()).last_words(b""), REFUSED);
    let mut over_socket = UnixStream::connect(&socket).expect("it listens");
    assert_eq!(answer(&mut over_socket), "+PONG\r\n");
    assert_eq!(answer(&mut UnixStream::connect(&socket).expect("it listens")), REFUSED);
    // Without places that are kept, the Unix socket has none of its own.
    drop(over_socket);
    assert_eq!(inside[0].text(["CONFIG", "SET", "maxclients-reserved", "0"]), "OK");
    assert_eq!(answer(&mut UnixStream::connect(&socket).expect("it listens")), REFUSED);
}

/// An address of this machine by which it reaches others, if there is one. Nothing is sent for that.
fn address_elsewhere() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

/// The line that answers a PING, or that refuses it.
fn answer<S: Read + Write>(stream: &mut S) -> String {
    // Who is refused may be gone already.
    let _ = stream.write_all(b"PING\r\n");
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("it is text")
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

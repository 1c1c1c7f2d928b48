//! `maxmemory-clients` and `client-unread-pause` with the real server: who goes, and who has to read first.

use crate::saving::{call, number, wait_until};
use spinel_resp::Value;
use spinel_tests::{Client, Server};

/// Leaves a request in the server that has not arrived whole and takes so many bytes.
fn begin_request(client: &mut Client, bytes: usize) {
    client.send_raw(format!("*2\r\n$4\r\nECHO\r\n${}\r\n", bytes * 2).as_bytes());
    client.send_raw(&vec![b'x'; bytes]);
}

#[test]
fn the_largest_clients_go_and_others_stay() {
    // It is too much only when the second one is by far the largest, in whatever order they arrive.
    let server = Server::start(&["--maxmemory-clients", "3500kb"]);
    let mut observer = Client::connect(server.port());
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.port())).collect();
    for (client, megabyte) in clients.iter_mut().zip([1, 2, 1]) {
        begin_request(client, megabyte << 20);
    }
    wait_until("nobody goes", || number(&mut observer, "evicted_clients") > 0);
    assert!(clients[1].is_closed(), "the largest goes");
    assert_eq!(number(&mut observer, "evicted_clients"), 1);
    assert_eq!(number(&mut observer, "connected_clients"), 3);
    // What the others sent may still be on its way.
    let left = 2 << 20..3 << 20;
    wait_until("others' requests don't arrive", || {
        left.contains(&number(&mut observer, "mem_clients_normal"))
    });
    // The others' requests can go on.
    clients[0].send_raw(&vec![b'x'; 1 << 20]);
    clients[0].send_raw(b"\r\n");
    assert_eq!(clients[0].reply(), Value::Bulk(vec![b'x'; 2 << 20]));
    assert_eq!(call(&mut observer, "CONFIG RESETSTAT"), "OK");
    assert_eq!(number(&mut observer, "evicted_clients"), 0);
}

#[test]
fn who_asked_not_to_be_evicted_stays() {
    let server = Server::start(&[]);
    let mut observer = Client::connect(server.port());
    let mut kept = Client::connect(server.port());
    assert_eq!(kept.text(["CLIENT", "NO-EVICT", "ON"]), "OK");
    begin_request(&mut kept, 3 << 20);
    let mut other = Client::connect(server.port());
    begin_request(&mut other, 1 << 20);
    wait_until("requests don't arrive", || number(&mut observer, "mem_clients_normal") > 4 << 20);
    // A share of nothing is no limit.
    assert_eq!(call(&mut observer, "CONFIG SET maxmemory-clients 5%"), "OK");
    assert_eq!(call(&mut observer, "CONFIG GET maxmemory-clients"), "[maxmemory-clients, 5%]");
    assert_eq!(number(&mut observer, "evicted_clients"), 0);
    assert_eq!(call(&mut observer, "CONFIG SET maxmemory 80mb"), "OK");
    wait_until("nobody goes", || number(&mut observer, "evicted_clients") == 1);
    assert!(other.is_closed());
    kept.send_raw(&vec![b'x'; 3 << 20]);
    kept.send_raw(b"\r\n");
    assert_eq!(kept.reply(), Value::Bulk(vec![b'x'; 6 << 20]));
}

#[test]
fn who_does_not_read_is_not_served_before_he_does() {
    const VALUE: usize = 1 << 20;
    const REQUESTS: usize = 400;
    let server = Server::start(&["--client-unread-pause", "16mb"]);
    let mut observer = Client::connect(server.port());
    assert_eq!(observer.integer(["SETRANGE", "large", &(VALUE - 1).to_string(), "x"]), VALUE as i64);
    let mut reader = Client::connect(server.port());
    reader.send_bytes("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".repeat(REQUESTS).as_bytes());
    wait_until("nothing is left unread", || number(&mut observer, "mem_clients_normal") > 16 << 20);
    let ran = |client: &mut Client| number(client, "keyspace_hits");
    // The replies that are there are all for now, however long one waits; that others are served all the same shows it.
    (0..100).for_each(|_| assert_eq!(observer.text(["PING"]), "PONG"));
    let unread = number(&mut observer, "mem_clients_normal");
    // What is looked up together is answered together: 16 requests.
    assert!(unread < 36 << 20, "{unread} bytes are unread");
    assert!(ran(&mut observer) < 100);
    for _ in 0..REQUESTS {
        assert_eq!(reader.reply(), Value::Bulk([vec![0; VALUE - 1], vec![b'x']].concat()));
    }
    assert_eq!(reader.text(["PING"]), "PONG");
    assert_eq!(ran(&mut observer), REQUESTS as u64);
}

#[test]
fn who_had_to_read_first_goes_on_when_there_is_room() {
    const REQUESTS: usize = 200;
    let server = Server::start(&["--client-unread-pause", "16mb"]);
    let mut observer = Client::connect(server.port());
    observer.integer(["SETRANGE", "large", "1048575", "x"]);
    let mut reader = Client::connect(server.port());
    reader.send_bytes("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".repeat(REQUESTS).as_bytes());
    wait_until("nothing is left unread", || number(&mut observer, "mem_clients_normal") > 16 << 20);
    // Nobody reads, but what may be left unread is more now.
    assert_eq!(call(&mut observer, "CONFIG SET client-unread-pause 0"), "OK");
    wait_until("it does not go on", || number(&mut observer, "keyspace_hits") == REQUESTS as u64);
}

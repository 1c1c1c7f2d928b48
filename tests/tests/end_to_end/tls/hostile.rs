//! Clients that mean harm or are broken.

use super::Secure;
use spinel_tests::Client;

/// A start of a handshake that says that more comes.
const HALF_A_HELLO: &[u8] = &[0x16, 3, 1, 0, 0xf8, 1, 0, 0, 0xf4, 3, 3, 7, 7, 7];

fn connections() -> usize {
    std::env::var("SPINEL_TEST_CONNECTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[test]
fn other_protocols_are_cut_off() {
    let secure = Secure::open(&[]);
    for greeting in [
        &b"PING\r\n"[..],
        b"*1\r\n$4\r\nPING\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[0x16, 3, 1, 0xff, 0xff],
        &[0x80, 46, 1, 3, 1],
        &[0; 100],
        &[0xff; 10_000],
    ] {
        let mut client = Client::connect(secure.port);
        let said = client.last_words(greeting);
        assert!(!said.contains("PONG"), "{}", greeting.escape_ascii());
    }
    assert_eq!(secure.connect().text(["PING"]), "PONG");
}

#[test]
fn handshakes_that_never_end_are_ended() {
    let secure = Secure::open(&["--tls-handshake-timeout", "2"]);
    let mut others: Vec<Client> = (0..connections())
        .map(|number| {
            let mut client = Client::connect(secure.port);
            client.send_bytes(&HALF_A_HELLO[..number % HALF_A_HELLO.len()]);
            client
        })
        .collect();
    // Meanwhile others are served, old and new.
    let mut plain = secure.plain();
    for _ in 0..20 {
        assert_eq!(secure.connect().text(["PING"]), "PONG");
        assert_eq!(plain.text(["PING"]), "PONG");
    }
    for client in &mut others {
        assert_eq!(client.last_words(b""), "");
    }
}

#[test]
fn unfinished_handshakes_count_as_clients() {
    let secure = Secure::open(&["--maxclients", "5", "--tls-handshake-timeout", "1"]);
    let mut held: Vec<Client> = (0..5).map(|_| Client::connect(secure.port)).collect();
    for client in &mut held {
        client.send_bytes(HALF_A_HELLO);
    }
    assert!(secure.plain().last_words(b"PING\r\n").contains("max number of clients"));
    // Their time is over; then there is room again.
    for client in &mut held {
        assert_eq!(client.last_words(b""), "");
    }
    while !secure.plain().last_words(b"PING\r\nQUIT\r\n").contains("PONG") {}
}

#[test]
fn who_is_killed_with_much_unread_is_gone_at_once() {
    let secure = Secure::open(&[]);
    let mut client = secure.connect();
    let id = client.integer(["CLIENT", "ID"]).to_string();
    assert_eq!(client.text(["SET", "k", &"v".repeat(1_000_000)]), "OK");
    for _ in 0..50 {
        client.send(["GET", "k"]);
    }
    let mut plain = secure.plain();
    let unread = |plain: &mut Client| {
        let line = plain.text(["CLIENT", "LIST", "ID", &id]);
        let field = line.split(' ').find_map(|field| field.strip_prefix("omem="));
        field.map_or(0, |bytes| bytes.parse::<usize>().unwrap())
    };
    while unread(&mut plain) < 10_000_000 {}
    assert_eq!(plain.integer(["CLIENT", "KILL", "ID", &id]), 1);
    while !plain.text(["CLIENT", "LIST", "ID", &id]).is_empty() {}
    // What came is whole records, and no word of a goodbye in the middle of one.
    let came = client.last_words(b"").len();
    assert!((1..50_000_000).contains(&came), "{came}");
    assert_eq!(secure.connect().text(["PING"]), "PONG");
}

#[test]
fn records_that_were_changed_on_the_way_end_the_connection() {
    let secure = Secure::open(&[]);
    let mut client = secure.connect();
    assert_eq!(client.text(["PING"]), "PONG");
    client.send_raw(&[
        0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    ]);
    client.send(["SET", "k", "v"]);
    assert_eq!(client.last_words(b""), "");
    assert_eq!(secure.plain().integer(["EXISTS", "k"]), 0);
}

#[test]
fn limits_hold_for_encrypted_connections_too() {
    let limit = "normal 1000000 0 0 slave 0 0 0 pubsub 0 0 0";
    let secure = Secure::open(&["--client-output-buffer-limit", limit]);
    assert_eq!(secure.plain().text(["CONFIG", "SET", "requirepass", "secret"]), "OK");
    let mut stranger = secure.connect();
    let said = stranger.last_words(b"*1\r\n$100000\r\n");
    assert_eq!(said, "-ERR Protocol error: unauthenticated bulk length\r\n");

    let mut client = secure.connect();
    assert_eq!(client.text(["AUTH", "secret"]), "OK");
    assert_eq!(client.text(["SET", "k", &"v".repeat(900_000)]), "OK");
    for _ in 0..100 {
        client.send(["GET", "k"]);
    }
    secure.server.wait_for_log("closed for overcoming of output buffer limits");
}

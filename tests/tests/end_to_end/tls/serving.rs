//! What is said comes through whole, in both versions of the protocol.

use super::Secure;
use rustls::version::{TLS12, TLS13};
use spinel_resp::{Value, encode_request};
use spinel_tests::Client;

#[test]
fn large_values_and_long_pipelines_come_through() {
    let secure = Secure::open(&[]);
    for version in [&TLS12, &TLS13] {
        let mut client =
            Client::connect_tls(secure.port, &secure.authority.client(None, &[version])).unwrap();
        let value: Vec<u8> =
            (0..5_000_000u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(client.text([&b"SET"[..], b"large", &value]), "OK");
        assert_eq!(client.call(["GET", "large"]), Value::Bulk(value.clone()));

        let mut requests = Vec::new();
        for number in 0..20_000 {
            encode_request(["SET", &format!("k{number}"), &number.to_string()], &mut requests);
            encode_request(["GET", &format!("k{number}")], &mut requests);
        }
        client.send_bytes(&requests);
        for number in 0..20_000 {
            assert_eq!(client.reply(), Value::Simple(b"OK".to_vec()));
            assert_eq!(client.reply(), Value::Bulk(number.to_string().into_bytes()));
        }
        assert_eq!(client.integer(["DEL", "large"]), 1);
    }
}

#[test]
fn requests_may_come_a_byte_a_record() {
    let secure = Secure::open(&[]);
    let mut client = secure.connect();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n" {
        client.send_bytes(&[*byte]);
    }
    assert_eq!(client.reply(), Value::Simple(b"OK".to_vec()));
    assert_eq!(client.text(["GET", "k"]), "value");
}

#[test]
fn replies_that_are_not_read_wait_and_are_whole() {
    let secure = Secure::open(&[]);
    let (mut client, mut other) = (secure.connect(), secure.connect());
    let value = "v".repeat(1_000_000);
    assert_eq!(client.text(["SET", "k", &value]), "OK");
    for _ in 0..30 {
        client.send(["GET", "k"]);
    }
    client.send(["PING"]);
    // The server has done all of it, and others are served, while nobody reads.
    assert_eq!(other.text(["PING"]), "PONG");
    for _ in 0..30 {
        assert_eq!(client.reply(), Value::Bulk(value.clone().into_bytes()));
    }
    assert_eq!(client.reply(), Value::Simple(b"PONG".to_vec()));
}

#[test]
fn messages_and_waiting_commands_reach_their_client() {
    let secure = Secure::open(&[]);
    let (mut client, mut other) = (secure.connect(), secure.plain());
    client.call(["SUBSCRIBE", "news"]);
    let message = "m".repeat(200_000);
    assert_eq!(other.integer(["PUBLISH", "news", &message]), 1);
    let Value::Array(parts) = client.reply() else { panic!("a message is an array") };
    assert_eq!(parts[2], Value::Bulk(message.into_bytes()));

    let mut waiting = secure.connect();
    waiting.send(["BLPOP", "list", "0"]);
    assert_eq!(other.integer(["RPUSH", "list", "a"]), 1);
    assert_eq!(
        waiting.reply(),
        Value::Array(vec![Value::Bulk(b"list".to_vec()), Value::Bulk(b"a".to_vec())])
    );
}

#[test]
fn both_sides_say_goodbye() {
    let secure = Secure::open(&[]);
    let mut leaving = secure.connect();
    assert_eq!(leaving.text(["QUIT"]), "OK");
    assert!(leaving.is_closed() && leaving.has_said_goodbye());

    // Who says that it sends no more is done, as on a plain connection.
    let mut half = secure.connect();
    assert_eq!(half.text(["PING"]), "PONG");
    half.finish_sending();
    assert!(half.is_closed() && half.has_said_goodbye());
}

#[test]
fn handshakes_are_shorter_with_a_session() {
    for (caching, expected) in [("yes", rustls::HandshakeKind::Resumed), ("no", rustls::HandshakeKind::Full)]
    {
        let secure = Secure::open(&["--tls-session-caching", caching]);
        for version in [&TLS12, &TLS13] {
            let config = secure.authority.client(None, &[version]);
            let mut first = Client::connect_tls(secure.port, &config).unwrap();
            // A ticket comes no later than a reply.
            assert_eq!(first.text(["PING"]), "PONG");
            assert_eq!(first.tls().handshake_kind(), Some(rustls::HandshakeKind::Full));
            let mut second = Client::connect_tls(secure.port, &config).unwrap();
            assert_eq!(second.text(["PING"]), "PONG");
            assert_eq!(second.tls().handshake_kind(), Some(expected), "caching {caching}, {version:?}");
        }
    }
}

#[test]
fn keys_may_change_on_the_way() {
    let secure = Secure::open(&[]);
    let mut client = Client::connect_tls(secure.port, &secure.authority.client(None, &[&TLS13])).unwrap();
    for _ in 0..3 {
        client.tls().refresh_traffic_keys().unwrap();
        assert_eq!(client.text(["PING"]), "PONG");
    }
}

//! `HyperLogLogs` that are none inside.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};

/// Where the sparse registers start.
const HEAD_BYTES: usize = 16;

fn sketch(client: &mut Client, key: &str, elements: u32) -> Vec<u8> {
    let mut words = vec!["PFADD".to_owned(), key.to_owned()];
    words.extend((0..elements).map(|element| element.to_string()));
    client.call(&words);
    match client.call(["GET", key]) {
        Value::Bulk(bytes) => bytes,
        other => panic!("a sketch is a string: {other:?}"),
    }
}

/// Uses what is under `key` in every way; the server must answer each.
fn exercise(client: &mut Client, key: &str) {
    for line in ["PFCOUNT @", "PFCOUNT @ good", "PFADD @ x y z", "PFMERGE d @ good", "PFMERGE @ good"] {
        client.call(line.split(' ').map(|word| if word == "@" { key } else { word }));
    }
}

#[test]
fn every_byte_of_a_sparse_one_may_lie() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let good = sketch(&mut client, "good", 20);
    for at in 0..good.len() {
        for byte in [0, 0x3f, 0x40, 0x7f, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] = byte;
            client.call([&b"SET"[..], b"bad", &bad]);
            exercise(&mut client, "bad");
        }
    }
    for len in 0..good.len() {
        client.call([&b"SET"[..], b"bad", &good[..len]]);
        exercise(&mut client, "bad");
    }
    // Registers missing at the end, and too many of them.
    client.call([&b"SET"[..], b"short", &good[..good.len() - 1]]);
    let corrupted = client.text(["PFCOUNT", "short"]);
    assert!(corrupted.starts_with("-INVALIDOBJ"), "{corrupted}");
    let mut long = good[..HEAD_BYTES].to_vec();
    long.extend([0x7f, 0xff].repeat(1000));
    client.call([&b"SET"[..], b"long", &long]);
    exercise(&mut client, "long");
    assert_serves(&server);
}

#[test]
fn a_dense_one_has_one_length() {
    let server = Server::start(&["--hll-sparse-max-bytes", "0"]);
    let mut client = Client::connect(server.port());
    let good = sketch(&mut client, "good", 500);
    for len in [HEAD_BYTES, HEAD_BYTES + 1, good.len() - 1, good.len() + 1, good.len() * 2] {
        let mut bad = good.clone();
        bad.resize(len, 0);
        client.call([&b"SET"[..], b"bad", &bad]);
        let reply = client.text(["PFCOUNT", "bad"]);
        assert!(reply.starts_with('-'), "{len} bytes: {reply}");
        exercise(&mut client, "bad");
    }
    assert_serves(&server);
}

//! SORT with patterns that lead anywhere.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};

#[test]
fn patterns_lead_to_keys_of_any_type_or_none() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for line in ["RPUSH l 1 2 3", "SADD w_1 x", "HSET h_2 f 5", "SET s_3 text", "RPUSH w_2 y"] {
        client.call(line.split(' '));
    }
    for pattern in ["*", "**", "w_*", "h_*->f", "h_*->", "->*", "*->", "*->*", "#", "", "s_*->f", "l"] {
        let by = client.call(["SORT", "l", "BY", pattern, "ALPHA"]);
        assert!(matches!(&by, Value::Array(found) if found.len() == 3), "BY {pattern}: {by:?}");
        let got = client.call(["SORT", "l", "GET", pattern, "GET", "#"]);
        assert!(matches!(&got, Value::Array(found) if found.len() == 6), "GET {pattern}: {got:?}");
    }
    assert_serves(&server);
}

#[test]
fn a_result_replaces_whatever_was_there() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    client.call(["RPUSH", "l", "3", "1", "2"]);
    client.call(["HSET", "d", "f", "v"]);
    assert_eq!(client.integer(["SORT", "l", "STORE", "d"]), 3);
    assert_eq!(client.text(["TYPE", "d"]), "list");
    assert_eq!(client.integer(["SORT", "l", "STORE", "x", "STORE", "l"]), 3);
    assert_eq!(client.integer(["EXISTS", "x"]), 0, "the last destination counts");
    assert_eq!(client.text(["LINDEX", "l", "0"]), "1");
}

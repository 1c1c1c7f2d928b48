//! Counts that don't fit the words they count.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};

/// Commands in which `#` counts keys, fields or ids; each is right with 2.
const COUNTED: &[&str] = &[
    "ZUNION # a b",
    "ZINTER # a b",
    "ZDIFF # a b",
    "ZUNIONSTORE d # a b",
    "ZINTERCARD # a b",
    "ZMPOP # a b MIN",
    "SINTERCARD # a b",
    "SUNIONCARD # a b",
    "SDIFFCARD # a b",
    "LMPOP # a b LEFT",
    "MSETEX # a 1 b 2",
    "HEXPIRE h 10 FIELDS # a b",
    "HTTL h FIELDS # a b",
    "HPERSIST h FIELDS # a b",
    "HGETDEL h FIELDS # a b",
    "HGETEX h EX 10 FIELDS # a b",
    "HSETEX h EX 10 FIELDS # a 1 b 2",
    "XDELEX s IDS # 1-1 1-2",
    "XACKDEL s g IDS # 1-1 1-2",
];

const WRONG: &[&str] = &[
    "0",
    "-1",
    "3",
    "1000000",
    "2147483648",
    "4294967298",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551618",
    "x",
    "",
    "2.0",
    "02",
];

#[test]
fn a_wrong_count_is_refused() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for template in COUNTED {
        let call = |client: &mut Client, count: &str| {
            let reply = client.call(template.split(' ').map(|word| if word == "#" { count } else { word }));
            client.call(["FLUSHALL"]);
            reply
        };
        let right = call(&mut client, "2");
        assert!(!matches!(right, Value::Error(_)), "{template} with 2: {right:?}");
        for count in WRONG {
            let reply = call(&mut client, count);
            assert!(matches!(reply, Value::Error(_)), "{template} with {count:?}: {reply:?}");
        }
    }
    assert_serves(&server);
}

#[test]
fn fields_are_announced_once_and_with_a_count() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.integer(["HSET", "h", "f", "v"]), 1);
    for line in [
        "HEXPIRE h 10 FIELDS 1 f FIELDS 1 f",
        "HEXPIRE h 10 FIELDS",
        "HEXPIRE h 10 FIELDS f",
        "HEXPIRE h 10 f",
        "HGETDEL h FIELDS 1 f FIELDS 1 f",
        "HGETEX h FIELDS 1 f FIELDS 1 f",
        "HSETEX h FIELDS 1 f v FIELDS 1 f v",
        "HTTL h FIELDS 1 f FIELDS 1 f",
    ] {
        let reply = client.call(line.split(' '));
        assert!(matches!(reply, Value::Error(_)), "{line}: {reply:?}");
    }
    assert_eq!(client.text(["HGET", "h", "f"]), "v");
}

#[test]
fn a_key_named_twice_is_written_twice() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.integer(["MSETNX", "a", "1", "a", "2"]), 1);
    assert_eq!(client.text(["GET", "a"]), "2");
    assert_eq!(client.integer(["MSETEX", "2", "b", "1", "b", "2"]), 1);
    assert_eq!(client.text(["GET", "b"]), "2");
    assert_eq!(client.integer(["SADD", "s", "m"]), 1);
    assert_eq!(client.integer(["SINTERCARD", "3", "s", "s", "s"]), 1);
    assert_eq!(client.integer(["ZUNIONSTORE", "z", "2", "s", "s"]), 1);
    assert_eq!(client.text(["ZSCORE", "z", "m"]), "2");
}

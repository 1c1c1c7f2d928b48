//! Ids at the end of what there is, and groups that point nowhere.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};

const LAST_ID: &str = "18446744073709551615-18446744073709551615";

#[test]
fn no_id_follows_the_last_one() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["XADD", "s", LAST_ID, "a", "b"]), LAST_ID);
    for id in [
        "*",
        "1-1",
        LAST_ID,
        "18446744073709551615-*",
        "18446744073709551616-0",
        "0-0",
        "-",
        "1-1-1",
        "x",
        "",
    ] {
        let reply = client.call(["XADD", "s", id, "a", "b"]);
        assert!(matches!(reply, Value::Error(_)), "{id}: {reply:?}");
    }
    assert_eq!(client.integer(["XLEN", "s"]), 1);
    assert!(matches!(client.call(["XRANGE", "s", &format!("({LAST_ID}"), "+"]), Value::Error(_)));
    assert!(matches!(client.call(["XREVRANGE", "s", "(0-0", "-"]), Value::Error(_)));
    assert_eq!(client.integer(["XDEL", "s", LAST_ID]), 1);
    assert!(matches!(client.call(["XADD", "s", "*", "a", "b"]), Value::Error(_)));
    assert_serves(&server);
}

#[test]
fn a_stream_is_not_set_back() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    client.call(["XADD", "s", "5-5", "a", "b"]);
    for line in ["XSETID s 5-4", "XSETID s 1-1", "XSETID s 9-9 ENTRIESADDED 0", "XSETID none 1-1"] {
        let reply = client.call(line.split(' '));
        assert!(matches!(reply, Value::Error(_)), "{line}: {reply:?}");
    }
    assert_eq!(client.text("XSETID s 9-9 ENTRIESADDED 7 MAXDELETEDID 3-3".split(' ')), "OK");
    assert_eq!(client.text("XGROUP CREATE s g 0 ENTRIESREAD 1000".split(' ')), "OK");
    assert!(matches!(client.call(["XINFO", "GROUPS", "s"]), Value::Array(_)));
    assert!(matches!(client.call("XGROUP SETID s g 0 ENTRIESREAD -2".split(' ')), Value::Error(_)));
}

#[test]
fn deleted_entries_leave_pending_lists() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for line in [
        "XADD s 1-1 a b",
        "XADD s 1-2 a b",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g c STREAMS s >",
        "XDEL s 1-1",
    ] {
        let reply = client.call(line.split(' '));
        assert!(!matches!(reply, Value::Error(_)), "{line}: {reply:?}");
    }
    let claimed = client.call("XAUTOCLAIM s g other 0 0".split(' '));
    let Value::Array(parts) = claimed else { panic!("{claimed:?}") };
    assert_eq!(parts[2], Value::Array(vec![Value::Bulk(b"1-1".to_vec())]), "it was deleted");
    assert_eq!(client.integer("XGROUP DELCONSUMER s g other".split(' ')), 1);
    for line in ["XACK s g 9-9", "XACK s none 1-1", "XACK none g 1-1"] {
        assert_eq!(client.integer(line.split(' ')), 0, "{line}");
    }
    client.call("XNACK s g FAIL IDS 1 7-7".split(' '));
    assert_serves(&server);
}

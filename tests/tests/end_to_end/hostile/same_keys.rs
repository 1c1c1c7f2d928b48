//! Commands whose source is their destination.

use spinel_tests::{Client, Server};

/// Lines and their replies, on an empty data set.
const SCRIPT: &[(&str, &str)] = &[
    ("SET s abc", "OK"),
    ("RENAME s s", "OK"),
    ("RENAMENX s s", "(integer) 0"),
    ("COPY s s", "-ERR source and destination objects are the same"),
    ("BITOP NOT s s", "(integer) 3"),
    ("BITOP NOT s s", "(integer) 3"),
    ("GET s", "abc"),
    ("RPUSH l 3 1 2", "(integer) 3"),
    ("LMOVE l l LEFT RIGHT", "3"),
    ("RPOPLPUSH l l", "3"),
    ("LRANGE l 0 -1", "3 1 2"),
    ("SORT l STORE l", "(integer) 3"),
    ("LRANGE l 0 -1", "1 2 3"),
    ("SADD a 1 2 3", "(integer) 3"),
    ("SADD b 2 3", "(integer) 2"),
    ("SMOVE a a 1", "(integer) 1"),
    ("SMOVE a a none", "(integer) 0"),
    ("SINTERSTORE a a b", "(integer) 2"),
    ("SUNIONSTORE b b a", "(integer) 2"),
    ("SDIFFSTORE a a a", "(integer) 0"),
    ("EXISTS a", "(integer) 0"),
    ("ZADD z 1 x 2 y", "(integer) 2"),
    ("ZUNIONSTORE z 2 z z", "(integer) 2"),
    ("ZRANGE z 0 -1 WITHSCORES", "x 2 y 4"),
    ("ZINTERSTORE z 1 z WEIGHTS 2", "(integer) 2"),
    ("ZRANGESTORE z z 0 0", "(integer) 1"),
    ("ZRANGE z 0 -1 WITHSCORES", "x 4"),
    ("ZDIFFSTORE z 2 z z", "(integer) 0"),
    ("EXISTS z", "(integer) 0"),
    ("PFADD p a b c", "(integer) 1"),
    ("PFMERGE p p p", "OK"),
    ("PFCOUNT p p", "(integer) 3"),
    ("GEOADD g 13 38 x 15 37 y", "(integer) 2"),
    ("GEOSEARCHSTORE g g FROMMEMBER x BYRADIUS 1 km", "(integer) 1"),
    ("ZRANGE g 0 -1", "x"),
];

#[test]
fn source_and_destination_may_be_one() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for (line, expected) in SCRIPT {
        let reply = match client.call(line.split(' ')) {
            spinel_resp::Value::Integer(integer) => format!("(integer) {integer}"),
            spinel_resp::Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
            other => text(&other),
        };
        assert_eq!(&reply, expected, "{line}");
    }
}

fn text(value: &spinel_resp::Value) -> String {
    match value {
        spinel_resp::Value::Simple(text) | spinel_resp::Value::Bulk(text) => text.escape_ascii().to_string(),
        spinel_resp::Value::Error(text) => format!("-{}", text.escape_ascii()),
        other => format!("{other:?}"),
    }
}

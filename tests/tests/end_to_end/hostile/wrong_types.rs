//! Every command on keys of every type but its own.

use spinel_tests::{Client, Server};

/// Makes one key of each type, named after it.
const KEYS: &[&str] = &[
    "SET string text",
    "RPUSH list a b",
    "SADD set a b",
    "ZADD zset 1 a 2 b",
    "HSET hash a 1 b 2",
    "XADD stream 1-1 a b",
    "PFADD hyperloglog a b",
];

/// Commands by the type they take; `@` stands for the key.
const COMMANDS: &[(&str, &[&str])] = &[
    (
        "string",
        &[
            "GET @",
            "GETDEL @",
            "GETEX @",
            "GETSET @ v",
            "SET @ v GET",
            "APPEND @ x",
            "INCR @",
            "INCRBYFLOAT @ 1",
            "STRLEN @",
            "GETRANGE @ 0 1",
            "SETRANGE @ 1 x",
            "SETBIT @ 1 1",
            "GETBIT @ 1",
            "BITCOUNT @",
            "BITPOS @ 1",
            "BITFIELD @ GET u8 0",
            "BITOP NOT d @",
            "PFADD @ a",
            "PFCOUNT @",
            "PFMERGE d @",
        ],
    ),
    (
        "list",
        &[
            "LPUSH @ x",
            "RPUSH @ x",
            "LPUSHX @ x",
            "RPUSHX @ x",
            "LPOP @",
            "RPOP @ 2",
            "LLEN @",
            "LRANGE @ 0 -1",
            "LINDEX @ 0",
            "LSET @ 0 x",
            "LINSERT @ BEFORE a x",
            "LREM @ 0 a",
            "LTRIM @ 0 0",
            "LPOS @ a",
            "LMOVE @ d LEFT LEFT",
            "LMOVE list @ LEFT LEFT",
            "RPOPLPUSH @ d",
            "LMPOP 1 @ LEFT",
        ],
    ),
    (
        "set",
        &[
            "SADD @ x",
            "SREM @ a",
            "SISMEMBER @ a",
            "SMISMEMBER @ a",
            "SCARD @",
            "SMEMBERS @",
            "SPOP @",
            "SPOP @ 2",
            "SRANDMEMBER @",
            "SRANDMEMBER @ -2",
            "SMOVE @ d a",
            "SMOVE set @ a",
            "SINTER set @",
            "SUNION set @",
            "SDIFF set @",
            "SINTERSTORE d set @",
            "SUNIONSTORE d set @",
            "SDIFFSTORE d set @",
            "SINTERCARD 2 set @",
            "SSCAN @ 0",
        ],
    ),
    (
        "zset",
        &[
            "ZADD @ 1 x",
            "ZINCRBY @ 1 a",
            "ZREM @ a",
            "ZCARD @",
            "ZSCORE @ a",
            "ZMSCORE @ a",
            "ZRANK @ a",
            "ZREVRANK @ a",
            "ZCOUNT @ 0 1",
            "ZLEXCOUNT @ - +",
            "ZRANGE @ 0 -1",
            "ZRANGESTORE d @ 0 -1",
            "ZRANGEBYSCORE @ 0 1",
            "ZREVRANGE @ 0 -1",
            "ZREMRANGEBYRANK @ 0 0",
            "ZREMRANGEBYSCORE @ 0 0",
            "ZREMRANGEBYLEX @ - +",
            "ZPOPMIN @",
            "ZPOPMAX @",
            "ZMPOP 1 @ MIN",
            "ZRANDMEMBER @",
            "ZSCAN @ 0",
            "GEOADD @ 1 1 x",
            "GEOPOS @ a",
            "GEODIST @ a b",
            "GEOHASH @ a",
            "GEOSEARCH @ FROMLONLAT 1 1 BYRADIUS 1 m",
        ],
    ),
    (
        "hash",
        &[
            "HSET @ f v",
            "HSETNX @ f v",
            "HMSET @ f v",
            "HGET @ f",
            "HMGET @ f",
            "HGETALL @",
            "HKEYS @",
            "HVALS @",
            "HLEN @",
            "HSTRLEN @ f",
            "HEXISTS @ f",
            "HDEL @ f",
            "HINCRBY @ f 1",
            "HINCRBYFLOAT @ f 1",
            "HRANDFIELD @",
            "HSCAN @ 0",
            "HEXPIRE @ 10 FIELDS 1 f",
            "HPEXPIREAT @ 10 FIELDS 1 f",
            "HTTL @ FIELDS 1 f",
            "HPEXPIRETIME @ FIELDS 1 f",
            "HPERSIST @ FIELDS 1 f",
            "HGETDEL @ FIELDS 1 f",
            "HGETEX @ FIELDS 1 f",
            "HSETEX @ FIELDS 1 f v",
        ],
    ),
    (
        "stream",
        &[
            "XADD @ * a b",
            "XLEN @",
            "XRANGE @ - +",
            "XREVRANGE @ + -",
            "XDEL @ 1-1",
            "XTRIM @ MAXLEN 0",
            "XSETID @ 1-1",
            "XREAD STREAMS @ 0",
            "XGROUP CREATE @ g $",
            "XREADGROUP GROUP g c STREAMS @ >",
            "XINFO STREAM @",
            "XINFO GROUPS @",
            "XACK @ g 1-1",
            "XPENDING @ g",
            "XCLAIM @ g c 0 1-1",
            "XAUTOCLAIM @ g c 0 0",
        ],
    ),
];

/// What the key of each test is, and whether a command of `family` takes it.
fn is_taken(family: &str, key: &str) -> bool {
    family == key || family == "string" && key == "hyperloglog"
}

#[test]
fn a_command_refuses_keys_of_other_types_and_leaves_them_alone() {
    let server = Server::start(&["--enable-debug-command", "local"]);
    let mut client = Client::connect(server.port());
    for line in KEYS {
        client.call(line.split(' '));
    }
    let before = client.text(["DEBUG", "DIGEST"]);
    for key in ["string", "list", "set", "zset", "hash", "stream", "hyperloglog"] {
        let others = COMMANDS.iter().filter(|(family, _)| !is_taken(family, key));
        for template in others.flat_map(|(_, templates)| *templates) {
            let words = template.split(' ').map(|word| if word == "@" { key } else { word });
            let reply = client.text(words);
            // Unions of sorted sets take sets, too; no template here names such a pair.
            assert!(reply.starts_with("-WRONGTYPE "), "{template} with a {key}: {reply}");
        }
    }
    assert_eq!(client.text(["DEBUG", "DIGEST"]), before);
}

#[test]
fn sketches_refuse_strings_that_are_none() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    client.call(["SET", "string", "text"]);
    for template in ["PFADD @ a", "PFCOUNT @", "PFMERGE d @", "PFMERGE @ none"] {
        let reply = client.text(template.split(' ').map(|word| if word == "@" { "string" } else { word }));
        assert_eq!(reply, "-WRONGTYPE Key is not a valid HyperLogLog string value.", "{template}");
    }
}

//! Numbers that are none, and the largest there are, wherever a command takes one.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};

/// Commands that take a strict integer where `#` stands.
const INTEGERS: &[&str] = &[
    "INCRBY n #",
    "DECRBY n #",
    "GETRANGE s # 1",
    "GETRANGE s 1 #",
    "SUBSTR s # 1",
    "SETRANGE d # x",
    "SET d v EX #",
    "SET d v PX #",
    "SET d v EXAT #",
    "SET d v PXAT #",
    "SETEX d # v",
    "PSETEX d # v",
    "GETEX s EX #",
    "GETEX s PXAT #",
    "SETBIT d # 1",
    "SETBIT d 1 #",
    "GETBIT s #",
    "BITCOUNT s # 1",
    "BITCOUNT s 1 #",
    "BITPOS s # 0 1",
    "BITPOS s 1 # 1",
    "BITPOS s 1 0 #",
    "BITFIELD d GET u8 #",
    "BITFIELD d SET u8 0 #",
    "BITFIELD d INCRBY i64 0 #",
    "LCS s s MINMATCHLEN # IDX",
    "EXPIRE none #",
    "PEXPIRE none #",
    "EXPIREAT none #",
    "PEXPIREAT none #",
    "COPY s d DB #",
    "MOVE s #",
    "SELECT #",
    "SWAPDB 0 #",
    "SCAN 0 COUNT #",
    "WAIT # 1",
    "WAIT 0 #",
    "CLIENT KILL ID #",
    "CLIENT PAUSE #",
    "LPOP l #",
    "LRANGE l # 1",
    "LINDEX l #",
    "LSET l # x",
    "LREM l # x",
    "LTRIM l # 1",
    "LPOS l a RANK #",
    "LPOS l a COUNT #",
    "LPOS l a MAXLEN #",
    "LMPOP 1 l LEFT COUNT #",
    "SPOP c #",
    "SRANDMEMBER c #",
    "SINTERCARD 1 c LIMIT #",
    "SSCAN c 0 COUNT #",
    "ZRANGE z # 1",
    "ZRANGE z 0 9 BYSCORE LIMIT # 1",
    "ZRANGE z 0 9 BYSCORE LIMIT 0 #",
    "ZREMRANGEBYRANK z # 0",
    "ZPOPMIN z #",
    "ZRANDMEMBER z #",
    "HINCRBY h n #",
    "HRANDFIELD h #",
    "HEXPIRE h # FIELDS 1 n",
    "HPEXPIREAT h # FIELDS 1 n",
    "HGETEX h EX # FIELDS 1 n",
    "HSETEX h PXAT # FIELDS 1 n 1",
    "XADD t MAXLEN # 1-1 a b",
    "XTRIM t MAXLEN #",
    "XRANGE t - + COUNT #",
    "XPENDING t g - + #",
    "SORT l LIMIT # 1 ALPHA",
    "SORT l LIMIT 0 # ALPHA",
    "GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m COUNT #",
];

/// The keys that the commands are about.
const PREPARATION: &[&str] = &[
    "FLUSHALL",
    "MSET n 1 s text",
    "RPUSH l a b",
    "SADD c a b",
    "ZADD z 1 a 2 b",
    "HSET h n 1",
    "XADD t 0-1 a b",
    "XGROUP CREATE t g 0",
    "GEOADD g 1 1 m",
];

const NO_INTEGERS: &[&str] = &[
    "",
    "+1",
    "01",
    " 1",
    "1 ",
    "1e3",
    "0x10",
    "1.0",
    "--1",
    "9223372036854775808",
    "-9223372036854775809",
    "\u{661}",
];

const EXTREMES: &[&str] = &[
    "9223372036854775807",
    "-9223372036854775808",
    "2147483648",
    "-1",
    "4294967296",
    "18446744073709551615",
];

fn call(client: &mut Client, template: &str, number: &str) -> Value {
    let words = template.split(' ').map(|word| if word == "#" { number } else { word });
    client.call(words)
}

fn prepared(server: &Server) -> Client {
    let mut client = Client::connect(server.port());
    for line in PREPARATION {
        client.call(line.split(' '));
    }
    client
}

#[test]
fn what_is_no_integer_is_refused_everywhere() {
    let server = Server::start(&[]);
    let mut client = prepared(&server);
    for template in INTEGERS {
        for number in NO_INTEGERS {
            let reply = call(&mut client, template, number);
            assert!(matches!(reply, Value::Error(_)), "{template} with {number:?}: {reply:?}");
        }
    }
}

#[test]
fn extremes_are_answered() {
    let server = Server::start(&["--proto-max-bulk-len", "1mb"]);
    for template in INTEGERS.iter().filter(|template| !template.contains("PAUSE")) {
        for number in EXTREMES {
            let mut client = prepared(&server);
            call(&mut client, template, number);
            assert_eq!(client.text(["PING"]), "PONG", "{template} with {number}");
        }
    }
    assert_serves(&server);
}

#[test]
fn floats_that_are_none_are_refused_and_results_stay_finite() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for number in ["", "nan", "NaN", "-nan", "1e", " 1", "1 ", "1,5", "0x", "--1", "1.2.3"] {
        let reply = client.text(["INCRBYFLOAT", "f", number]);
        assert_eq!(reply, "-ERR value is not a valid float", "{number:?}");
    }
    for number in ["inf", "-inf", "+Infinity"] {
        let reply = client.text(["INCRBYFLOAT", "f", number]);
        assert_eq!(reply, "-ERR increment would produce NaN or Infinity", "{number}");
    }
    assert_eq!(client.integer(["EXISTS", "f"]), 0);
    for number in ["nan", "", "x", "1e", "0x"] {
        for words in
            [["ZADD", "z", number, "m"], ["ZINCRBY", "z", number, "m"], ["HINCRBYFLOAT", "h", "f", number]]
        {
            let reply = client.text(words);
            assert!(reply.starts_with('-'), "{words:?}: {reply}");
        }
    }
    for number in ["inf", "-inf", "-0.0", "5e-324"] {
        assert_eq!(client.integer(["ZADD", "z", number, number]), 1, "{number}");
    }
    assert_eq!(client.text(["ZADD", "z", "1e400", "m"]), "-ERR value is not a valid float");
    assert_eq!(client.text(["ZINCRBY", "z", "-inf", "inf"]), "-ERR resulting score is not a number (NaN)");
    assert_eq!(client.integer(["ZCARD", "z"]), 4);
    assert_eq!(client.text(["INCRBYFLOAT", "f", &format!("1{}", "0".repeat(200))]).len(), 201);
}

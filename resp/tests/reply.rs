//! The reply writer's bytes in both protocols. Expectations were seen at Redis 8.0.

use spinel_resp::reply::{Protocol, ReplyWriter};

#[track_caller]
fn check(write: impl Fn(&mut ReplyWriter), resp2: &[u8], resp3: &[u8]) {
    for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
        let mut reply = ReplyWriter::new(protocol);
        write(&mut reply);
        assert_eq!(
            reply.bytes().escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{protocol:?}"
        );
    }
}

#[track_caller]
fn check_both(write: impl Fn(&mut ReplyWriter), expected: &[u8]) {
    check(write, expected, expected);
}

#[test]
fn lines() {
    check_both(ReplyWriter::ok, b"+OK\r\n");
    check_both(|reply| reply.simple("QUEUED"), b"+QUEUED\r\n");
    check_both(|reply| reply.simple("\nA\r\n"), b"+ A  \r\n");
    check_both(|reply| reply.error("ERR syntax error"), b"-ERR syntax error\r\n");
    check_both(|reply| reply.error_bytes(b"ERR '\xff\r\n\0'"), b"-ERR '\xff  \0'\r\n");
    check_both(|reply| reply.error("\nA\rB\r\n\n"), b"- A B\r\n");
    check_both(|reply| reply.error("\r\n"), b"-\r\n");
    check_both(|reply| reply.raw(b":1\r\n"), b":1\r\n");
}

#[test]
fn scalars() {
    check_both(|reply| reply.integer(0), b":0\r\n");
    check_both(|reply| reply.integer(i64::MIN), b":-9223372036854775808\r\n");
    check_both(|reply| reply.bulk(b""), b"$0\r\n\r\n");
    check_both(|reply| reply.bulk(b"a\r\nb"), b"$4\r\na\r\nb\r\n");
    check_both(|reply| reply.bulk(&[b'x'; 10]), b"$10\r\nxxxxxxxxxx\r\n");
    check_both(|reply| reply.bulk_integer(-123), b"$4\r\n-123\r\n");
    check(ReplyWriter::null, b"$-1\r\n", b"_\r\n");
    check(ReplyWriter::null_array, b"*-1\r\n", b"_\r\n");
    check(|reply| reply.boolean(true), b":1\r\n", b"#t\r\n");
    check(|reply| reply.boolean(false), b":0\r\n", b"#f\r\n");
    let digits = "1234567999999999999999999999999999999";
    check(
        |reply| reply.big_number(digits),
        b"$37\r\n1234567999999999999999999999999999999\r\n",
        b"(1234567999999999999999999999999999999\r\n",
    );
    check(
        |reply| reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"$25\r\nThis is a verbatim\nstring\r\n",
        b"=29\r\ntxt:This is a verbatim\nstring\r\n",
    );
}

#[test]
fn doubles() {
    for (value, text) in
        [(2.75, "2.75"), (-0.0, "-0"), (f64::NAN, "nan"), (f64::INFINITY, "inf"), (1e21, "1e+21")]
    {
        let bulk = format!("${}\r\n{text}\r\n", text.len());
        check(|reply| reply.double(value), bulk.as_bytes(), format!(",{text}\r\n").as_bytes());
    }
}

#[test]
fn aggregates() {
    check_both(|reply| reply.array(0), b"*0\r\n");
    check_both(|reply| reply.array(1_000_000), b"*1000000\r\n");
    check(|reply| reply.map(3), b"*6\r\n", b"%3\r\n");
    check(|reply| reply.set(3), b"*3\r\n", b"~3\r\n");
    check(|reply| reply.push(2), b"*2\r\n", b">2\r\n");
    let mut reply = ReplyWriter::new(Protocol::Resp3);
    reply.attribute(1);
    assert_eq!(reply.bytes(), b"|1\r\n");
}

#[test]
#[should_panic(expected = "RESP2 has no attributes")]
fn attributes_need_resp3() {
    ReplyWriter::new(Protocol::Resp2).attribute(1);
}

/// Lengths known afterwards, nested, of one digit and of several.
#[test]
fn deferred_lengths() {
    for count in [0, 1, 9, 10, 4_999, 50_000] {
        let elements = |reply: &mut ReplyWriter| (0..count).for_each(|_| reply.integer(7));
        let deferred = |reply: &mut ReplyWriter| {
            reply.ok();
            let outer = reply.deferred_array();
            let inner = reply.deferred_set();
            elements(reply);
            reply.finish_set(inner, count);
            let map = reply.deferred_map();
            reply.bulk(b"k");
            reply.null();
            reply.finish_map(map, 1);
            reply.finish_array(outer, 2);
        };
        let announced = |protocol| {
            let mut reply = ReplyWriter::new(protocol);
            reply.ok();
            reply.array(2);
            reply.set(count);
            elements(&mut reply);
            reply.map(1);
            reply.bulk(b"k");
            reply.null();
            reply.take()
        };
        check(deferred, &announced(Protocol::Resp2), &announced(Protocol::Resp3));
    }
}

#[test]
fn a_half_written_reply_can_be_dropped() {
    let mut reply = ReplyWriter::new(Protocol::Resp2);
    reply.ok();
    let position = reply.position();
    let _half = reply.deferred_array();
    reply.integer(1);
    reply.truncate(position);
    reply.error("WRONGTYPE no");
    assert_eq!(reply.bytes(), b"+OK\r\n-WRONGTYPE no\r\n");
    assert_eq!(reply.take().len(), 5 + 15);
    assert!(reply.is_empty());
}

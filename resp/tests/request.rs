//! The request parser against tables of inputs, against itself in pieces, and against a naive parser.
//!
//! Expectations were seen at Redis 8.0.

use spinel_resp::request::{Batch, Limits, Parser, ProtocolError};

type Request = Vec<Vec<u8>>;

/// Feeds `pieces` one after the other, dropping consumed bytes as a connection does.
fn feed(pieces: &[&[u8]], limits: &Limits) -> (Vec<Request>, Option<ProtocolError>) {
    let (mut parser, mut batch, mut buffer) = (Parser::new(), Batch::new(), Vec::new());
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let outcome = parser.parse(&buffer, limits, &mut batch);
        requests.extend(
            batch.requests(&buffer).map(|words| words.iter().map(<[u8]>::to_vec).collect::<Request>()),
        );
        buffer.drain(..batch.consumed());
        if let Err(error) = outcome {
            return (requests, Some(error));
        }
    }
    (requests, None)
}

fn bytes_of(input: &[u8]) -> Vec<&[u8]> {
    input.chunks(1).collect()
}

/// Checks that `input` gives `requests` and then `error`, whole and byte by byte.
#[track_caller]
fn check_with(limits: &Limits, input: &[u8], requests: &[&[&str]], error: Option<&str>) {
    let expected: Vec<Request> =
        requests.iter().map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect()).collect();
    for (way, pieces) in [("whole", vec![input]), ("byte by byte", bytes_of(input))] {
        let (found, failure) = feed(&pieces, limits);
        let shown = input[..input.len().min(80)].escape_ascii();
        assert_eq!(found, expected, "{way}: {shown}");
        let text = failure.map(|failure| String::from_utf8_lossy(&failure.text()).into_owned());
        assert_eq!(
            text.as_deref(),
            error.map(|cause| format!("Protocol error: {cause}")).as_deref(),
            "{way}: {shown}"
        );
    }
}

#[track_caller]
fn check(input: &[u8], requests: &[&[&str]], error: Option<&str>) {
    check_with(&Limits::DEFAULT, input, requests, error);
}

#[test]
fn pipelines() {
    check(b"", &[], None);
    check(b"*1\r\n$4\r\nPING\r\n", &[&["PING"]], None);
    check(
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
        &[&["GET", "k"], &["GET", ""]],
        None,
    );
    check(b"PING\r\n*1\r\n$4\r\nQUIT\r\nECHO \"a b\"\n", &[&["PING"], &["QUIT"], &["ECHO", "a b"]], None);
    check(b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\n", &[&["PING"]], None);
    let long = "v".repeat(12_345);
    let words = format!("*12\r\n{}$5\r\n$3\r\n*\r\n$12345\r\n{long}\r\n", "$1\r\na\r\n".repeat(10));
    check(words.as_bytes(), &[&["a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "$3\r\n*", &long]], None);
}

#[test]
fn nothing_to_do() {
    check(b"*0\r\nPING\r\n", &[&["PING"]], None);
    check(b"*-1\r\n*-2\r\n*-9223372036854775808\r\nPING\r\n", &[&["PING"]], None);
    check(b"\r\n\n\n  \r\n \t \nPING\r\n", &[&["PING"]], None);
}

#[test]
fn line_ends() {
    check(b"PING\n", &[&["PING"]], None);
    check(b"PING\rx\n", &[&["PING", "x"]], None);
    check(b"*1\n$4\nPING\n", &[], None);
    check(b"*1\rx$4\ryPINGzzPING\r\n", &[&["PING"], &["PING"]], None);
    check(b"*1\r\n$4\r\nPIN\r\n\r\nPING\r\n", &[&["PIN\r"], &["PING"]], None);
}

#[test]
fn array_lengths() {
    for text in
        ["", "+1", "01", " 1", "1 ", "-0", "00", "1e3", "x", "2147483648", "9223372036854775808", "\n1"]
    {
        check(format!("*{text}\r\n").as_bytes(), &[], Some("invalid multibulk length"));
    }
    check(b"*2147483647\r\n", &[], None);
    check(b"*1\r\n$4\r\nPING\r\n*x\r\n", &[&["PING"]], Some("invalid multibulk length"));
}

#[test]
fn bulk_lengths() {
    for text in ["", "-1", "+4", "04", " 4", "4 ", "-0", "536870913", "9223372036854775808", "4x"] {
        check(format!("*2\r\n$3\r\nGET\r\n${text}\r\n").as_bytes(), &[], Some("invalid bulk length"));
    }
    check(b"*1\r\n$536870912\r\n", &[], None);
}

/// Types of RESP3 and nested arrays are for replies only.
#[test]
fn only_bulks_in_arrays() {
    for marker in ["(", "*", "=", "+", ":", "%", "|", "f", "\u{1}"] {
        let cause = format!("expected '$', got '{marker}'");
        check(format!("*1\r\n{marker}1\r\n").as_bytes(), &[], Some(&cause));
    }
    check(b"*1\r\n\r\n", &[], Some("expected '$', got '\r'"));
    check(b"*1\r\nfoo\r", &[], None);
    let (_, error) = feed(&[b"*1\r\n\xff\r\n"], &Limits::DEFAULT);
    assert_eq!(error.unwrap().text(), b"Protocol error: expected '$', got '\xff'");
    // Outside of an array they are words like any other.
    check(b"%1\r\n|1\r\n(123\r\n", &[&["%1"], &["|1"], &["(123"]], None);
}

#[test]
fn nul_bytes_keep_lines_open() {
    check(b"PI\0NG\r\nPING\r\n", &[], None);
    check(b"*1\0\r\nPING\r\n", &[], None);
    check(b"*1\r\n$4\0\r\nPING\r\n", &[], None);
    check(b"*2\r\n$4\r\nECHO\r\n$1\r\n\0\r\n", &[&["ECHO", "\0"]], None);
    let rest = "a".repeat(70_000);
    check(format!("PI\0NG\r\n{rest}").as_bytes(), &[], Some("too big inline request"));
    check(format!("*1\0\r\n{rest}").as_bytes(), &[], Some("too big mbulk count string"));
    check(format!("*1\r\n$4\0\r\n{rest}").as_bytes(), &[], Some("too big bulk count string"));
}

#[test]
fn long_lines() {
    let digits = |count: usize| "1".repeat(count);
    let word = digits(65_536);
    check(word.as_bytes(), &[], None);
    check(format!("{word}\n").as_bytes(), &[&[&word]], None);
    check(format!("{word}\r\n").as_bytes(), &[], Some("too big inline request"));
    check(digits(65_537).as_bytes(), &[], Some("too big inline request"));
    check(format!("*{}", digits(65_535)).as_bytes(), &[], None);
    check(format!("*{}\r\n", digits(65_535)).as_bytes(), &[], Some("invalid multibulk length"));
    check(format!("*{}\r\n", digits(65_536)).as_bytes(), &[], Some("too big mbulk count string"));
    check(format!("*1\r\n${}\r\n", digits(65_535)).as_bytes(), &[], Some("invalid bulk length"));
    check(format!("*1\r\n${}", digits(65_536)).as_bytes(), &[], Some("too big bulk count string"));
    check("\r\n".repeat(50_000).as_bytes(), &[], None);
}

#[test]
fn quotes() {
    check(b"SET k 'it\\'s'\r\n", &[&["SET", "k", "it's"]], None);
    check(b"PING\r\nECHO \"a\r\n", &[&["PING"]], Some("unbalanced quotes in request"));
    check(b"ECHO 'a'b\r\n", &[], Some("unbalanced quotes in request"));
}

#[test]
fn before_authentication() {
    let unauthenticated = |input: &[u8], error| check_with(&Limits::UNAUTHENTICATED, input, &[], error);
    unauthenticated(b"*10\r\n", None);
    unauthenticated(b"*11\r\n", Some("unauthenticated multibulk length"));
    unauthenticated(b"*2147483648\r\n", Some("invalid multibulk length"));
    unauthenticated(b"*1\r\n$16384\r\n", None);
    unauthenticated(b"*1\r\n$16385\r\n", Some("unauthenticated bulk length"));
    unauthenticated(b"*1\r\n$536870913\r\n", Some("invalid bulk length"));
    check_with(
        &Limits::UNAUTHENTICATED,
        b"a b c d e f g h i j k\r\n",
        &[&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]],
        None,
    );
}

/// A pipeline may authenticate and then use it: what was refused is parsed again under the new limits.
#[test]
fn retry_after_authentication() {
    let mut input = b"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n*2\r\n$4\r\nECHO\r\n$16385\r\n".to_vec();
    input.extend_from_slice("v".repeat(16_385).as_bytes());
    input.extend_from_slice(b"\r\n");
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let outcome = parser.parse(&input, &Limits::UNAUTHENTICATED, &mut batch);
    assert_eq!(outcome, Err(ProtocolError::UnauthenticatedBulkLength));
    assert_eq!(batch.len(), 1);
    input.drain(..batch.consumed());
    parser.parse(&input, &Limits::DEFAULT, &mut batch).unwrap();
    assert_eq!(batch.len(), 1);
    assert_eq!(batch.request(0, &input).get(1).len(), 16_385);
    assert_eq!(batch.consumed(), input.len());
}

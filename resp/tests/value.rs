//! The decoder against tables of replies, against itself in pieces, and against the reply writer.

mod support;

use spinel_resp::reply::{Protocol, ReplyWriter};
use spinel_resp::value::{DecodeError, Decoder, Value, decode};
use support::Random;

/// Decodes what comes in `pieces`, dropping consumed bytes as a client does.
fn decode_pieces(pieces: &[&[u8]]) -> Result<Vec<Value>, DecodeError> {
    let (mut decoder, mut buffer, mut values) = (Decoder::new(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let (consumed, value) = decoder.decode(&buffer)?;
            buffer.drain(..consumed);
            match value {
                Some(value) => values.push(value),
                None => break,
            }
        }
    }
    Ok(values)
}

fn bytes_of(input: &[u8]) -> Vec<&[u8]> {
    input.chunks(1).collect()
}

#[track_caller]
fn check(input: &[u8], expected: &Value) {
    let shown = input.escape_ascii();
    let mut followed = input.to_vec();
    followed.extend_from_slice(b":1\r\n");
    assert_eq!(decode(&followed), Ok(Some((expected.clone(), input.len()))), "{shown}");
    for end in 0..input.len() {
        assert_eq!(decode(&input[..end]), Ok(None), "the first {end} bytes of {shown}");
    }
    let values = decode_pieces(&bytes_of(&followed));
    assert_eq!(values, Ok(vec![expected.clone(), Value::Integer(1)]), "byte by byte: {shown}");
}

#[track_caller]
fn check_refused(input: &[u8], error: DecodeError) {
    assert_eq!(decode(input), Err(error), "{}", input.escape_ascii());
    assert_eq!(decode_pieces(&bytes_of(input)), Err(error), "byte by byte: {}", input.escape_ascii());
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

fn double(text: &str) -> Value {
    match decode(format!(",{text}\r\n").as_bytes()) {
        Ok(Some((value, _))) => value,
        other => panic!("{text} is no double: {other:?}"),
    }
}

#[test]
fn lines() {
    check(b"+OK\r\n", &Value::Simple(b"OK".to_vec()));
    check(b"+\r\n", &Value::Simple(Vec::new()));
    check(b"+a\rb\nc\r\r\n", &Value::Simple(b"a\rb\nc\r".to_vec()));
    check(b"-ERR \xff\r\n", &Value::Error(b"ERR \xff".to_vec()));
    check(b":-9223372036854775808\r\n", &Value::Integer(i64::MIN));
    check(b":+7\r\n", &Value::Integer(7));
    check(b"_\r\n", &Value::Null);
    check(b"#t\r\n", &Value::Boolean(true));
    check(b"#f\r\n", &Value::Boolean(false));
    check(b"(-1234567999999999999999999999\r\n", &Value::BigNumber("-1234567999999999999999999999".into()));
}

#[test]
fn doubles_keep_their_text() {
    for text in ["0", "-0", "1.5", "10.0", "1e21", "1E-7", "inf", "-inf", "nan", "3.0000000000000000001"] {
        let Value::Double(decoded) = double(text) else { panic!("{text} is decoded as something else") };
        assert_eq!(decoded.text(), text);
        let expected: f64 = text.parse().unwrap();
        assert_eq!(decoded.value().to_bits(), expected.to_bits());
    }
}

#[test]
fn texts() {
    check(b"$0\r\n\r\n", &bulk(""));
    check(b"$5\r\na\r\nb\0\r\n", &Value::Bulk(b"a\r\nb\0".to_vec()));
    check(b"$-1\r\n", &Value::Null);
    check(b"!9\r\nERR a\r\nbc\r\n", &Value::Error(b"ERR a\r\nbc".to_vec()));
    check(b"=8\r\ntxt:a\r\nb\r\n", &Value::Verbatim { format: *b"txt", text: b"a\r\nb".to_vec() });
    check(b"=4\r\nmkd:\r\n", &Value::Verbatim { format: *b"mkd", text: Vec::new() });
}

#[test]
fn aggregates() {
    let one = || Value::Integer(1);
    check(b"*-1\r\n", &Value::Null);
    check(b"*0\r\n", &Value::Array(Vec::new()));
    check(b"%0\r\n", &Value::Map(Vec::new()));
    check(b"*2\r\n:1\r\n*1\r\n$-1\r\n", &Value::Array(vec![one(), Value::Array(vec![Value::Null])]));
    check(b"~2\r\n*0\r\n:1\r\n", &Value::Set(vec![Value::Array(Vec::new()), one()]));
    check(b">2\r\n+message\r\n:1\r\n", &Value::Push(vec![Value::Simple(b"message".to_vec()), one()]));
    check(
        b"%2\r\n$1\r\na\r\n*0\r\n:1\r\n_\r\n",
        &Value::Map(vec![(bulk("a"), Value::Array(Vec::new())), (one(), Value::Null)]),
    );
}

/// An attribute is no element of the array it stands in.
#[test]
fn attributes() {
    let attributed = |attributes, value| Value::Attributed { attributes, value: Box::new(value) };
    let ttl = || vec![(bulk("ttl"), Value::Integer(3))];
    check(b"|1\r\n$3\r\nttl\r\n:3\r\n$1\r\nv\r\n", &attributed(ttl(), bulk("v")));
    check(b"|0\r\n:1\r\n", &attributed(Vec::new(), Value::Integer(1)));
    check(
        b"*2\r\n|1\r\n$3\r\nttl\r\n:3\r\n*1\r\n:4\r\n:5\r\n",
        &Value::Array(vec![attributed(ttl(), Value::Array(vec![Value::Integer(4)])), Value::Integer(5)]),
    );
}

#[test]
fn what_is_no_reply() {
    check_refused(b"\r\n", DecodeError::UnknownType { found: b'\r' });
    check_refused(b"PONG\r\n", DecodeError::UnknownType { found: b'P' });
    check_refused(b"*1\r\n\x16\x03\x01\r\n", DecodeError::UnknownType { found: 0x16 });
    for (marker, contents) in [
        (b':', &["", "-", "1 ", "0x1", "9223372036854775808", "1.0"][..]),
        (b'$', &["", "-2", "+1", "1a", "9223372036854775808", "18446744073709551616", "?"]),
        (b'*', &["", "-2", " 1", "9223372036854775808", "?"]),
        (b'!', &["-1", ""]),
        (b'=', &["-1", ""]),
        (b'~', &["-1", "x"]),
        (b'>', &["-1", "x"]),
        (b'%', &["-1", "x", "9223372036854775808"]),
        (b'|', &["-1", "x"]),
        (b'_', &["x"]),
        (b'#', &["", "T", "true", "1"]),
        (b',', &["", "x", "1,5", "1e"]),
        (b'(', &["", "-", "1.5", "0x1"]),
    ] {
        for content in contents {
            let line = [&[marker], content.as_bytes(), b"\r\n"].concat();
            check_refused(&line, DecodeError::InvalidLine { marker });
        }
    }
    check_refused(b"$1\r\nabc", DecodeError::BulkWithoutEnd);
    check_refused(b"=3\r\ntxt\r\n", DecodeError::VerbatimWithoutFormat);
    check_refused(b"=4\r\ntxt-\r\n", DecodeError::VerbatimWithoutFormat);
}

/// Announcements cost nothing before what they announce arrives.
#[test]
fn large_announcements() {
    for head in ["*9223372036854775807", "$9223372036854775807", "%4611686018427387903", "=2147483648"] {
        assert_eq!(decode(format!("{head}\r\n").as_bytes()), Ok(None));
    }
}

#[test]
fn depth_is_limited() {
    for head in ["*1\r\n", "%1\r\n:1\r\n", "|0\r\n", "|1\r\n:1\r\n:1\r\n", "~1\r\n", "|1\r\n"] {
        let within = head.repeat(511);
        assert_eq!(decode(within.as_bytes()), Ok(None), "{head:?}");
        assert_eq!(decode(head.repeat(100_000).as_bytes()), Err(DecodeError::TooDeep), "{head:?}");
    }
    let (value, _) = decode(format!("{}*0\r\n", "*1\r\n".repeat(511)).as_bytes()).unwrap().unwrap();
    assert_eq!(value.clone(), value);
}

/// Within a text every byte is taken at once, so each is handed over exactly once.
#[test]
fn a_large_text_in_small_pieces() {
    let (mut decoder, size, mut handed_over) = (Decoder::new(), 1_000_000, 0);
    let head = format!("*2\r\n${size}\r\n");
    assert_eq!(decoder.decode(head.as_bytes()), Ok((head.len(), None)));
    for _ in 0..size {
        assert_eq!(decoder.decode(b"v"), Ok((1, None)));
        handed_over += 1;
    }
    assert_eq!(
        decoder.decode(b"\r\n:1\r\n"),
        Ok((6, Some(Value::Array(vec![bulk(&"v".repeat(size)), Value::Integer(1)]))))
    );
    assert_eq!(handed_over, size);
}

/// What was searched for the end of a line is overwritten with ends of lines: they are not found.
#[test]
fn no_byte_of_a_line_is_searched_twice() {
    let (mut decoder, mut line) = (Decoder::new(), b"+OK".to_vec());
    for _ in 0..10_000 {
        line.extend_from_slice(b"abcd");
        assert_eq!(decoder.decode(&line), Ok((0, None)));
        let searched = line.len() - 1;
        line[searched - 4..searched].copy_from_slice(b"\r\n\r\n");
    }
    line.extend_from_slice(b"\r\n");
    let (consumed, value) = decoder.decode(&line).unwrap();
    assert_eq!(consumed, line.len());
    assert!(matches!(value, Some(Value::Simple(text)) if text.len() == 40_002), "the line ended too early");
}

/// Writes a random reply and returns the value that it means.
fn write_value(random: &mut Random, reply: &mut ReplyWriter, depth: usize) -> Value {
    let count = random.below(4);
    match random.below(if depth == 0 { 9 } else { 13 }) {
        0 => {
            reply.ok();
            Value::Simple(b"OK".to_vec())
        }
        1 => {
            reply.error("ERR no");
            Value::Error(b"ERR no".to_vec())
        }
        2 => {
            let value = random.bits() as i64 >> random.below(64);
            reply.integer(value);
            Value::Integer(value)
        }
        3 => {
            let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.bits() as u8).collect();
            reply.bulk(&bytes);
            Value::Bulk(bytes)
        }
        4 => {
            reply.null();
            Value::Null
        }
        5 => {
            reply.boolean(count > 1);
            Value::Boolean(count > 1)
        }
        6 => {
            let value = f64::from_bits(random.bits());
            reply.double(value);
            double(&spinel_resp::number::format_double(value).to_string())
        }
        7 => {
            reply.big_number("-12345678901234567890");
            Value::BigNumber("-12345678901234567890".into())
        }
        8 => {
            reply.verbatim("txt", b"some\r\ntext");
            Value::Verbatim { format: *b"txt", text: b"some\r\ntext".to_vec() }
        }
        kind => write_aggregate(random, reply, depth - 1, count, kind),
    }
}

fn write_aggregate(
    random: &mut Random,
    reply: &mut ReplyWriter,
    depth: usize,
    count: usize,
    kind: usize,
) -> Value {
    let values = |random: &mut Random, reply: &mut ReplyWriter| {
        (0..count).map(|_| write_value(random, reply, depth)).collect::<Vec<_>>()
    };
    let pairs = |random: &mut Random, reply: &mut ReplyWriter| {
        let pair = |_| (write_value(random, reply, depth), write_value(random, reply, depth));
        (0..count).map(pair).collect::<Vec<_>>()
    };
    match kind {
        9 => {
            reply.array(count);
            Value::Array(values(random, reply))
        }
        10 => {
            reply.set(count);
            Value::Set(values(random, reply))
        }
        11 => {
            reply.map(count);
            Value::Map(pairs(random, reply))
        }
        _ => {
            reply.attribute(count);
            let attributes = pairs(random, reply);
            Value::Attributed { attributes, value: Box::new(write_value(random, reply, depth)) }
        }
    }
}

#[test]
fn what_the_writer_writes_is_decoded_in_any_pieces() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let mut reply = ReplyWriter::new(Protocol::Resp3);
        let written: Vec<Value> = (0..8).map(|_| write_value(&mut random, &mut reply, 4)).collect();
        for bytes_max in [1, 7, 300, 100_000] {
            let pieces = random.pieces(reply.bytes(), bytes_max);
            assert_eq!(decode_pieces(&pieces), Ok(written.clone()), "seed {seed}, pieces of {bytes_max}");
        }
    }
}

/// Damaged replies are decoded or refused alike however they are cut; nothing panics.
#[test]
fn damaged_replies() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut reply = ReplyWriter::new(Protocol::Resp3);
        for _ in 0..4 {
            write_value(&mut random, &mut reply, 3);
        }
        let mut bytes = reply.take();
        for _ in 0..=random.below(3) {
            let index = random.below(bytes.len());
            bytes[index] =
                *random.choice(&[b"\r", b"\n", b"*", b"$", b"9", b"-", b"|", b"\0"]).first().unwrap();
        }
        let whole = decode_pieces(&[&bytes]);
        assert_eq!(decode_pieces(&random.pieces(&bytes, 9)), whole, "seed {seed}");
    }
}

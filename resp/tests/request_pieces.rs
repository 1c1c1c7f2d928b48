//! The request parser on streams that arrive in arbitrary pieces: against what a generator meant, against a naive
//! parser, and counting how often it looks at a byte.

mod support;

use spinel_resp::request::{Batch, Limits, Parser, split_line};
use spinel_resp::value::encode_request;
use support::Random;

type Request = Vec<Vec<u8>>;

/// The requests found and the text of the error that ended them.
type Outcome = (Vec<Request>, Option<Vec<u8>>);

/// Feeds `pieces` one after the other, dropping consumed bytes as a connection does.
fn feed(pieces: &[&[u8]]) -> Outcome {
    let (mut parser, mut batch, mut buffer) = (Parser::new(), Batch::new(), Vec::new());
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let outcome = parser.parse(&buffer, &Limits::DEFAULT, &mut batch);
        requests.extend(
            batch.requests(&buffer).map(|words| words.iter().map(<[u8]>::to_vec).collect::<Request>()),
        );
        buffer.drain(..batch.consumed());
        if let Err(error) = outcome {
            return (requests, Some(error.text()));
        }
    }
    (requests, None)
}

/// Reads from the start with nothing remembered, one owned word after the other.
fn naive(mut input: &[u8]) -> Outcome {
    let mut requests = Vec::new();
    loop {
        match naive_request(&mut input) {
            Ok(Some(request)) if request.is_empty() => {}
            Ok(Some(request)) => requests.push(request),
            Ok(None) => return (requests, None),
            Err(cause) => return (requests, Some([b"Protocol error: ", cause.as_slice()].concat())),
        }
    }
}

fn naive_request(input: &mut &[u8]) -> Result<Option<Request>, Vec<u8>> {
    if input.first() != Some(&b'*') {
        let Some(line) = naive_line(input, b'\n', 1) else { return Ok(None) };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        return split_line(line).map(Some).ok_or_else(|| b"unbalanced quotes in request".to_vec());
    }
    let Some(header) = naive_line(input, b'\r', 2) else { return Ok(None) };
    let count = canonical(&header[1..]).filter(|&count| count <= i64::from(i32::MAX));
    let mut request = Vec::new();
    for _ in 0..count.ok_or(b"invalid multibulk length")? {
        let Some(header) = naive_line(input, b'\r', 2) else { return Ok(None) };
        let marker = *header.first().unwrap_or(&b'\r');
        if marker != b'$' {
            return Err([b"expected '$', got '", &[marker][..], b"'"].concat());
        }
        let length = canonical(&header[1..]).filter(|length| (0..=512 << 20).contains(length));
        let length = length.ok_or(b"invalid bulk length")? as usize;
        if input.len() < length + 2 {
            return Ok(None);
        }
        request.push(input[..length].to_vec());
        *input = &input[length + 2..];
    }
    Ok(Some(request))
}

/// Takes a line that ends with `terminator` and is followed by `skip` - 1 more bytes; a NUL keeps it open.
fn naive_line<'a>(input: &mut &'a [u8], terminator: u8, skip: usize) -> Option<&'a [u8]> {
    let end = input.iter().position(|&byte| byte == terminator)?;
    let line = &input[..end];
    if line.contains(&0) || input.len() < end + skip {
        return None;
    }
    *input = &input[end + skip..];
    Some(line)
}

fn canonical(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

/// Appends a random request, as an array or inline, and returns its words.
fn write_request(random: &mut Random, stream: &mut Vec<u8>) -> Request {
    let longest = *random.choice(&[1, 3, 12, 120, 2_000]);
    let mut request: Request = Vec::new();
    let words_max = *random.choice(&[1, 3, 12, 120]);
    for _ in 0..=random.below(words_max) {
        let length = random.below(longest + 1);
        request.push((0..length).map(|_| *random.choice(b"ab*$1\r\n \"'\\\0\xff")).collect());
    }
    if random.below(4) > 0 {
        encode_request(&request, stream);
        return request;
    }
    request.truncate(3);
    for word in &mut request {
        word.truncate(500);
        write_inline_word(random, word, stream);
        stream.extend_from_slice(random.choice(&["  ", " ", "\t"]).as_bytes());
    }
    stream.extend_from_slice(random.choice(&["\r\n", "\n"]).as_bytes());
    request
}

/// Appends `word` in a form that an inline command may have.
fn write_inline_word(random: &mut Random, word: &[u8], stream: &mut Vec<u8>) {
    if !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric) && random.below(2) == 0 {
        return stream.extend_from_slice(word);
    }
    stream.push(b'"');
    for &byte in word {
        match byte {
            b'\n' => stream.extend_from_slice(b"\\n"),
            0 => stream.extend_from_slice(b"\\x00"),
            b'"' | b'\\' => stream.extend_from_slice(&[b'\\', byte]),
            _ if random.below(8) == 0 => stream.extend_from_slice(format!("\\x{byte:02X}").as_bytes()),
            _ => stream.push(byte),
        }
    }
    stream.push(b'"');
}

#[test]
fn what_was_meant_is_parsed_in_any_pieces() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let (mut stream, mut meant) = (Vec::new(), Vec::new());
        for _ in 0..=random.below(20) {
            meant.push(write_request(&mut random, &mut stream));
            stream.extend_from_slice(random.choice(&["", "", "", "\r\n", "*0\r\n", "*-1\r\n"]).as_bytes());
        }
        let meant = (meant, None);
        assert_eq!(feed(&[&stream]), meant, "seed {seed}");
        assert_eq!(naive(&stream), meant, "seed {seed}, the naive parser");
        for bytes_max in [3, 50, 5_000] {
            assert_eq!(feed(&random.pieces(&stream, bytes_max)), meant, "seed {seed}, pieces of {bytes_max}");
        }
    }
}

#[test]
fn damaged_streams_are_parsed_as_naively() {
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let mut stream = Vec::new();
        while stream.len() < 200 {
            write_request(&mut random, &mut stream);
        }
        // Lines beyond 64 KiB are another test's; the naive parser knows no limit.
        stream.truncate(60_000);
        for _ in 0..random.below(6) {
            let index = random.below(stream.len().min(300));
            stream[index] = *random.choice(b"\r\n*$019-+ \"'x\0");
        }
        let expected = naive(&stream);
        assert_eq!(feed(&[&stream]), expected, "seed {seed}");
        assert_eq!(feed(&random.pieces(&stream, 5)), expected, "seed {seed}, small pieces");
        assert_eq!(feed(&random.pieces(&stream, 500)), expected, "seed {seed}, larger pieces");
    }
}

/// Whatever was parsed is overwritten after each call: had the parser to look at it again, it would go astray.
#[track_caller]
fn parse_overwriting(head: &str, content_bytes: usize, tail: &str, piece_bytes: usize) -> Vec<usize> {
    let mut stream = head.as_bytes().to_vec();
    stream.resize(head.len() + content_bytes, b'v');
    stream.extend_from_slice(tail.as_bytes());
    let (mut parser, mut batch, mut buffer) = (Parser::new(), Batch::new(), Vec::new());
    let mut calls = 0;
    for piece in stream.chunks(piece_bytes) {
        assert!(batch.is_empty(), "the request was complete before its end");
        let arrived = buffer.len();
        buffer.extend_from_slice(piece);
        parser.parse(&buffer, &Limits::DEFAULT, &mut batch).expect("the stream is a request");
        if parser.wanted_bytes() > 0 {
            assert!(parser.wanted_bytes() > buffer.len());
            buffer[arrived..].fill(b'\n');
        }
        calls += 1;
    }
    assert_eq!(calls, stream.len().div_ceil(piece_bytes));
    assert_eq!((batch.len(), batch.consumed()), (1, stream.len()));
    batch.request(0, &buffer).iter().map(<[u8]>::len).collect()
}

#[test]
fn no_byte_of_a_bulk_is_looked_at_twice() {
    let size = 1_000_000;
    let head = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${size}\r\n");
    for piece_bytes in [1, 16_384, size / 100] {
        assert_eq!(parse_overwriting(&head, size, "\r\n", piece_bytes), [3, 1, size]);
    }
}

/// What was searched for the end of an inline command is overwritten with ends of lines: they are not found.
#[test]
fn no_byte_of_a_line_is_searched_twice() {
    let (mut parser, mut batch, mut line) = (Parser::new(), Batch::new(), Vec::new());
    for _ in 0..10_000 {
        line.extend_from_slice(b"word");
        parser.parse(&line, &Limits::DEFAULT, &mut batch).unwrap();
        assert_eq!((batch.len(), batch.consumed()), (0, 0));
        line.fill(b'\n');
    }
    line.extend_from_slice(b"PING\n");
    parser.parse(&line, &Limits::DEFAULT, &mut batch).unwrap();
    assert_eq!((batch.len(), batch.consumed()), (1, line.len()));
    assert_eq!(batch.request(0, &line).get(0), b"PING");
}

/// The words of a large request are not moved from call to call either, or this would take minutes.
#[test]
fn many_words_in_small_pieces() {
    let count = 100_000;
    let head = format!("*{}\r\n{}$10\r\n", count + 1, "$1\r\nk\r\n".repeat(count));
    let lengths = parse_overwriting(&head, 10, "\r\n", 3);
    assert_eq!(lengths.len(), count + 1);
    assert!(lengths.iter().take(count).all(|&length| length == 1));
}

#[test]
fn wanted_bytes_tell_how_much_to_read() {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let input = b"PING\r\n*2\r\n$4\r\nECHO\r\n$1000000\r\nv";
    assert_eq!(parser.wanted_bytes(), 0);
    parser.parse(input, &Limits::DEFAULT, &mut batch).unwrap();
    assert_eq!(batch.consumed(), 6);
    // From the start of the unfinished request: its headers, the word, the bulk and its CR LF.
    assert_eq!(parser.wanted_bytes(), 4 + 10 + 10 + 1_000_000 + 2);
    let mut rest = input[6..].to_vec();
    rest.resize(parser.wanted_bytes(), b'v');
    parser.parse(&rest, &Limits::DEFAULT, &mut batch).unwrap();
    assert_eq!((batch.len(), parser.wanted_bytes()), (1, 0));
}

/// One batch serves many connections: what is unfinished stays with each parser.
#[test]
fn connections_share_a_batch() {
    let mut batch = Batch::new();
    let stream = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n";
    let mut connections: Vec<(Parser, usize)> = (0..stream.len()).map(|read| (Parser::new(), read)).collect();
    for (parser, read) in &mut connections {
        parser.parse(&stream[..*read], &Limits::DEFAULT, &mut batch).unwrap();
        *read = batch.consumed();
    }
    for (parser, consumed) in &mut connections {
        let rest = &stream[*consumed..];
        parser.parse(rest, &Limits::DEFAULT, &mut batch).unwrap();
        assert_eq!(batch.len(), if *consumed == 0 { 2 } else { 1 });
        assert_eq!(batch.request(batch.len() - 1, rest).get(0), b"PING");
        assert_eq!(batch.consumed(), rest.len());
    }
}

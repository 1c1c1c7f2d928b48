//! Both sides of a conversation without a socket: a client encodes a pipeline, a server of two commands answers it
//! as the bytes arrive, and the client decodes the replies.

use std::io::Write;

use spinel_resp::reply::{Protocol, ReplyWriter};
use spinel_resp::request::{Batch, Limits, Parser, Words};
use spinel_resp::value::{Decoder, Value, encode_request};

fn answer(words: Words<'_>, reply: &mut ReplyWriter) {
    match (words.get(0), words.len()) {
        (b"HELLO", 2) => {
            reply.set_protocol(Protocol::Resp3);
            reply.map(1);
            reply.bulk(b"proto");
            reply.integer(3);
        }
        (b"LENGTHS", _) => {
            reply.array(words.len() - 1);
            words.iter().skip(1).for_each(|word| reply.integer(word.len() as i64));
        }
        _ => reply.error("ERR unknown command"),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Bulk(text) | Value::Simple(text) | Value::Error(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Value::Integer(number) => number.to_string(),
        Value::Array(values) => format!("[{}]", values.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Value, Value)| format!("{} = {}", show(key), show(value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut pipeline = Vec::new();
    encode_request(["HELLO", "3"], &mut pipeline);
    encode_request(["LENGTHS", "one", "three", ""], &mut pipeline);
    pipeline.extend_from_slice(b"NONSENSE \"in line\"\r\n");

    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let mut reply = ReplyWriter::new(Protocol::Resp2);
    let mut input = Vec::new();
    for piece in pipeline.chunks(10) {
        input.extend_from_slice(piece);
        parser.parse(&input, &Limits::DEFAULT, &mut batch)?;
        batch.requests(&input).for_each(|words| answer(words, &mut reply));
        input.drain(..batch.consumed());
    }

    let mut output = std::io::stdout().lock();
    let mut decoder = Decoder::new();
    let mut rest = reply.bytes();
    while let (consumed, Some(value)) = decoder.decode(rest)? {
        writeln!(output, "{}", show(&value))?;
        rest = &rest[consumed..];
    }
    Ok(())
}

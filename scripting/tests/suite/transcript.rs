//! Transcripts: commands, and what a real server replied to them. The format is that of `tests/transcripts` at the
//! root of the repository, and `cargo xtask record FILE` fills in the replies; here only what scripts need is read.

use std::fs;
use std::path::Path;

/// A command and the bytes of its reply.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) expected: Vec<u8>,
}

/// Steps that start with nothing.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) steps: Vec<Step>,
}

/// Reads a transcript.
pub(crate) fn read(name: &str) -> Vec<Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
    let text = fs::read_to_string(path).unwrap();
    let mut sections: Vec<Section> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), steps: Vec::new() });
        } else if let Some(reply) = line.strip_prefix("  ") {
            let step = sections.last_mut().unwrap().steps.last_mut().unwrap();
            step.expected.extend(encode(reply.trim_start()));
        } else if !line.is_empty() && !line.starts_with('#') {
            let step = Step { line: index + 1, words: words(line), expected: Vec::new() };
            sections.last_mut().unwrap().steps.push(step);
        }
    }
    sections
}

/// One line of a reply as bytes of the protocol.
fn encode(line: &str) -> Vec<u8> {
    let (marker, payload) = line.split_at(1);
    let is_sized = matches!(marker, "$" | "=" | "!") && !payload.starts_with('-');
    let payload = if payload.starts_with(" \"") { words(payload).remove(0) } else { payload.into() };
    let mut bytes = marker.as_bytes().to_vec();
    if is_sized {
        bytes.extend(format!("{}\r\n", payload.len()).bytes());
    }
    bytes.extend(payload);
    bytes.extend(b"\r\n");
    bytes
}

/// Splits a line into words, quoted as in redis-cli.
pub(crate) fn words(line: &str) -> Vec<Vec<u8>> {
    let mut bytes = line.bytes().peekable();
    let mut words = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' => {}
            b'"' | b'\'' => words.push(quoted(byte, &mut bytes)),
            first => {
                let mut word = vec![first];
                while let Some(byte) = bytes.next_if(|&byte| byte != b' ') {
                    word.push(byte);
                }
                words.push(word);
            }
        }
    }
    words
}

fn quoted(quote: u8, bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Vec<u8> {
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            _ if byte == quote => break,
            b'\\' if quote == b'"' => word.push(escaped(bytes)),
            b'\\' if bytes.peek() == Some(&b'\'') => word.extend(bytes.next()),
            byte => word.push(byte),
        }
    }
    word
}

fn escaped(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> u8 {
    match bytes.next().unwrap() {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        b'x' => {
            let digits: String =
                [bytes.next().unwrap(), bytes.next().unwrap()].map(char::from).iter().collect();
            u8::from_str_radix(&digits, 16).unwrap()
        }
        other => other,
    }
}

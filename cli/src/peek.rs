//! `peek KEY`: what a key is, how large, for how long, and a sample of what it holds.
//!
//! It asks for a few elements only, however large the key is.

use crate::format::{text, write_quoted};
use crate::progress::human_bytes;
use crate::session::{Session, SessionError};
use spinel_resp::value::Value;
use std::fmt;

/// How many elements are shown.
const SAMPLE: &str = "10";

/// How many bytes of a string are shown.
const SAMPLE_BYTES: usize = 200;

/// How a type of keys is looked at.
struct Look {
    /// As `TYPE` says it.
    name: &'static str,
    /// The command that counts the elements.
    counter: &'static str,
    /// What the elements are called.
    unit: &'static str,
    /// The command whose reply is a sample, in which KEY stands for the key.
    sample: &'static [&'static str],
    /// How many elements of the reply make one line.
    elements_per_line: usize,
}

const LOOKS: [Look; 6] = [
    Look {
        name: "string",
        counter: "STRLEN",
        unit: "bytes",
        sample: &["GETRANGE", "KEY", "0", "199"],
        elements_per_line: 1,
    },
    Look {
        name: "list",
        counter: "LLEN",
        unit: "items",
        sample: &["LRANGE", "KEY", "0", "9"],
        elements_per_line: 1,
    },
    Look {
        name: "set",
        counter: "SCARD",
        unit: "members",
        sample: &["SSCAN", "KEY", "0", "COUNT", SAMPLE],
        elements_per_line: 1,
    },
    Look {
        name: "hash",
        counter: "HLEN",
        unit: "fields",
        sample: &["HSCAN", "KEY", "0", "COUNT", SAMPLE],
        elements_per_line: 2,
    },
    Look {
        name: "zset",
        counter: "ZCARD",
        unit: "members",
        sample: &["ZRANGE", "KEY", "0", "9", "WITHSCORES"],
        elements_per_line: 2,
    },
    Look {
        name: "stream",
        counter: "XLEN",
        unit: "entries",
        sample: &["XREVRANGE", "KEY", "+", "-", "COUNT", SAMPLE],
        elements_per_line: 1,
    },
];

/// What is to be seen of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Sight {
    /// Lines that describe it.
    Key(String),
    /// There is no such key.
    Nothing,
    /// The server does not let it be looked at.
    Refused(String),
}

impl fmt::Display for Sight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(lines) => formatter.write_str(lines),
            Self::Nothing => formatter.write_str("no such key\n"),
            Self::Refused(error) => writeln!(formatter, "(error) {error}"),
        }
    }
}

/// The key that a command of ours, `peek KEY`, looks at; nothing if it is another command.
pub fn peeked(words: &[Vec<u8>]) -> Option<&[u8]> {
    match words {
        [name, key] if name.eq_ignore_ascii_case(b"peek") => Some(key),
        _ => None,
    }
}

/// Describes `key`.
pub fn peek(session: &mut Session, key: &[u8]) -> Result<Sight, SessionError> {
    let kind = session.ask(&[b"TYPE", key])?;
    if let Value::Error(message) = &kind {
        return Ok(Sight::Refused(String::from_utf8_lossy(message).into_owned()));
    }
    let kind = text_of(&kind);
    if kind == "none" {
        return Ok(Sight::Nothing);
    }
    let encoding = session.ask(&[b"OBJECT", b"ENCODING".as_slice(), key])?;
    let mut lines = vec![row("key", &quoted(key)), row("type", &format!("{kind} ({})", text_of(&encoding)))];
    let look = LOOKS.iter().find(|look| look.name == kind);
    if let Some(look) = look
        && let Value::Integer(count) = session.ask(&[look.counter.as_bytes(), key])?
    {
        lines.push(row("size", &format!("{count} {}", look.unit)));
    }
    if let Value::Integer(bytes) = session.ask(&[b"MEMORY", b"USAGE".as_slice(), key])? {
        lines.push(row("memory", &human_bytes(bytes.unsigned_abs())));
    }
    if let Value::Integer(milliseconds) = session.ask(&[b"PTTL", key])? {
        lines.push(row("expires", &expiry(milliseconds)));
    }
    if let Some(look) = look {
        let words: Vec<&[u8]> =
            look.sample.iter().map(|word| if *word == "KEY" { key } else { word.as_bytes() }).collect();
        let sample = session.ask(&words)?;
        for (index, line) in sample_lines(&sample, look.elements_per_line).iter().enumerate() {
            lines.push(row(if index == 0 { "sample" } else { "" }, line));
        }
    }
    Ok(Sight::Key(lines.concat()))
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<8} {value}\n")
}

fn expiry(milliseconds: i64) -> String {
    match milliseconds {
        -1 => "never".to_owned(),
        // Gone while it was looked at.
        -2 => "now".to_owned(),
        left => format!("in {:.1} s", left as f64 / 1000.0),
    }
}

/// One line for each element of a sample, or each pair of elements.
fn sample_lines(sample: &Value, elements_per_line: usize) -> Vec<String> {
    let most = SAMPLE.parse().unwrap_or(usize::MAX);
    match sample {
        // What scans of a collection answer: a cursor first.
        Value::Array(parts) if matches!(parts.as_slice(), [Value::Bulk(_), Value::Array(_)]) => {
            sample_lines(&parts[1], elements_per_line)
        }
        // RESP3 has pairs as they are.
        Value::Array(elements)
            if elements_per_line == 2 && matches!(elements.first(), Some(Value::Array(_))) =>
        {
            elements.iter().take(most).flat_map(|pair| sample_lines(pair, 2)).collect()
        }
        Value::Array(elements) => elements
            .chunks(elements_per_line)
            .take(most)
            .map(|chunk| chunk.iter().map(joined).collect::<Vec<_>>().join(" => "))
            .collect(),
        Value::Map(pairs) => pairs
            .iter()
            .take(most)
            .map(|(key, value)| format!("{} => {}", joined(key), joined(value)))
            .collect(),
        other => vec![joined(other)],
    }
}

/// A value in one line.
fn joined(value: &Value) -> String {
    match value {
        Value::Array(elements) => elements.iter().map(joined).collect::<Vec<_>>().join(" "),
        Value::Integer(number) => number.to_string(),
        Value::Double(double) => double.text().to_owned(),
        other => {
            let bytes = text(other).unwrap_or_default();
            let shown = &bytes[..bytes.len().min(SAMPLE_BYTES)];
            let more = if shown.len() < bytes.len() { "…" } else { "" };
            format!("{}{more}", quoted(shown))
        }
    }
}

fn text_of(reply: &Value) -> String {
    String::from_utf8_lossy(text(reply).unwrap_or_default()).into_owned()
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write_quoted(bytes, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[test]
    fn samples_are_lines_in_both_protocols() {
        let flat = Value::Array(vec![bulk("a"), bulk("1"), bulk("b"), bulk("2")]);
        assert_eq!(sample_lines(&flat, 2), ["\"a\" => \"1\"", "\"b\" => \"2\""]);
        assert_eq!(sample_lines(&Value::Array(vec![bulk("0"), flat.clone()]), 1).len(), 4);
        let pair = Value::Array(vec![bulk("a"), Value::Integer(1)]);
        assert_eq!(sample_lines(&Value::Array(vec![pair]), 2), ["\"a\" => 1"]);
        assert_eq!(sample_lines(&bulk("text"), 1), ["\"text\""]);
        assert_eq!(sample_lines(&Value::Array((0..50).map(Value::Integer).collect()), 1).len(), 10);
        assert!(sample_lines(&bulk(&"x".repeat(300)), 1)[0].ends_with("\"…"));
    }

    #[test]
    fn times_are_told_as_people_do() {
        assert_eq!(expiry(-1), "never");
        assert_eq!(expiry(59_250), "in 59.2 s");
    }
}

//! JSON: one value per reply.
//!
//! Two peculiarities are `redis-cli`'s. Bytes above ASCII pass as they are, so the output is UTF-8 only if the data
//! is, unless strings are to be escaped. An error is the word `error`, a colon and its text as a string, which no JSON
//! parser takes for data.

use super::{join, write_quoted};
use spinel_resp::value::Value;

/// How strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strings {
    /// Bytes above ASCII pass.
    AsTheyAre,
    /// What is not printable ASCII becomes an escape of the command line (`\xff`), whose backslash JSON escapes.
    Escaped,
}

/// Appends `value` without an end of line.
pub(super) fn write(value: &Value, strings: Strings, out: &mut Vec<u8>) {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => {
            write_string(text, strings, out);
        }
        Value::Double(double) => out.extend_from_slice(double.text().as_bytes()),
        Value::BigNumber(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Error(message) => {
            out.extend_from_slice(b"error:");
            write_string(message, strings, out);
        }
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Boolean(truth) => out.extend_from_slice(truth.to_string().as_bytes()),
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            out.push(b'[');
            join(elements, out, b",", |element, out| write(element, strings, out));
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            join(pairs, out, b",", |(key, value), out| {
                write_key(key, strings, out);
                out.push(b':');
                write(value, strings, out);
            });
            out.push(b'}');
        }
        Value::Attributed { value, .. } => write(value, strings, out),
        _ => out.extend_from_slice(b"null"),
    }
}

/// JSON's keys are strings: any other key becomes the string of its own JSON.
fn write_key(key: &Value, strings: Strings, out: &mut Vec<u8>) {
    let mut json = Vec::new();
    write(key, strings, &mut json);
    if matches!(json.first(), Some(b'"')) || matches!(key, Value::Error(_)) {
        out.extend_from_slice(&json);
    } else {
        write_escaped(&json, out);
    }
}

fn write_string(bytes: &[u8], strings: Strings, out: &mut Vec<u8>) {
    match strings {
        Strings::AsTheyAre => write_escaped(bytes, out),
        Strings::Escaped => {
            let mut quoted = Vec::new();
            write_quoted(bytes, &mut quoted);
            write_escaped(&quoted[1..quoted.len() - 1], out);
        }
    }
}

/// Appends a JSON string.
pub(crate) fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

//! Comma separated values: one line per reply, nesting flattened.

use super::{join, write_quoted};
use spinel_resp::value::Value;

/// Appends `value` without an end of line.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => write_quoted(text, out),
        Value::Double(double) => out.extend_from_slice(double.text().as_bytes()),
        Value::BigNumber(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Error(message) => {
            out.extend_from_slice(b"ERROR,");
            write_quoted(message, out);
        }
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Boolean(truth) => out.extend_from_slice(truth.to_string().as_bytes()),
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            join(elements, out, b",", write);
        }
        Value::Map(pairs) => join(pairs, out, b",", |(key, value), out| {
            write(key, out);
            out.push(b',');
            write(value, out);
        }),
        Value::Attributed { value, .. } => write(value, out),
        _ => out.extend_from_slice(b"NULL"),
    }
}

//! The format for pipes: nothing quoted, nothing numbered, structure reduced to delimiters.

use super::join;
use spinel_resp::value::Value;

/// Appends `value`, with `between` between elements and a space between the key and the value of a map.
pub(super) fn write(value: &Value, between: &[u8], out: &mut Vec<u8>) {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => out.extend_from_slice(text),
        Value::Double(double) => out.extend_from_slice(double.text().as_bytes()),
        Value::BigNumber(digits) => out.extend_from_slice(digits.as_bytes()),
        // An error ends its line itself, so that it stands out even where the delimiters are something else.
        Value::Error(message) => {
            out.extend_from_slice(message);
            out.push(b'\n');
        }
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Boolean(true) => out.extend_from_slice(b"(true)"),
        Value::Boolean(false) => out.extend_from_slice(b"(false)"),
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            join(elements, out, between, |element, out| write(element, between, out));
        }
        Value::Map(pairs) => join(pairs, out, between, |(key, value), out| {
            write(key, between, out);
            out.push(b' ');
            write(value, between, out);
        }),
        Value::Attributed { value, .. } => write(value, between, out),
        _ => {}
    }
}

//! The format for people.
//!
//! A worked example, a map whose second value is an array:
//!
//! ```text
//! 1# "name" => "list"
//! 2# "args" =>
//!    1) (integer) 1
//!    2) (nil)
//! ```
//!
//! Elements stand under each other, so every line but the first of a reply begins with the width of the numbers of
//! all the replies around it: that width is the `indent` handed down.

use super::write_quoted;
use spinel_resp::value::Value;

/// Appends `value` with its end of line. Lines after the first begin with `indent` spaces.
pub(super) fn write(value: &Value, indent: usize, out: &mut Vec<u8>) {
    match value {
        Value::Array(elements) => write_elements(elements, &ARRAY, indent, out),
        Value::Set(elements) => write_elements(elements, &SET, indent, out),
        Value::Push(elements) => write_elements(elements, &PUSH, indent, out),
        Value::Map(pairs) => write_map(pairs, indent, out),
        Value::Attributed { value, .. } => write(value, indent, out),
        scalar => {
            write_scalar(scalar, out);
            out.push(b'\n');
        }
    }
}

/// How a kind of collection is shown.
struct Collection {
    mark: char,
    empty: &'static str,
}

const ARRAY: Collection = Collection { mark: ')', empty: "(empty array)\n" };
const SET: Collection = Collection { mark: '~', empty: "(empty set)\n" };
const PUSH: Collection = Collection { mark: ')', empty: "(empty push)\n" };
const MAP: Collection = Collection { mark: '#', empty: "(empty hash)\n" };

fn write_elements(elements: &[Value], kind: &Collection, indent: usize, out: &mut Vec<u8>) {
    write_numbered(elements, kind, indent, out, write);
}

fn write_map(pairs: &[(Value, Value)], indent: usize, out: &mut Vec<u8>) {
    write_numbered(pairs, &MAP, indent, out, |(key, value), inner, out| {
        write(key, inner, out);
        out.pop();
        out.extend_from_slice(b" => ");
        if spans_lines(value) {
            out.push(b'\n');
            out.resize(out.len() + inner, b' ');
        }
        write(value, inner, out);
    });
}

fn write_numbered<T>(
    items: &[T],
    kind: &Collection,
    indent: usize,
    out: &mut Vec<u8>,
    mut write_item: impl FnMut(&T, usize, &mut Vec<u8>),
) {
    if items.is_empty() {
        return out.extend_from_slice(kind.empty.as_bytes());
    }
    let width = items.len().to_string().len();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.resize(out.len() + indent, b' ');
        }
        out.extend_from_slice(format!("{:>width$}{} ", index + 1, kind.mark).as_bytes());
        // The number, its mark and a space.
        write_item(item, indent + width + 2, out);
    }
}

/// Whether a map's value begins on a line of its own: only a chain of single elements stays beside its key.
fn spans_lines(value: &Value) -> bool {
    match value {
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => match elements.as_slice() {
            [] => false,
            [only] => spans_lines(only),
            _ => true,
        },
        Value::Map(pairs) => match pairs.as_slice() {
            [] => false,
            [(_, only)] => spans_lines(only),
            _ => true,
        },
        Value::Attributed { value, .. } => spans_lines(value),
        _ => false,
    }
}

fn write_scalar(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Simple(text) | Value::Verbatim { text, .. } => out.extend_from_slice(text),
        Value::Bulk(bytes) => write_quoted(bytes, out),
        Value::Error(message) => tagged("(error)", message, out),
        Value::Integer(number) => tagged("(integer)", number.to_string().as_bytes(), out),
        Value::Double(double) => tagged("(double)", double.text().as_bytes(), out),
        Value::BigNumber(digits) => tagged("(big number)", digits.as_bytes(), out),
        Value::Boolean(true) => out.extend_from_slice(b"(true)"),
        Value::Boolean(false) => out.extend_from_slice(b"(false)"),
        _ => out.extend_from_slice(b"(nil)"),
    }
}

fn tagged(tag: &str, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(tag.as_bytes());
    out.push(b' ');
    out.extend_from_slice(content);
}

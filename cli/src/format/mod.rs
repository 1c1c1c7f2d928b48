//! Replies as text: one file per output format, all of them without I/O.
//!
//! The formats are those of `redis-cli` 8.0, byte for byte, because scripts cut this text apart. Every formatter
//! appends to a buffer, so a reply with a million elements is built once and copied never. Attributes of a reply are
//! not shown.

mod csv;
mod json;
mod raw;
mod standard;
mod table;

#[cfg(test)]
mod tests;

use spinel_resp::value::Value;

/// How replies are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people: types are named, elements numbered, strings quoted.
    Standard,
    /// For pipes: the bytes of the reply with delimiters between them.
    Raw,
    /// One comma separated line per reply, nested replies flattened.
    Csv,
    /// One JSON value per reply.
    Json,
    /// The same in ASCII only: strings are those of [`OutputFormat::Csv`], quoted once more.
    QuotedJson,
    /// Tables for people, what is no collection as in [`OutputFormat::Standard`].
    Table,
}

/// What stands between the parts of raw output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// Between the elements of one reply.
    pub element: Vec<u8>,
    /// After each reply.
    pub reply: Vec<u8>,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { element: b"\n".to_vec(), reply: b"\n".to_vec() }
    }
}

/// Turns replies into the bytes that go to standard output.
#[derive(Clone, Debug)]
pub struct Printer {
    /// The format of everything but the reports that stay as they are.
    pub format: OutputFormat,
    /// Used by [`OutputFormat::Raw`] alone.
    pub delimiters: Delimiters,
}

impl Printer {
    /// Renders the reply to the command `words`, with its end of line.
    pub fn reply(&self, words: &[Vec<u8>], value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        if is_report(words) {
            raw::write(value, &self.delimiters.element, &mut out);
            return out;
        }
        self.write(value, &mut out);
        out
    }

    /// Renders a message the server sent on its own account.
    pub fn push(&self, value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match invalidated_keys(value) {
            Some(keys) if self.format == OutputFormat::Standard => {
                out.extend_from_slice(b"-> invalidate: ");
                out.extend_from_slice(&keys);
                out.push(b'\n');
            }
            _ => self.write(value, &mut out),
        }
        out
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) {
        match self.format {
            OutputFormat::Standard => return standard::write(value, 0, out),
            OutputFormat::Table => return table::write(value, out),
            OutputFormat::Csv => csv::write(value, out),
            OutputFormat::Json => json::write(value, json::Strings::AsTheyAre, out),
            OutputFormat::QuotedJson => json::write(value, json::Strings::Escaped, out),
            OutputFormat::Raw => {
                raw::write(value, &self.delimiters.element, out);
                return out.extend_from_slice(&self.delimiters.reply);
            }
        }
        out.push(b'\n');
    }
}

/// Whether the reply is a text meant to be read as it is, whatever the format: a quoted INFO helps nobody.
fn is_report(words: &[Vec<u8>]) -> bool {
    const WHOLE: [&str; 2] = ["info", "lolwut"];
    const BY_SUBCOMMAND: [(&str, &[&str]); 5] = [
        ("debug", &["htstats", "htstats-key", "client-eviction"]),
        ("memory", &["malloc-stats", "doctor"]),
        ("cluster", &["info", "nodes"]),
        ("client", &["list", "info"]),
        ("latency", &["graph", "doctor"]),
    ];
    let is = |index: usize, name: &str| {
        words.get(index).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };

    WHOLE.iter().any(|name| is(0, name))
        || BY_SUBCOMMAND
            .iter()
            .any(|(name, subcommands)| is(0, name) && subcommands.iter().any(|sub| is(1, sub)))
}

/// The keys of a client-side caching message, quoted and joined; nothing if the message is of another kind.
fn invalidated_keys(value: &Value) -> Option<Vec<u8>> {
    let Value::Push(elements) = value else { return None };
    let [kind, keys] = elements.as_slice() else { return None };
    if text(kind) != Some(b"invalidate") {
        return None;
    }
    let Value::Array(keys) = keys else { return None };
    let quoted: Vec<Vec<u8>> = keys.iter().filter_map(text).map(|key| [b"'", key, b"'"].concat()).collect();
    Some(quoted.join(&b", "[..]))
}

/// The bytes of a reply that is a text of any kind.
pub(crate) fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Error(text) | Value::Verbatim { text, .. } => {
            Some(text)
        }
        _ => None,
    }
}

/// Appends `bytes` in double quotes with everything escaped that a terminal would not show as it is.
///
/// The result is what the command line accepts back as one word.
pub fn write_quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

/// Calls `write` for every item and `between` from the second on.
fn join<T>(items: &[T], out: &mut Vec<u8>, between: &[u8], mut write: impl FnMut(&T, &mut Vec<u8>)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(between);
        }
        write(item, out);
    }
}

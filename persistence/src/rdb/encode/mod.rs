//! Writing files and payloads.

mod collection;
mod extension;
mod http_cache;
mod primitive;
mod stream;

use super::checksum::Checksum;
use super::table::{MAGIC, VERSION, opcode};
use collection::Form;
pub(crate) use extension::{ABOUT_DELAYED, ABOUT_GROUP, ABOUT_PRODUCER, ABOUT_WINDOW, NEVER_ACTIVE};
pub(crate) use primitive::length;
use spinel_types::lzf::Compressor;
use spinel_types::{Str, Value};

/// Whether long strings are compressed, as of `rdbcompression`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// They are written as they are.
    None,
    /// They are compressed where that saves something.
    Lzf,
}

/// How lately or how often a key was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// For so many seconds it was not.
    IdleSeconds(u64),
    /// This often, as a logarithmic counter.
    Frequency(u8),
}

/// What is known of a key beside its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// When it expires, in milliseconds since the epoch.
    pub expiry_ms: Option<i64>,
    /// How lately or how often it was used, if anybody counts.
    pub usage: Option<Usage>,
}

impl Marks {
    #[inline]
    fn write(self, out: &mut Vec<u8>) {
        if let Some(expiry_ms) = self.expiry_ms {
            out.push(opcode::EXPIRY_MS);
            out.extend_from_slice(&expiry_ms.to_le_bytes());
        }
        match self.usage {
            None => {}
            Some(Usage::IdleSeconds(seconds)) => {
                out.push(opcode::IDLE);
                length(seconds, out);
            }
            Some(Usage::Frequency(frequency)) => out.extend_from_slice(&[opcode::FREQUENCY, frequency]),
        }
    }
}

/// Encodes the pieces of a file, each appended to bytes of the caller's.
///
/// A file is [`start`](Encoder::start), fields, [function libraries](Encoder::function), then for each database
/// [its number](Encoder::select_db), [its sizes](Encoder::sizes) and its [keys](Encoder::key), and at last the
/// [end](Encoder::end). Pieces know nothing of each other: several threads may encode keys of one file, each with an
/// encoder of its own.
pub struct Encoder {
    compression: Compression,
    /// With room for what is compressed; made when something long comes first.
    compressor: Option<Box<(Compressor, Vec<u8>)>>,
    reader: http_cache::Reader,
}

impl Encoder {
    /// Makes an encoder. It takes 16 KiB once it has compressed something.
    pub const fn new(compression: Compression) -> Encoder {
        Encoder { compression, compressor: None, reader: http_cache::Reader::Anybody }
    }

    /// Makes one of what the server that writes it will read, and nobody else: what lies in other files of it is named.
    #[must_use]
    pub fn for_itself(self) -> Encoder {
        Encoder { reader: http_cache::Reader::Itself, ..self }
    }

    /// Writes what every file starts with.
    pub fn start(out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(format!("{VERSION:04}").as_bytes());
    }

    /// Writes a field: a name and a text about the file, such as `redis-ver`.
    pub fn aux(&mut self, name: &[u8], text: &[u8], out: &mut Vec<u8>) {
        out.push(opcode::AUX);
        self.string(Str::Text(name), out);
        self.string(Str::Text(text), out);
    }

    /// Writes the code of a function library.
    pub fn function(&mut self, code: &[u8], out: &mut Vec<u8>) {
        out.push(opcode::FUNCTION);
        self.bytes(code, out);
    }

    /// Writes the number of the database of the keys that follow.
    pub fn select_db(db: u16, out: &mut Vec<u8>) {
        out.push(opcode::SELECT_DB);
        length(db.into(), out);
    }

    /// Writes how many keys the database has, and how many of them expire: a reader may make room at once.
    pub fn sizes(keys: u64, expiring: u64, out: &mut Vec<u8>) {
        out.push(opcode::SIZES);
        length(keys, out);
        length(expiring, out);
    }

    /// Writes a key with its value. O(size of the value), without an allocation for small values.
    #[inline]
    pub fn key(&mut self, key: &[u8], value: Value<'_>, marks: Marks, out: &mut Vec<u8>) {
        if let Value::HttpCache(cache) = value {
            return http_cache::key(key, cache, marks, self.reader, out);
        }
        marks.write(out);
        let form = Form::of(value);
        out.push(form.value_type());
        self.string(Str::Text(key), out);
        self.body(form, out);
        extension::write(value, out);
    }

    /// Writes a key to a table, with the size of its value in place of the value, which goes elsewhere.
    #[inline]
    pub(crate) fn key_apart(
        &mut self,
        key: &[u8],
        value: Value<'_>,
        marks: Marks,
        (table, values): (&mut Vec<u8>, &mut Vec<u8>),
    ) {
        marks.write(table);
        let form = Form::of(value);
        table.push(form.value_type());
        self.string(Str::Text(key), table);
        let start = values.len();
        self.body(form, values);
        extension::write(value, values);
        length((values.len() - start) as u64, table);
    }

    /// Writes the end. `before` is the checksum of all that stands before it; without one, the file has none.
    pub fn end(before: Option<Checksum>, out: &mut Vec<u8>) {
        out.push(opcode::END);
        let sum = before.map_or(0, |before| before.followed_by(Checksum::of(&[opcode::END])).value());
        out.extend_from_slice(&sum.to_le_bytes());
    }

    /// Writes a value without a key, as payloads have it, and says which version its form needs.
    pub(crate) fn value(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> u16 {
        let form = Form::of(value);
        out.push(form.value_type());
        self.body(form, out);
        extension::write(value, out);
        form.version()
    }
}

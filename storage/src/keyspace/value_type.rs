//! What the kinds of entries mean: the types of values and the names of their encodings.

use spinel_types::{Entry, StringEncoding};

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// A string, as text or as an integer.
    String,
}

impl ValueType {
    /// The type of an entry's value.
    pub fn of(entry: Entry<'_>) -> ValueType {
        match StringEncoding::from_kind(entry.kind()) {
            Some(_) => ValueType::String,
            None => unreachable!("the keyspace holds no other kind than {}", entry.kind()),
        }
    }

    /// The type's name in replies, as of TYPE.
    pub const fn name(self) -> &'static str {
        match self {
            ValueType::String => "string",
        }
    }

    /// The type's number in dataset digests and snapshot files.
    pub const fn number(self) -> u32 {
        match self {
            ValueType::String => 0,
        }
    }
}

/// The name of an entry's encoding, as of OBJECT ENCODING.
pub fn encoding_name(entry: Entry<'_>) -> &'static str {
    match StringEncoding::from_kind(entry.kind()) {
        Some(StringEncoding::Embedded) => "embstr",
        Some(StringEncoding::Integer) => "int",
        Some(StringEncoding::Raw) => "raw",
        None => unreachable!("the keyspace holds no other kind than {}", entry.kind()),
    }
}

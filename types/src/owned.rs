//! A value on its own, that belongs to no key.

use crate::kind::{Kind, ValueType};
use crate::large::Large;
use crate::listpack;
use crate::string::{Str, StringEncoding};

/// A value on its own, taken from an entry or to be put into one.
pub enum OwnedValue {
    /// A value that lies in its entry.
    Inline {
        /// How it is stored.
        kind: Kind,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A value that hangs off its entry.
    Large(Large),
}

impl OwnedValue {
    /// A string as it is stored.
    pub fn of_string(string: Str<'_>) -> OwnedValue {
        match string {
            Str::Integer(integer) => {
                let kind = Kind::String(StringEncoding::Integer);
                OwnedValue::Inline { kind, bytes: integer.to_le_bytes().to_vec() }
            }
            Str::Text(text) => {
                let kind = Kind::String(StringEncoding::of_text(text.len()));
                OwnedValue::Inline { kind, bytes: text.to_vec() }
            }
        }
    }

    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        match self {
            OwnedValue::Inline { kind, .. } => kind.value_type(),
            OwnedValue::Large(large) => large.value_type(),
        }
    }

    /// Makes a second value with the same contents, which shares memory with this one; see [`Large::share`].
    pub fn share(&mut self) -> OwnedValue {
        match self {
            OwnedValue::Inline { kind, bytes } => OwnedValue::Inline { kind: *kind, bytes: bytes.clone() },
            OwnedValue::Large(large) => OwnedValue::Large(large.share()),
        }
    }

    /// Whether this is a collection without anything in it.
    pub fn is_empty(&self) -> bool {
        match self {
            OwnedValue::Inline { kind, bytes } => is_emptied(*kind, bytes),
            OwnedValue::Large(large) => large.is_empty(),
        }
    }
}

/// Whether the bytes of a compact collection say that nothing is in it.
pub(crate) fn is_emptied(kind: Kind, bytes: &[u8]) -> bool {
    match kind {
        Kind::String(_) => false,
        Kind::IntSet => bytes[4..8] == [0; 4],
        // A listpack that was very long does not count its elements any more.
        _ => bytes.len() == listpack::EMPTY.len(),
    }
}

//! Entries of HTTP caches, which nobody else can have.
//!
//! ```text
//! in a file        spinel-httpcache   marks as before any key, type u8, key
//!                  spinel-variant     a variant                                  one field for each
//! anywhere else    variants: { length, a variant }                               as the value of a key
//! ```
//!
//! A file may go to another server, which passes over fields that it doesn't know: so it gets all keys but these. Variants are
//! bytes as `spinel_types::http_cache` encodes them. What a server writes for itself names bodies that are in files of it; else they
//! are read, and a variant whose body is lost is left out.

use super::Marks;
use super::extension::field;
use super::primitive::{length, raw};
use crate::rdb::table::{extension, value_type};
use spinel_types::HttpCache;
use spinel_types::http_cache::Variant;

/// For whom something is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The server that writes it.
    Itself,
    Anybody,
}

/// Writes a key of a file.
pub(super) fn key(key: &[u8], cache: &HttpCache, marks: Marks, reader: Reader, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    marks.write(&mut text);
    text.push(value_type::HTTP_CACHE);
    raw(key, &mut text);
    field(extension::HTTP_CACHE, &text, out);
    for variant in cache.variants() {
        text.clear();
        if encode(variant, reader, &mut text) {
            field(extension::VARIANT, &text, out);
        }
    }
}

/// Writes a value without its key.
pub(super) fn body(cache: &HttpCache, reader: Reader, out: &mut Vec<u8>) {
    let (mut texts, mut count, mut text) = (Vec::new(), 0, Vec::new());
    for variant in cache.variants() {
        text.clear();
        if encode(variant, reader, &mut text) {
            raw(&text, &mut texts);
            count += 1;
        }
    }
    length(count, out);
    out.extend_from_slice(&texts);
}

/// Appends a variant; whether it is not lost.
fn encode(variant: &Variant, reader: Reader, out: &mut Vec<u8>) -> bool {
    match reader {
        Reader::Itself => {
            variant.encode_for_itself(out);
            true
        }
        Reader::Anybody => variant.encode(out).is_ok(),
    }
}

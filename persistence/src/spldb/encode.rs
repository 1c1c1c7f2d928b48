//! Writing: keys become parts, on any number of threads, and parts become a file.

use super::archive::{ColumnEntry, PartEntry};
use super::block::Press;
use super::layout::{Coding, Footer, HEADER_BYTES, Kind, header};
use crate::rdb::{Compression, Encoder, Marks, length};
use spinel_types::Value;

/// A part is closed when its table and its values have grown to this: twice what the compressor looks back, and little
/// enough that whoever wants one value need not read much.
const PART_BYTES: usize = 128 << 10;

/// Encodes keys as parts.
///
/// Parts know nothing of each other: several threads may encode parts of one file, each with an encoder of its own.
pub struct PartEncoder {
    values_encoder: Encoder,
    press: Press,
    database: u16,
    table: Vec<u8>,
    values: Vec<u8>,
    keys: u64,
    expiring: u64,
}

/// Some keys of one database, encoded.
pub struct Part {
    /// As they stand in the file.
    pub bytes: Vec<u8>,
    entry: PartEntry,
}

impl PartEncoder {
    /// Makes an encoder. It takes some hundred KiB, and as much as the largest value takes twice.
    pub fn new(coding: Coding) -> PartEncoder {
        PartEncoder {
            // What repeats is found by the compressor of blocks.
            values_encoder: Encoder::new(Compression::None).for_itself(),
            press: Press::new(coding),
            database: 0,
            table: Vec::with_capacity(PART_BYTES),
            values: Vec::with_capacity(PART_BYTES),
            keys: 0,
            expiring: 0,
        }
    }

    /// Says to which database the keys belong that follow; at first it is 0. If there are keys of another one, they are
    /// a part.
    #[inline]
    #[must_use]
    pub fn select(&mut self, database: u16) -> Option<Part> {
        if self.database == database {
            return None;
        }
        let part = self.finish();
        self.database = database;
        part
    }

    /// Takes a key. O(size of the value). If there are enough now, they are a part.
    #[inline]
    #[must_use]
    pub fn key(&mut self, key: &[u8], value: Value<'_>, marks: Marks) -> Option<Part> {
        self.values_encoder.key_apart(key, value, marks, (&mut self.table, &mut self.values));
        self.keys += 1;
        self.expiring += u64::from(marks.expiry_ms.is_some());
        if self.table.len() + self.values.len() < PART_BYTES { None } else { self.finish() }
    }

    /// Makes a part of all keys that are left, if there are any.
    #[must_use]
    pub fn finish(&mut self) -> Option<Part> {
        if self.keys == 0 {
            return None;
        }
        let (database, mut bytes) = (self.database, Vec::with_capacity(PART_BYTES));
        let table_checksum = self.press.column((Kind::Table, database), &self.table, &mut bytes);
        let table = ColumnEntry { bytes: bytes.len() as u64, checksum: table_checksum.value() };
        let values_checksum = self.press.column((Kind::Values, database), &self.values, &mut bytes);
        let values =
            ColumnEntry { bytes: bytes.len() as u64 - table.bytes, checksum: values_checksum.value() };
        let entry = PartEntry { database, keys: self.keys, expiring: self.expiring, table, values };
        (self.keys, self.expiring) = (0, 0);
        for column in [&mut self.table, &mut self.values] {
            column.clear();
            // One large value need not take its memory to the end.
            column.shrink_to(2 * PART_BYTES);
        }
        Some(Part { bytes, entry })
    }
}

/// Puts a file together: says what stands around its parts.
///
/// A file is what [`begin`](Assembly::begin) gives, the bytes of each part that was [added](Assembly::add), in that
/// order, and what [`end`](Assembly::end) gives.
pub struct Assembly {
    press: Press,
    /// Where the next part lies.
    offset: u64,
    keys: u64,
    /// The content of the root so far: some 30 bytes per part.
    root: Vec<u8>,
}

impl Assembly {
    /// Begins a file: appends what stands before the parts. `notes` are [fields](Encoder::aux) and
    /// [function libraries](Encoder::function), one behind the other.
    pub fn begin(coding: Coding, notes: &[u8], out: &mut Vec<u8>) -> Assembly {
        let start = out.len();
        out.extend_from_slice(&header());
        let mut press = Press::new(coding);
        let checksum = press.column((Kind::Notes, 0), notes, out);
        let offset = (out.len() - start) as u64;
        let mut root = Vec::new();
        ColumnEntry { bytes: offset - HEADER_BYTES as u64, checksum: checksum.value() }.write(&mut root);
        Assembly { press, offset, keys: 0, root }
    }

    /// Notes a part, whose bytes come next in the file.
    pub fn add(&mut self, part: &Part) {
        debug_assert_eq!(part.entry.table.bytes + part.entry.values.bytes, part.bytes.len() as u64);
        part.entry.write(&mut self.root);
        self.offset += part.bytes.len() as u64;
        self.keys += part.entry.keys;
    }

    /// Ends the file: appends what stands behind the parts.
    pub fn end(mut self, out: &mut Vec<u8>) {
        let checksum = self.press.column((Kind::Root, 0), &self.root, out);
        let footer = Footer { root_offset: self.offset, keys: self.keys, root_checksum: checksum.value() };
        out.extend_from_slice(&footer.bytes());
    }
}

impl ColumnEntry {
    pub(super) fn write(self, root: &mut Vec<u8>) {
        length(self.bytes, root);
        root.extend_from_slice(&self.checksum.to_le_bytes());
    }
}

impl PartEntry {
    pub(super) fn write(self, root: &mut Vec<u8>) {
        length(self.database.into(), root);
        length(self.keys, root);
        length(self.expiring, root);
        self.table.write(root);
        self.values.write(root);
    }
}

//! Our own snapshot files, `.spldb`: written and loaded by all cores, checked block by block, with an index.
//!
//! ```text
//! ┌────────┬───────┬──────────────────────┬──────────────────────┬───┬──────┬────────┐
//! │ header │ notes │ part                 │ part                 │ … │ root │ footer │
//! │ 16     │ block │ table      values    │ table      values    │   │ block│ 40     │
//! └────────┴───────┴──────────────────────┴──────────────────────┴───┴──────┴────────┘
//!                  ▲                                              │   ▲   │
//!                  └───── where each part lies, with checksums ───┼───┘   │
//!                                                                 └───────┘ where the root begins
//! ```
//!
//! A **part** has some thousand keys of one database, in no order. Its **table** says of each key how its value is
//! encoded, when it expires, what it is called and how many bytes its value takes; its **values** follow each other in the
//! same order. So the tables of all parts are the index of the file: they tell all about the keys and where each value
//! lies, and take no room that the keys would not take anyway. Whoever opens a file may read only those.
//!
//! **Notes** are fields about the file and function libraries. The **root** lists the parts. All four are columns of
//! blocks, one block usually: a **block** has at most a mebibyte of content and is compressed and checked on its own.
//!
//! All numbers are little-endian but *lengths*, which are written as in RDB files (`rdb/encode/primitive.rs`), in 1, 2, 5
//! or 9 bytes. Byte by byte:
//!
//! ```text
//! header   0  "SPINELDB"      8  version u32 = 1     12  zero u32
//! block    0  kind u8         1 notes, 2 table, 3 values, 4 root
//!          1  coding u8       0 stored, 1 LZ4 block
//!          2  database u16    0 in notes and root
//!          4  stored u32      bytes behind the head     8  content u32     bytes that they become, 1 to 1048576
//!         12  checksum u64    CRC-64 of the 12 bytes before it and of the bytes behind it
//!         20  stored bytes
//! footer   0  root offset u64       8  keys u64      16  checksum of the root's blocks u64
//!         24  checksum u64 of the 24 bytes before    32  "SPLDBEND"
//!
//! notes    250 name text, 245 code                               as in RDB files
//! table    [252 expiry i64] [248 idle | 249 frequency] type key size      as in RDB files but for the size, a length
//! values   value [field of our own] …                            as in RDB files
//! root     bytes checksum                                        of the notes' blocks
//!          { database keys expiring, bytes checksum of the table's blocks, bytes checksum of the values' blocks } …
//! ```
//!
//! Checksums of several blocks are joined, without the checksums that stand in their heads. In the root, checksums are u64
//! and all else is lengths. Parts lie one behind the other without a gap, so that nothing in the file is unaccounted for.

mod archive;
mod block;
mod column;
mod encode;
mod layout;
mod part;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Note, PartEntry, is_archive};
pub use encode::{Assembly, Part, PartEncoder};
pub use layout::{Coding, MAGIC};
pub use part::PartReader;

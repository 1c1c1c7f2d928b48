//! Files of one body each, of answers in an HTTP cache.
//!
//! ```text
//! folder/ ─ lock                              one process at a time
//!         └ ab/ ─ cd/ ─ abcd….body            32 hexadecimal digits: the body's number
//!                     └ abcd….part            one that was being written
//! file    0  body
//!         …  key                              under which it was stored first
//!   end −56  "SPBODY02"
//!       −48  number u128                      little-endian, as all numbers
//!       −32  length u64                       of the body
//!       −24  checksum u64                     CRC-64 of the body
//!       −16  database u16   −14  zero u16   −12  length of the key u32
//!        −8  checksum u64                     CRC-64 of what stands before it in these 56 bytes, and of the key
//! ```
//!
//! What is said of the body stands behind it, because it may be written while it comes: then it is known at the end how long it is.
//!
//! A file never changes: it is written under another name, made durable, and renamed. So what has its last name is whole, unless
//! the disk has damaged it, which the checksums tell.

mod folder;
mod layout;
#[cfg(test)]
mod tests;

pub use folder::{Draft, Folder, Form, StoredBody};
pub use layout::{FOOTER_BYTES, Head, file_bytes};

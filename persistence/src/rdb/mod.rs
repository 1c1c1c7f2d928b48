//! The format of Redis's snapshot files, and of the payloads of DUMP.
//!
//! ```text
//! REDIS0010                            magic and version
//! 250 name text …                      fields about the file
//! 245 code …                           function libraries
//! 254 number, 251 keys expiring        a database
//!     [252 expiry] [248 idle | 249 frequency] type key value [250 field of our own] …
//! 255 checksum
//! ```
//!
//! Written is version 10, which every server from Redis 7.0 on reads; read is all that Redis up to 8 and Valkey up to
//! 9 write. What version 10 can't say of a value stands behind it in fields that others skip.

mod checksum;
pub(crate) mod decode;
mod encode;
mod fault;
pub(crate) mod table;

pub use checksum::Checksum;
pub use decode::{Decoded, Forms, Item, Reader, Record, Verification};
pub(crate) use encode::length;
pub use encode::{Compression, Encoder, Marks, Usage};
pub use fault::{Fault, ReadError};
pub use table::VERSION;

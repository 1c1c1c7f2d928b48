//! What SpinelDB writes to disk and reads back.
//!
//! This crate must not know commands, keyspaces or runtimes: whoever has a data set hands its values in, and gets
//! values and the bytes of commands out.

pub mod bodies;
pub mod dump;
pub mod log;
pub mod rdb;
pub mod spldb;
mod stream_place;
pub mod vfs;

pub use stream_place::{StreamFields, StreamPlace};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

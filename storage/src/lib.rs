//! The SpinelDB engine: keys and values, every data command, expiry and the journal of writes.
//!
//! It must not know sockets, async runtimes, sessions or server settings, and never asks for the time or for
//! chance by itself: a [`Clock`] and seeds come in from outside.
//!
//! ```
//! use spinel_storage::Db;
//!
//! let db = Db::memory();
//! db.set("greeting", "hello", &Default::default())?;
//! assert_eq!(db.get("greeting")?.as_deref(), Some(&b"hello"[..]));
//! assert_eq!(db.execute(["INCR", "visits"])?, spinel_storage::Value::Integer(1));
//! # Ok::<(), spinel_storage::Error>(())
//! ```
//!
//! [`Db::open`] keeps the data in a directory, in the files that the server writes.
//!
//! Start reading at [`engine`] (how a command runs), then [`keyspace`] (what it runs on), [`commands`], and [`durable`] (what of
//! it is on disk).

pub mod bodies;
pub mod command;
pub mod commands;
pub mod db;
pub mod durable;
pub mod engine;
pub mod entropy;
pub mod error;
mod extended;
pub mod keyspace;
pub mod pattern;
pub mod system;
pub mod time;

pub use db::{Db, Durability, OpenOptions, Recovery, SetOptions, TimeToLive};
pub use durable::{OpenError, SaveError};
pub use engine::snapshot::{Snapshot, SnapshotCancelled, SnapshotEntry, SnapshotRunning, SnapshotVisitor};
pub use engine::{Engine, EngineOptions, Executor};
pub use error::Error;
pub use keyspace::DbIndex;
pub use spinel_resp::Value;
pub use time::{Clock, UnixMillis};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also what somebody held who panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The digest of a string's value, as the command `DIGEST` replies it in hexadecimal digits.
pub fn digest(value: &[u8]) -> u64 {
    spinel_types::xxh3::hash(value)
}

/// The Redis release whose behaviour may be counted on; the reasons are in `docs/design/redis-version.md`.
pub const REDIS_VERSION: &str = "8.0.0";

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

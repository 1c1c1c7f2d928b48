//! Redis replication without sockets.
//!
//! ```text
//! journal ─→ Primary: backlog ─→ a replica's connection ─→ Link ─→ engine
//! ```
//!
//! A primary's writes are one stream of bytes, known by a [`History`]: a name, and an offset that counts bytes. A
//! [`Spool`] keeps the end of it, so that a replica that was away for a moment can go on where it was.
//!
//! Everything here is told the time and what has come, and says what is to be done. That makes it testable in one thread,
//! with losses and delays of any kind.

mod history;
mod link;
mod primary;
mod spool;

pub use history::{History, Previous, ReplicationId};
pub use link::{Action, Credentials, Failure, Handover, Link, LinkOptions, LinkStatus, Note, Position};
pub use primary::{Answer, Asked, Phase, Primary, Replica};
pub use spool::{Missing, Spill, Spool};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

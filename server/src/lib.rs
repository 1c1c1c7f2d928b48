//! The SpinelDB server: sockets, sessions, settings and everything around the engine.
//!
//! ```text
//! acceptor ─→ worker threads ─→ connections ─→ session ─→ engine
//! ```
//!
//! Each worker is a thread with its own single-threaded runtime; a connection stays with the worker that was
//! least loaded when it came. A command runs on the thread that read it.
//!
//! Start reading at [`server`], then `worker`, `connection` and `session`.

mod commands;
mod connection;
pub mod server;
mod session;
mod worker;

pub use server::{Server, ServerOptions};

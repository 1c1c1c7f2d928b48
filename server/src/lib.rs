//! The SpinelDB server: sockets, sessions, settings and everything around the engine.
//!
//! ```text
//! acceptor ─→ worker threads ─→ connections ─→ session ─→ engine
//! ```
//!
//! Each worker is a thread with its own single-threaded runtime; a connection stays with the worker that was
//! least loaded when it came. A command runs on the thread that read it.
//!
//! This crate must not know how keys and values lie in memory, nor what a data command does: it finds the command
//! and lets the engine run it. The program is one call:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     spinel_server::program::run(std::env::args_os().skip(1))
//! }
//! ```
//!
//! Start reading at [`program`], then [`server`], `worker`, `connection` and `session`.

mod acceptor;
mod acl;
mod admission;
mod allocator;
mod attention;
mod audit;
mod base64;
mod cache;
mod clients;
mod command_log;
mod commands;
pub mod config;
mod connection;
mod container;
mod encodings;
mod eviction;
mod expiry;
mod files;
mod hotkeys;
mod http;
mod info;
mod lane;
mod latency;
mod listen;
mod log;
mod manual;
mod memory;
mod memory_limit;
mod monitors;
mod observation;
mod orders;
mod persistence;
pub mod program;
mod pubsub;
mod quorum;
mod quotas;
mod redaction;
mod replication;
mod residence;
mod scripts;
pub mod server;
mod session;
mod settle;
mod statistics;
mod stream;
mod supervision;
mod survey;
mod telemetry;
mod tls;
mod tokens;
mod tracking;
mod transaction;
mod upkeep;
mod version;
mod window;
mod worker;

pub use config::{Config, ConfigError};
pub use server::{Server, StartError};

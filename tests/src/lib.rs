//! What the end-to-end tests of SpinelDB are made with: the programs as they are built, running servers, a client
//! that sees every byte, transcripts, certificates.
//!
//! It must not know what is inside the programs: everything here goes through processes and sockets. The tests
//! are in `tests/end_to_end`.
//!
//! ```no_run
//! use spinel_tests::{Client, Server};
//!
//! let server = Server::start(&["--maxclients", "10"]);
//! let mut client = Client::connect(server.port());
//! assert_eq!(client.text(["PING"]), "PONG");
//! ```
//!
//! Start reading at [`Server`], then [`Client`].

mod authority;
mod client;
pub mod programs;
mod server;
pub mod transcript;

pub use authority::{Authority, Holder, Issued};
pub use client::{Client, Received};
pub use server::{Folder, Server, free_port};

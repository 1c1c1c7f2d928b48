//! Redis's Lua scripts and functions, over a trait for the commands they call.
//!
//! An [`Interpreter`] keeps scripts and function libraries, and runs them. It must not know which commands exist, nor
//! sockets, storage, settings or clocks: all that a script can ask of the world is a [`Host`], which is lent to it for
//! each step. A script runs on a stack of its own, so that it can be suspended wherever it is and the caller's thread
//! can do something else meanwhile.
//!
//! The README has an example.
//!
//! Start reading at [`Interpreter::run`], then [`Running`], which answers what a script asks; then `sandbox`, which
//! says what a script sees.

pub mod codecs;
mod error;
mod exchange;
mod flags;
mod function;
mod host;
mod interpreter;
mod library;
mod limit;
mod machine;
mod native;
mod raise;
mod redis;
mod running;
mod sandbox;
mod script;
mod shared;

pub use error::ErrorReply;
pub use flags::Flags;
pub use function::{Function, Library, Replace, RestorePolicy};
pub use host::{Call, Host, LogLevel, Propagation, Tick};
pub use interpreter::{Interpreter, Settings};
pub use running::{Job, Progress, Running};
pub use script::{Origin, Script, ScriptCounts};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

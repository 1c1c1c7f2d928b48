//! The log: every command that changed something, in files that Redis 7 and later read, too.
//!
//! [`Directory`] knows the files by their [`Manifest`]; a [`Reader`] replays them; a [`Writer`] goes on where the reader
//! ended.
//!
//! ```
//! use spinel_persistence::log::{Directory, LogNames, ReadOptions, Reader, Step, Writer};
//! use spinel_persistence::vfs::SimulatedVfs;
//! use std::sync::Arc;
//!
//! let vfs = Arc::new(SimulatedVfs::new(1));
//! let open = || Directory::open(vfs.clone(), LogNames::new("/"));
//!
//! let directory = open()?;
//! let recovered = Reader::new(&directory, ReadOptions::default())?.finish();
//! let mut writer = Writer::open(directory, &recovered)?;
//! writer.append(b"*2\r\n$4\r\nINCR\r\n$6\r\nvisits\r\n", None)?;
//! writer.sync()?;
//!
//! vfs.cut_power();
//! vfs.restart();
//! let directory = open()?;
//! let mut reader = Reader::new(&directory, ReadOptions::default())?;
//! let Step::Unit(unit) = reader.step()? else { panic!("it was durable") };
//! let command = unit.commands().next().unwrap();
//! assert!(command.words().eq([&b"INCR"[..], b"visits"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`UnitScanner`] finds commands and transactions in a stream that comes from elsewhere.
//!
//! A [`Committer`] moves a journal into the log and tells who waits in [`Commit`] what is durable.
//!
//! Start reading at [`Writer::append`], then [`Reader::step`].

mod annotation;
mod chunk;
mod command;
mod commit;
mod committer;
mod damage;
mod directory;
mod error;
mod increment;
mod lock;
mod manifest;
mod opening;
mod quoting;
mod reader;
mod recovery;
mod rewrite;
mod unit;
mod window;
mod writer;

pub use chunk::Chunk;
pub use commit::{Commit, CommitError, Health, Stage, SyncedTo};
pub use committer::{Committer, Now, Source, SyncPolicy};
pub use directory::{BaseFormat, Directory, LogNames};
pub use error::{OpenError, ReadError, WriteError};
pub use lock::{LockError, LogLock};
pub use manifest::{FileType, LogFile, Manifest, ManifestError, ManifestReason};
pub use reader::Reader;
pub use recovery::{ReadOptions, Recovered, Step, TailCut, Until};
pub use rewrite::Rewrite;
pub use unit::{Command, Malformed, Unit, UnitScanner};
pub use writer::Writer;

/// What is announced as an offset is at most this, so that the bytes of any file can be added to it.
const OFFSET_MAX: u64 = i64::MAX as u64;

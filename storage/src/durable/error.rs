//! Why a data set can't be written, or not be opened.

use crate::engine::LoadError;
use crate::engine::snapshot::SnapshotRunning;
use spinel_persistence::log::{self, LockError, ReadError, WriteError};
use std::fmt;
use std::io;

/// Why a data set was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError {
    /// Nobody wants it any more.
    Cancelled,
    /// Another snapshot is being written.
    Busy,
    /// There is a data set already where the copy should go.
    AlreadyThere,
    /// Somebody else has the log, or it can't be locked.
    Lock(LockError),
    /// The file system refuses.
    Io(io::Error),
    /// A new log can't be begun beside what is there.
    Open(log::OpenError),
    /// The log can't go on with new files.
    Log(WriteError),
    /// There is no log, or it was turned off.
    Off,
}

impl fmt::Display for SaveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::Cancelled => out.write_str("it was cancelled"),
            SaveError::Busy => out.write_str("something else is being written"),
            SaveError::AlreadyThere => out.write_str("there is a data set already"),
            SaveError::Lock(error) => error.fmt(out),
            SaveError::Io(error) => error.fmt(out),
            SaveError::Open(error) => error.fmt(out),
            SaveError::Log(error) => error.fmt(out),
            SaveError::Off => out.write_str("the log is off"),
        }
    }
}

impl std::error::Error for SaveError {}

impl From<io::Error> for SaveError {
    fn from(error: io::Error) -> SaveError {
        SaveError::Io(error)
    }
}

impl From<log::OpenError> for SaveError {
    fn from(error: log::OpenError) -> SaveError {
        SaveError::Open(error)
    }
}

impl From<SnapshotRunning> for SaveError {
    fn from(_: SnapshotRunning) -> SaveError {
        SaveError::Busy
    }
}

impl From<LockError> for SaveError {
    fn from(error: LockError) -> SaveError {
        SaveError::Lock(error)
    }
}

impl From<WriteError> for SaveError {
    fn from(error: WriteError) -> SaveError {
        SaveError::Log(error)
    }
}

/// Why what is on disk can't be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file system refuses, or threads can't be had.
    Io(io::Error),
    /// Somebody else has the log, or it can't be locked.
    Lock(LockError),
    /// It is not known which files make up the log, or they can't be written on.
    Log(log::OpenError),
    /// The log can't be read to its end.
    Read(ReadError),
    /// A snapshot, or the base of the log, can't be loaded.
    Load(LoadError),
    /// The log has a command of this name, which nobody here knows: only a server runs functions, and scripts.
    ///
    /// Once the server has written its log anew (`BGREWRITEAOF`), there are none in it.
    UnknownCommand(String),
    /// The log selects a database that there is not.
    NoSuchDatabase {
        /// Its number, or -1 if it is no number.
        number: i64,
        /// How many there are.
        databases: u16,
    },
    /// There was no log, and none can be begun.
    Begin(SaveError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io(error) => error.fmt(out),
            OpenError::Lock(error) => error.fmt(out),
            OpenError::Log(error) => error.fmt(out),
            OpenError::Read(error) => error.fmt(out),
            OpenError::Load(error) => error.fmt(out),
            OpenError::UnknownCommand(name) => {
                write!(out, "Unknown command '{name}' reading the append only file")
            }
            OpenError::NoSuchDatabase { number, databases } => {
                write!(out, "The log selects database {number}, and there are {databases}")
            }
            OpenError::Begin(error) => write!(out, "No log can be begun: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
    }
}

impl From<LockError> for OpenError {
    fn from(error: LockError) -> OpenError {
        OpenError::Lock(error)
    }
}

impl From<log::OpenError> for OpenError {
    fn from(error: log::OpenError) -> OpenError {
        OpenError::Log(error)
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> OpenError {
        OpenError::Read(error)
    }
}

impl From<LoadError> for OpenError {
    fn from(error: LoadError) -> OpenError {
        OpenError::Load(error)
    }
}

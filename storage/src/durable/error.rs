//! Why a data set can't be written, or not be opened.

use crate::engine::LoadError;
use spinel_persistence::log::{self, ReadError, WriteError};
use std::fmt;
use std::io;

/// Why a data set was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError {
    /// Nobody wants it any more.
    Cancelled,
    /// The file system refuses.
    Io(io::Error),
    /// A new log can't be begun beside what is there.
    Open(log::OpenError),
    /// The log can't go on with new files.
    Log(WriteError),
    /// The log was turned off.
    Off,
}

impl fmt::Display for SaveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::Cancelled => out.write_str("it was cancelled"),
            SaveError::Io(error) => error.fmt(out),
            SaveError::Open(error) => error.fmt(out),
            SaveError::Log(error) => error.fmt(out),
            SaveError::Off => out.write_str("the log was turned off"),
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
    /// It is not known which files make up the log, or they can't be written on.
    Log(log::OpenError),
    /// The log can't be read to its end.
    Read(ReadError),
    /// A snapshot, or the base of the log, can't be loaded.
    Load(LoadError),
    /// The log has a command of this name, which nobody here knows.
    UnknownCommand(String),
    /// The log selects a database that there is not.
    NoSuchDatabase {
        /// Its number, or -1 if it is no number.
        number: i64,
        /// How many there are.
        databases: u16,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io(error) => error.fmt(out),
            OpenError::Log(error) => error.fmt(out),
            OpenError::Read(error) => error.fmt(out),
            OpenError::Load(error) => error.fmt(out),
            OpenError::UnknownCommand(name) => {
                write!(out, "Unknown command '{name}' reading the append only file")
            }
            OpenError::NoSuchDatabase { number, databases } => {
                write!(out, "The log selects database {number}, and there are {databases}")
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
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

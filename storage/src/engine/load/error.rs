//! Why a file of a snapshot can't be loaded.

use crate::error::Error;
use spinel_persistence::rdb::ReadError;
use std::fmt;

/// Why a file can't be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// It can't be read.
    Read(ReadError),
    /// It has keys of a database of this number, and there are fewer.
    NoSuchDatabase(u64),
    /// It has this key twice.
    Duplicate(Vec<u8>),
    /// A function library is refused, with this reason.
    Function(String),
    /// A policy of HTTP caches is refused, with this reason.
    Policy(Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Read(error) => error.fmt(out),
            LoadError::NoSuchDatabase(number) => {
                write!(out, "there are keys of database {number}, and fewer databases are set up")
            }
            LoadError::Duplicate(key) => write!(out, "the key '{}' stands twice", key.escape_ascii()),
            LoadError::Function(reason) => write!(out, "a function library is refused: {reason}"),
            LoadError::Policy(reason) => write!(out, "a policy of HTTP caches is refused: {reason}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> LoadError {
        LoadError::Read(error)
    }
}

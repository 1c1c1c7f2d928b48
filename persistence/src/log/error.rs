//! Why a log can't be opened, read or written.

use super::manifest::ManifestError;
use std::fmt;
use std::io;

/// Why a log can't be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The manifest is refused.
    Manifest(ManifestError),
    /// There are files of a log, but no manifest that names them.
    ManifestMissing,
    /// The log was read only up to a point, so writing on would mix what is behind it with what follows.
    StoppedEarly,
    /// The operating system refuses.
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
    }
}

impl From<ManifestError> for OpenError {
    fn from(error: ManifestError) -> OpenError {
        OpenError::Manifest(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Manifest(error) => error.fmt(out),
            OpenError::ManifestMissing => out.write_str(
                "There are AOF files but no AOF manifest that names them: restore it, or move them elsewhere",
            ),
            OpenError::StoppedEarly => out.write_str("The append only file was read only up to a point"),
            OpenError::Io(error) => out.write_str(&plain(error)),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why something can't be written, or is not durable.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refuses.
    Io(io::Error),
    /// A sync failed earlier, so what was written before is not known to be on the disk. A rewrite makes up for it.
    NotDurable,
    /// The base that the log begins with was not written, so nothing of it would be found. A rewrite makes up for it.
    Incomplete,
    /// A rewrite has begun and was not ended.
    AlreadyRewriting,
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        WriteError::Io(error)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Io(error) => out.write_str(&plain(error)),
            WriteError::NotDurable => out.write_str("An earlier fsync of the append only file failed"),
            WriteError::Incomplete => out.write_str("The base of the append only file could not be written"),
            WriteError::AlreadyRewriting => {
                out.write_str("Background append only file rewriting already in progress")
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// Why a log can't be read to its end. Names are those of files in the log's directory.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// A file that the manifest names can't be opened.
    Missing {
        /// The file.
        name: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// The file ends within a command or a transaction, and may not be cut.
    UnexpectedEnd {
        /// The file.
        name: String,
        /// Where the last whole command ends.
        offset: u64,
    },
    /// The file holds something that is no command, or other bytes than were written.
    BadFormat {
        /// The file.
        name: String,
        /// Where the last whole command ends.
        offset: u64,
    },
    /// A file is damaged at its end, and others follow it.
    NotTheLast {
        /// The file.
        name: String,
        /// Where the last whole command ends.
        offset: u64,
    },
    /// The point to stop at is before what the log begins with.
    BeforeStart,
    /// The file can't be read.
    Io {
        /// The file.
        name: String,
        /// What the operating system says.
        error: io::Error,
    },
}

/// Says what went wrong as C programs do, without the number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Says what Redis logs.
impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Missing { name, error } => {
                write!(out, "Unable to obtain the AOF file {name} length. stat: {}", plain(error))
            }
            ReadError::UnexpectedEnd { name, .. } => write!(
                out,
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF \
                 file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server."
            ),
            ReadError::BadFormat { name, .. } => write!(
                out,
                "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
                 ./redis-check-aof --fix <filename.manifest>"
            ),
            ReadError::NotTheLast { .. } => {
                out.write_str("Fatal error: the truncated file is not the last file")
            }
            ReadError::BeforeStart => out.write_str("The append only file begins after the point to restore"),
            ReadError::Io { name, error } => {
                write!(out, "Unrecoverable error reading the append only file {name}: {}", plain(error))
            }
        }
    }
}

impl std::error::Error for ReadError {}

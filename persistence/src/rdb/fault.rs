//! Why a file or a payload can't be read.

use std::{fmt, io};

/// Why reading failed, and where.
#[derive(Debug)]
pub struct ReadError {
    /// How many bytes had been read.
    pub offset: u64,
    /// What was wrong there.
    pub fault: Fault,
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (at byte {})", self.fault, self.offset)
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Why reading failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The source failed.
    Io(io::Error),
    /// The bytes end too early.
    Truncated,
    /// The bytes don't start as a file does.
    NotRdb,
    /// The bytes don't start as a file of our own format does.
    NotSpldb,
    /// The version is none that is known here.
    Version(u32),
    /// The version of our own format is none that is known here.
    SpldbVersion(u32),
    /// The checksum is another one than that of the bytes.
    Checksum {
        /// What the file says.
        stored: u64,
        /// What the bytes say.
        computed: u64,
    },
    /// No value is encoded so, and nothing else starts with this byte.
    UnknownType(u8),
    /// The value belongs to this module.
    Module(String),
    /// The function library was written by a release candidate of Redis 7.
    FunctionOfCandidates,
    /// Bytes that no server writes.
    Malformed(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Io(error) => write!(out, "reading failed: {error}"),
            Fault::Truncated => out.write_str("the bytes end too early"),
            Fault::NotRdb => out.write_str("this is no RDB file"),
            Fault::NotSpldb => out.write_str("this is no .spldb file"),
            Fault::SpldbVersion(version) => {
                write!(out, "version {version} of the .spldb format is not known: a newer server wrote it")
            }
            Fault::Version(version) => write!(out, "version {version} of the RDB format is not known"),
            Fault::Checksum { stored, computed } => {
                write!(
                    out,
                    "the checksum is wrong: {stored:016x} is stored, {computed:016x} is that of the bytes"
                )
            }
            Fault::UnknownType(byte) => write!(out, "type {byte} of the RDB format is not known"),
            Fault::Module(name) => write!(out, "the value belongs to the module {name}, which is not known"),
            Fault::FunctionOfCandidates => {
                out.write_str("a function library was written by a release candidate of Redis 7")
            }
            Fault::Malformed(what) => out.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Fault::Truncated;
        }
        // A source that checks what it reads says what it found.
        error.downcast().unwrap_or_else(Fault::Io)
    }
}

impl From<spinel_types::listpack::Malformed> for Fault {
    fn from(_: spinel_types::listpack::Malformed) -> Fault {
        Fault::Malformed("a listpack is malformed")
    }
}

//! Why settings can't be used, as the program says it before it ends.

use super::value::Reason;
use std::fmt;
use std::path::PathBuf;

/// Where a directive stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the file the server was started with, or on standard input; lines count from 1.
    File { line: usize },
    /// In a file that another includes.
    Included { path: PathBuf, line: usize },
    /// After the name of the program.
    CommandLine,
}

/// Why the settings can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    kind: Box<Failure>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Failure {
    Unreadable { path: String, reason: String },
    Directive { place: Place, text: String, reason: Reason },
}

impl ConfigError {
    /// A file can't be opened or read.
    pub(super) fn unreadable(path: impl Into<String>, reason: &std::io::Error) -> ConfigError {
        let kind = Failure::Unreadable { path: path.into(), reason: plain(reason) };
        ConfigError { kind: Box::new(kind) }
    }

    /// A directive is unknown or its value is refused.
    pub(super) fn directive(place: Place, text: &[u8], reason: Reason) -> ConfigError {
        let text = String::from_utf8_lossy(text).into_owned();
        ConfigError { kind: Box::new(Failure::Directive { place, text, reason }) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Failure::Unreadable { path, reason } => {
                write!(f, "Fatal error, can't open config file '{path}': {reason}")
            }
            Failure::Directive { place, text, reason } => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (SpinelDB {}) ***", env!("CARGO_PKG_VERSION"))?;
                match place {
                    Place::File { line } => writeln!(f, "Reading the configuration file, at line {line}")?,
                    Place::Included { path, line } => {
                        let path = path.display();
                        writeln!(f, "Reading the configuration file '{path}', at line {line}")?;
                    }
                    Place::CommandLine => writeln!(f, "Reading the command line")?,
                }
                write!(f, ">>> '{text}'\n{reason}")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// The system's text for an error, without the number that Rust adds.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

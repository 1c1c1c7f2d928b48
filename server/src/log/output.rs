//! Where lines go: standard output or a file, and the system's own log beside it.

use super::syslog::Syslog;
use crate::config::{Config, table};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// All places of the log.
pub(super) struct Output {
    /// None: standard output.
    file: Option<LogFile>,
    syslog: Option<Syslog>,
}

impl Output {
    pub(super) const fn new() -> Output {
        Output { file: None, syslog: None }
    }

    pub(super) fn open(&mut self, config: &Config) -> io::Result<()> {
        self.file = config.path(table::LOGFILE).as_deref().map(LogFile::open).transpose()?;
        self.syslog = Syslog::of(config);
        Ok(())
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), LogFile::reopen)
    }

    /// Writes a line. Nobody is left to tell if that fails.
    pub(super) fn write(&mut self, line: &str) {
        let _ = match &mut self.file {
            Some(file) => file.write(line.as_bytes()),
            None => io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush()),
        };
    }

    /// The system's own log, if it gets the events too.
    pub(super) fn syslog(&mut self) -> Option<&mut Syslog> {
        self.syslog.as_mut()
    }
}

/// A file that lines are appended to. It stays open, so that the log goes on when the process has no more files to
/// open; and it is opened again when another file, or none, has its name, so that it can be moved away at any time.
struct LogFile {
    /// Absolute, because the server goes to another folder.
    path: PathBuf,
    file: File,
    identity: (u64, u64),
}

impl LogFile {
    fn open(path: &Path) -> io::Result<LogFile> {
        let path = std::path::absolute(path)?;
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        let identity = identity(&file.metadata()?);
        Ok(LogFile { path, file, identity })
    }

    fn reopen(&mut self) -> io::Result<()> {
        *self = LogFile::open(&self.path)?;
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let is_in_place = self.path.metadata().is_ok_and(|found| identity(&found) == self.identity);
        if !is_in_place {
            // Where no new one can be had, the one that was moved away gets the line.
            let _ = self.reopen();
        }
        self.file.write_all(line)
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

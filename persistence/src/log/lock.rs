//! Keeping a log to oneself.

use super::directory::LogNames;
use super::error::plain;
use crate::vfs::{Lock, Vfs, append_all, read_all};
use std::fmt;
use std::io;
use std::path::Path;

/// Keeps all others from writing a log, in this process and in others, until it is dropped.
///
/// It is a lock of the operating system on a file in the log's directory, so nothing is left of it when the process ends,
/// however it ends. The file stays; it holds the number of the process that locked it last.
pub struct LogLock {
    _lock: Box<dyn Lock>,
}

/// Why a log can't be locked.
#[derive(Debug)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else has it.
    Locked {
        /// The process, unless it has not said so yet.
        owner: Option<u32>,
    },
    /// The operating system refuses.
    Io(io::Error),
}

impl LogLock {
    /// Locks the log of these names, which need not be there yet. Makes its directory.
    pub fn take(vfs: &dyn Vfs, names: &LogNames) -> Result<LogLock, LockError> {
        let path = names.path(&format!("{}.lock", names.file));
        vfs.create_directory(&names.folder()).map_err(LockError::Io)?;
        match vfs.lock(&path) {
            Ok(lock) => {
                // The lock is what counts; the number is for people, and a full disk may have no room for it.
                let _ = name_owner(vfs, &path);
                Ok(LogLock { _lock: lock })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(LockError::Locked { owner: owner(vfs, &path) })
            }
            Err(error) => Err(LockError::Io(error)),
        }
    }
}

fn name_owner(vfs: &dyn Vfs, path: &Path) -> io::Result<()> {
    append_all(&*vfs.create(path)?, format!("{}\n", std::process::id()).as_bytes())
}

fn owner(vfs: &dyn Vfs, path: &Path) -> Option<u32> {
    let text = String::from_utf8(read_all(vfs, path).ok()?).ok()?;
    text.strip_suffix('\n')?.parse().ok()
}

impl fmt::Display for LockError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Locked { owner: Some(owner) } => {
                write!(out, "The append only file is in use by process {owner}")
            }
            LockError::Locked { owner: None } => {
                out.write_str("The append only file is in use by another process")
            }
            LockError::Io(error) => out.write_str(&plain(error)),
        }
    }
}

impl std::error::Error for LockError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{Fault, SimulatedVfs};

    #[test]
    fn one_has_it_and_the_others_learn_who() {
        let (vfs, names) = (SimulatedVfs::new(1), LogNames::new("/"));
        let lock = LogLock::take(&vfs, &names).unwrap();
        let error = LogLock::take(&vfs, &names).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("The append only file is in use by process {}", std::process::id())
        );
        drop(lock);
        let lock = LogLock::take(&vfs, &names).unwrap();
        vfs.restart();
        drop(lock);
        assert!(LogLock::take(&vfs, &names).is_ok(), "nothing is left of a process that was killed");
    }

    #[test]
    fn a_disk_without_room_can_be_locked_too() {
        let (vfs, names) = (SimulatedVfs::new(1), LogNames::new("/"));
        vfs.fail_call(3, Fault::Error(28));
        let _lock = LogLock::take(&vfs, &names).unwrap();
        let error = LogLock::take(&vfs, &names).err().unwrap();
        assert_eq!(error.to_string(), "The append only file is in use by another process");
    }
}

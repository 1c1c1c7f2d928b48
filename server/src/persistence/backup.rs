//! Backups: whole copies of the data set, each in a directory of its own, made while commands go on.
//!
//! A backup is written under another name, made durable, and renamed: what has a backup's name is complete.

use super::{Order, Persistence, Work, files, place};
use crate::config::table;
use crate::log;
use crate::server::{Shared, now};
use spinel_persistence::vfs::{RealVfs, Vfs};
use spinel_storage::UnixMillis;
use spinel_storage::durable::{self, Purpose, SaveError};
use spinel_storage::engine::Turn;
use spinel_storage::engine::snapshot::Snapshot;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// What the name of a directory begins with that is not complete.
pub(super) const TEMPORARY: &str = "temp-";

const NAME_BYTES_MAX: usize = 100;

/// The name of a backup, which is that of its directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct BackupName(String);

impl BackupName {
    /// Takes a word as a name, if it can be one: letters, digits, dots, lines. It leads nowhere else than into the
    /// folder of backups, and is taken for nothing else there.
    pub(crate) fn new(word: &[u8]) -> Option<BackupName> {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let name = std::str::from_utf8(word).ok()?;
        let is_name = (1..=NAME_BYTES_MAX).contains(&word.len())
            && word.iter().all(is_plain)
            && !name.starts_with(['.', '-'])
            && !name.starts_with(TEMPORARY);
        is_name.then(|| BackupName(name.to_owned()))
    }

    /// The name of one that is begun now and has got none.
    pub(crate) fn of_time(now: UnixMillis) -> BackupName {
        BackupName(format!("backup-{}", now.0))
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How a backup ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Complete,
    Cancelled,
    /// With the reason, for operators.
    Failed(String),
}

/// A backup that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) name: BackupName,
    pub(crate) how: Ending,
    pub(crate) at: UnixMillis,
    pub(crate) took_ms: i64,
}

/// The backup that is written, and the one before.
#[derive(Clone, Default)]
pub(crate) struct Backups {
    pub(crate) current: Option<BackupName>,
    pub(crate) last: Option<Ended>,
}

/// A backup that is there.
pub(crate) struct Kept {
    pub(crate) name: BackupName,
    pub(crate) bytes: u64,
    /// When it was written, in Unix seconds.
    pub(crate) time: u64,
}

/// Why a backup can't begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoBackup {
    /// The settings name no folder for it.
    NoFolder,
    /// There is one of that name, or something else.
    AlreadyThere,
    /// Something else is being written.
    Busy,
}

impl Persistence {
    /// Cuts a snapshot and lets it be written as a backup.
    pub(crate) fn begin_backup(
        &self,
        shared: &Shared,
        turn: &mut Turn<'_>,
        name: BackupName,
    ) -> Result<(), NoBackup> {
        let folder = shared.config.path(table::BACKUP_DIR).ok_or(NoBackup::NoFolder)?;
        if fs::symlink_metadata(folder.join(&name.0)).is_ok() {
            return Err(NoBackup::AlreadyThere);
        }
        if !self.reserve(Work::Backup) {
            return Err(NoBackup::Busy);
        }
        let Ok((snapshot, ())) = turn.begin_snapshot(&shared.engine, |_| ()) else {
            self.end();
            return Err(NoBackup::Busy);
        };
        self.state().backups.current = Some(name.clone());
        // The saver ends when the server does.
        let _ = self.orders.send(Order::Backup { snapshot, folder, name });
        Ok(())
    }

    /// Ends the backup that is written; whether there is one.
    pub(crate) fn cancel_backup(&self) -> bool {
        let mut state = self.state();
        let running = state.running.as_mut().filter(|running| running.work == Work::Backup);
        running.map(super::Running::cancel).is_some()
    }

    /// The backup that is written, and the one before.
    pub(crate) fn backups(&self) -> Backups {
        self.state().backups.clone()
    }

    /// Notes how a backup ended.
    fn backed_up(&self, name: BackupName, how: Ending) {
        let mut state = self.state();
        let (at, since) = (now(), state.running.take().map_or_else(now, |running| running.since));
        state.backups =
            Backups { current: None, last: Some(Ended { name, how, at, took_ms: at.0 - since.0 }) };
    }
}

/// Writes a backup.
pub(super) fn run(shared: &Shared, snapshot: Arc<Snapshot>, folder: &Path, name: BackupName) {
    shared.persistence.note_snapshot(&snapshot);
    let temporary = folder.join(format!("{TEMPORARY}{}-{name}", std::process::id()));
    let written = write(shared, &snapshot, (&temporary, &folder.join(&name.0)));
    let ending = match written {
        Ok(()) => {
            log::notice!("Backup {name} is complete");
            Ending::Complete
        }
        Err(error) => {
            snapshot.cancel();
            // It may not even have been made.
            let _ = fs::remove_dir_all(&temporary);
            log::warning!("Backup {name} is not written: {error}");
            match error {
                SaveError::Cancelled => Ending::Cancelled,
                error => Ending::Failed(error.to_string()),
            }
        }
    };
    // One that was not walked over to its end is in the way of the next, until it is dropped.
    shared.persistence.forget_snapshot();
    drop(snapshot);
    shared.persistence.backed_up(name, ending);
}

fn write(shared: &Shared, snapshot: &Snapshot, (temporary, target): (&Path, &Path)) -> Result<(), SaveError> {
    let options = files::options(shared, Purpose::Snapshot);
    let file = place::snapshot(&shared.config, options.format);
    let file = file.as_deref().and_then(Path::file_name);
    let file = file.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let folder = temporary.parent().expect("it was made by joining");
    durable::make_directory(&RealVfs, folder)?;
    if fs::symlink_metadata(temporary).is_ok() {
        // A process of the same number has left it.
        fs::remove_dir_all(temporary)?;
    }
    fs::create_dir(temporary)?;
    durable::save(snapshot, &options, &RealVfs, &temporary.join(file))?;
    if fs::symlink_metadata(target).is_ok() {
        return Err(SaveError::AlreadyThere);
    }
    fs::rename(temporary, target)?;
    Ok(RealVfs.sync_directory(folder)?)
}

/// The backups in a folder, by name. There may be none, and no folder.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Kept>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut kept = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(name) = BackupName::new(entry.file_name().as_encoded_bytes())
            && entry.file_type()?.is_dir()
        {
            kept.push(measure(&entry.path(), name)?);
        }
    }
    kept.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(kept)
}

fn measure(path: &Path, name: BackupName) -> io::Result<Kept> {
    let mut bytes = 0;
    for file in fs::read_dir(path)? {
        bytes += file?.metadata()?.len();
    }
    let modified = fs::metadata(path)?.modified()?;
    let time = modified.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Ok(Kept { name, bytes, time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["a", "2026-11-29", "before_upgrade.1", &"n".repeat(NAME_BYTES_MAX)] {
            assert_eq!(BackupName::new(name.as_bytes()).map(|name| name.to_string()).as_deref(), Some(name));
        }
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        for word in [
            "", ".", "..", ".hidden", "a/b", "/a", "../a", "a b", "a\0", "ä", "-rf", "temp-1-a", "a\\b",
            &long,
        ] {
            assert_eq!(BackupName::new(word.as_bytes()), None, "{word:?}");
        }
        assert_eq!(BackupName::of_time(UnixMillis(12)).to_string(), "backup-12");
    }
}

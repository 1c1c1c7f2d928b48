//! What saves that were killed have left: files and directories under names that only count until they are complete.
//!
//! Others may be writing such a file right now, also on another machine that shares the folder. So only what no process
//! of this machine can be writing, and nobody has written to for an hour, is taken for left.

use super::backup::{BackupName, TEMPORARY};
use crate::config::{Config, table};
use crate::log;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Who writes a file writes to it more often than that.
const LEFT_AFTER: Duration = Duration::from_secs(3600);

/// Removes what is left in the folders of snapshots and of backups.
pub(super) fn remove(config: &Config) {
    let backups = config.path(table::BACKUP_DIR);
    let folders = [
        Some((Path::new("."), snapshot_writer as Writer)),
        backups.as_deref().map(|path| (path, backup_writer as Writer)),
    ];
    for (folder, writer) in folders.into_iter().flatten() {
        // A folder that can't be read has nothing that could be removed.
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let process = path.file_name().and_then(OsStr::to_str).and_then(writer);
            if process.is_some_and(|process| !is_running(process)) && is_old(&path).unwrap_or(false) {
                discard(&path);
            }
        }
    }
}

/// Tells from a name which process wrote under it.
type Writer = fn(&str) -> Option<u32>;

/// Of `temp-PROCESS.rdb`.
fn snapshot_writer(name: &str) -> Option<u32> {
    number(name.strip_prefix(TEMPORARY)?.strip_suffix(".rdb")?)
}

/// Of `temp-PROCESS-NAME`.
fn backup_writer(name: &str) -> Option<u32> {
    let (process, name) = name.strip_prefix(TEMPORARY)?.split_once('-')?;
    BackupName::new(name.as_bytes())?;
    number(process)
}

/// A number as we write it.
fn number(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().filter(|number| number.to_string() == text)
}

/// Whether another process has the number.
fn is_running(process: u32) -> bool {
    process != std::process::id() && Path::new(&format!("/proc/{process}")).exists()
}

/// Whether nobody has written for long to a file, or to those in a directory.
fn is_old(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    let mut times = vec![metadata.modified()?];
    if metadata.is_dir() {
        for file in fs::read_dir(path)? {
            times.push(file?.metadata()?.modified()?);
        }
    }
    let now = SystemTime::now();
    let is_old = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age > LEFT_AFTER);
    Ok(times.into_iter().all(is_old))
}

fn discard(path: &Path) {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Ok(()) => log::notice!("Removed {}, which a killed save has left.", path.display()),
        Err(error) => log::warning!("{} can't be removed: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_name_their_process() {
        assert_eq!(snapshot_writer("temp-17.rdb"), Some(17));
        for name in
            ["temp-.rdb", "temp-x.rdb", "temp-017.rdb", "temp-17.aof", "temp-1-7.rdb", "17.rdb", "dump.rdb"]
        {
            assert_eq!(snapshot_writer(name), None, "{name}");
        }
        assert_eq!(backup_writer("temp-17-daily-1"), Some(17));
        for name in ["temp-17", "temp-17-", "temp-17-.x", "temp-x-daily", "daily"] {
            assert_eq!(backup_writer(name), None, "{name}");
        }
    }
}

//! Keeping the log of commands over a restart: in a small file beside the data set, if that is kept, too.

use super::{CommandLog, Kind, file};
use crate::config::{Config, table};
use crate::log;
use crate::server::Shared;
use spinel_persistence::vfs::{self, RealVfs};
use std::fs;
use std::io;
use std::path::Path;

/// The file, in the folder of the data set.
const NAME: &str = "spinel.commandlog";
const TEMPORARY: &str = "temp-spinel.commandlog";
/// What becomes of a file that can't be read.
const BROKEN: &str = "spinel.commandlog.broken";

/// Larger than what is ever written; nothing of that size is read.
const BYTES_MAX: u64 = 64 << 20;

/// Whether the data set is kept on disk.
fn is_wanted(config: &Config) -> bool {
    !config.text(table::SAVE).is_empty() || config.is_on(table::APPENDONLY)
}

/// Writes the log to disk, if it has changed since that was done last.
pub(crate) fn keep(shared: &Shared) {
    let command_log = &shared.command_log;
    if !is_wanted(&shared.config) || !command_log.take_changed() {
        return;
    }
    let bytes = file::encode(command_log);
    if let Err(error) = vfs::replace(&RealVfs, Path::new(NAME), Path::new(TEMPORARY), &bytes) {
        log::warning!("The log of slow commands could not be written to {NAME}: {error}");
    }
}

/// Reads what was kept. A file that can't be read is put aside.
pub(crate) fn restore(shared: &Shared) {
    if !is_wanted(&shared.config) {
        return;
    }
    let bytes = match read(Path::new(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            return log::warning!("The log of slow commands is not read from {NAME}: {error}");
        }
    };
    if let Ok(kept) = file::decode_log(&bytes) {
        shared.command_log.take_over(&kept, |kind| kind.entries_max(&shared.config));
        return;
    }
    let outcome = match fs::rename(NAME, BROKEN) {
        Ok(()) => format!("it is now {BROKEN}"),
        Err(error) => format!("and it can't be renamed: {error}"),
    };
    log::warning!("{NAME} is damaged, so the log of slow commands starts empty; {outcome}.");
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

impl CommandLog {
    /// Whether something has changed since this was asked last.
    fn take_changed(&self) -> bool {
        // All of them are asked.
        Kind::ALL.iter().filter(|kind| std::mem::take(&mut self.list(**kind).is_changed)).count() > 0
    }

    /// Puts what was kept behind what was noted since the start.
    fn take_over(&self, kept: &CommandLog, entries_max: impl Fn(Kind) -> usize) {
        for kind in Kind::ALL {
            let (mut list, mut kept) = (self.list(kind), std::mem::take(&mut *kept.list(kind)));
            for entry in &mut list.entries {
                entry.id += kept.next_id;
            }
            list.next_id += kept.next_id;
            list.entries.append(&mut kept.entries);
            list.entries.truncate(entries_max(kind));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    #[test]
    fn what_was_kept_comes_behind_what_is_new() {
        let (log, kept) = (CommandLog::default(), CommandLog::default());
        (0..2).for_each(|value| kept.note(Kind::Slow, entry(value), 9));
        assert!(kept.take_changed() && !kept.take_changed());
        log.note(Kind::Slow, entry(2), 9);
        log.take_over(&kept, |_| 2);
        let found: Vec<_> = log.newest(Kind::Slow, 9).iter().map(|entry| (entry.id, entry.value)).collect();
        assert_eq!(found, [(2, 2), (1, 1)]);
        log.note(Kind::Slow, entry(3), 1);
        assert_eq!(log.newest(Kind::Slow, 9)[0].id, 3);
    }
}

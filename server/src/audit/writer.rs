//! Writing records to the file or to the server's log.

use super::record::{Record, write_loss};
use crate::log;
use crate::server::now;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens the file to append to it; who made it says who may read it, else only its owner may. What is no file is refused:
/// opening a pipe may wait for ever.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return Err(io::Error::other("it is no file"));
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Writes records, and remembers what went wrong.
#[derive(Default)]
pub(super) struct Writer {
    /// Of how many lost records the log tells already.
    told: u64,
    is_failing: bool,
}

impl Writer {
    /// Writes records, after a line about those that were lost before, of which there are `lost` since the start. Whether
    /// that worked.
    pub(super) fn write(&mut self, file: Option<&Path>, records: &VecDeque<Record>, lost: u64) -> bool {
        let mut lines = Vec::new();
        if lost > self.told {
            write_loss(now(), lost - self.told, &mut lines);
        }
        for record in records {
            record.write(&mut lines);
        }
        let outcome = if let Some(path) = file {
            append(path, &lines)
        } else {
            String::from_utf8_lossy(&lines).lines().for_each(log::audit);
            Ok(())
        };
        match outcome {
            Ok(()) => {
                self.told = lost;
                if std::mem::take(&mut self.is_failing) {
                    log::warning!("The audit log is written again.");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let path = file.unwrap_or(Path::new("")).display();
                    log::warning!(
                        "The audit log {path} can't be written, and records are lost until it can be: {error}"
                    );
                }
                false
            }
        }
    }
}

/// Appends lines to the file and makes them durable, or leaves it as it was. It is opened each time, so that it can be moved away
/// while the server runs.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    let outcome = file.write_all(lines).and_then(|()| file.sync_data());
    if outcome.is_err() {
        // No line stays cut in the middle; if that fails, too, the next one ends it.
        let _ = file.set_len(length);
    }
    outcome
}

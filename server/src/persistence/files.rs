//! How the files are written and what they are called, as the settings say; and what is logged about them.

use super::{Persistence, place};
use crate::config::{Config, table};
use crate::latency::{LogDisk, WatchedDisk};
use crate::log;
use crate::memory;
use crate::server::{Shared, now};
use spinel_persistence::StreamPlace;
use spinel_persistence::log::{LogNames, SyncPolicy, TailCut};
use spinel_persistence::rdb::{Compression, Verification};
use spinel_storage::Engine;
use spinel_storage::durable::{FileOptions, Log, LogEvent, LogPlace, Purpose};
use spinel_storage::engine::journal::Offset;
use spinel_storage::system::SystemClock;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The log of a server, off.
pub(super) fn log(engine: &Arc<Engine>, config: &Config, disk: &Arc<LogDisk>) -> Arc<Log> {
    let place = LogPlace { vfs: Arc::new(WatchedDisk(Arc::clone(disk))), names: names(config) };
    Log::new(Arc::clone(engine), Arc::new(SystemClock), place, Box::new(note))
}

/// What the files of the log are called.
pub(super) fn names(config: &Config) -> LogNames {
    let text = |key| String::from_utf8_lossy(&config.text(key)).into_owned();
    LogNames {
        dir: PathBuf::from("."),
        folder: text(table::APPENDDIRNAME),
        file: text(table::APPENDFILENAME),
    }
}

impl Persistence {
    /// Lets each write to the log wait so long before.
    pub(crate) fn delay_log(&self, delay: Duration) {
        self.state().disk.set_delay(delay);
    }

    /// Takes the settings that the log goes by.
    pub(crate) fn apply_to_log(&self, config: &Config) {
        self.log.set_policy(match config.number(table::APPENDFSYNC) {
            1 => SyncPolicy::Always,
            2 => SyncPolicy::No,
            _ => SyncPolicy::EverySecond,
        });
        self.log.set_notes_time(config.is_on(table::AOF_TIMESTAMP_ENABLED));
        self.state().disk.set_strict(self.log.is_strict());
    }
}

/// Waits after keys that are loaded or saved as long as the settings say.
pub(crate) fn apply_delays(config: &Config, engine: &Engine) {
    engine.delays().load.set(config.number(table::KEY_LOAD_DELAY));
    engine.delays().save.set(config.number(table::RDB_KEY_SAVE_DELAY));
}

/// Tells operators what happens to the log.
fn note(event: LogEvent<'_>) {
    match event {
        LogEvent::Upgraded(names) => log::notice!(
            "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
            names.file,
            names.folder
        ),
        LogEvent::Cut(cut) => TailCut::notes(cut).iter().for_each(|note| log::warning!("{note}")),
        LogEvent::Failed(failure) => log::warning!("Error writing to the AOF file: {failure}"),
        LogEvent::Recovered => log::warning!("AOF write error looks solved. The server can write again."),
        LogEvent::BaseWritten(path) => {
            log::notice!("Successfully created the temporary AOF base file {}", path.display());
        }
    }
}

/// Turns the log off, when all is written, and notes where in the stream the data set stands at an offset of the journal.
pub(crate) fn stop(log: &Log, place: Option<(Offset, StreamPlace)>) {
    if let Err(error) = log.stop_at(place) {
        log::warning!("The append only file could not be closed: {error}");
    }
}

/// How a snapshot is written now.
pub(crate) fn snapshot_options(shared: &Shared) -> FileOptions {
    options(shared, Purpose::Snapshot)
}

/// How a file is written now.
pub(super) fn options(shared: &Shared, purpose: Purpose) -> FileOptions {
    let config = &shared.config;
    let policy = config.show(table::MAXMEMORY_POLICY);
    let compresses = config.is_on(table::RDBCOMPRESSION);
    FileOptions {
        format: place::format(config),
        compression: if compresses { Compression::Lzf } else { Compression::None },
        is_checked: config.is_on(table::RDBCHECKSUM),
        is_synced_early: config.is_on(match purpose {
            Purpose::Snapshot => table::RDB_SAVE_INCREMENTAL_FSYNC,
            Purpose::LogBase => table::AOF_REWRITE_INCREMENTAL_FSYNC,
        }),
        notes_usage: policy.ends_with(b"-lru") || policy.ends_with(b"-lfu"),
        now: now(),
        used_bytes: memory::used_bytes(shared),
        libraries: shared.scripts.interpreter().libraries().map(|library| library.code().to_vec()).collect(),
        place: None,
    }
}

/// Whether checksums of files that are read must be right.
pub(super) fn verification(config: &Config) -> Verification {
    if config.is_on(table::RDBCHECKSUM) { Verification::On } else { Verification::Off }
}

//! `--import` and `--export`: a data set goes from one kind of file to another, and the program ends.
//!
//! ```text
//! --import FILE     an RDB file, a .spldb file or the folder of a log → the data set of the settings, which must be new
//! --export FILE     the data set of the settings → an RDB file or a .spldb file
//! ```
//!
//! What is read is only read: a log that ends torn is not cut, and nothing is written on.

use super::load::{load_snapshot_file, replay};
use super::{files, place};
use crate::config::table;
use crate::log;
use crate::server::{Shared, now};
use spinel_persistence::log::{LogNames, TailCut, Until};
use spinel_persistence::vfs::RealVfs;
use spinel_storage::durable::{self, FileOptions, LogPlace, Purpose, SaveError, SnapshotFormat, read_log};
use spinel_storage::engine::snapshot::Snapshot;
use spinel_storage::engine::{ExpiredKeys, Loaded, PresentKeys};
use spinel_storage::system::random_word;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be converted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Conversion {
    /// This file or folder becomes the data set.
    Import(PathBuf),
    /// The data set becomes this file.
    Export(PathBuf),
}

impl Conversion {
    /// The same, if a relative path starts at a folder.
    pub(crate) fn from(self, start: &Path) -> Conversion {
        match self {
            Conversion::Import(path) => Conversion::Import(start.join(path)),
            Conversion::Export(path) => Conversion::Export(start.join(path)),
        }
    }
}

/// Converts, and says what was done. Nobody must be connected.
pub(crate) fn convert(shared: &Arc<Shared>, conversion: &Conversion) -> Result<String, String> {
    match conversion {
        Conversion::Import(path) => import(shared, path),
        Conversion::Export(path) => export(shared, path),
    }
}

fn import(shared: &Arc<Shared>, source: &Path) -> Result<String, String> {
    if let Some(there) = data_set(shared) {
        return Err(format!(
            "There is a data set already: {}. Import into another folder (--dir), or move it away.",
            there.display()
        ));
    }
    let started = Instant::now();
    let loaded = if source.is_dir() { load_folder(shared, source) } else { load_snapshot(shared, source) };
    let loaded = loaded.map_err(|error| format!("Can't import {}: {error}", source.display()))?;
    let read = Read { source, loaded, took: started.elapsed() };
    if shared.config.is_on(table::APPENDONLY) {
        let options = files::options(shared, Purpose::LogBase);
        let target = log_names(shared).folder();
        return read.written(shared, &target, || write_log(shared, &options));
    }
    let options = files::options(shared, Purpose::Snapshot);
    let target = place::snapshot(&shared.config, options.format).ok_or("dbfilename is empty")?;
    read.written(shared, &target, || write_snapshot(shared, &options, &target))
}

fn export(shared: &Arc<Shared>, target: &Path) -> Result<String, String> {
    let started = Instant::now();
    let names = log_names(shared);
    let is_logged = shared.config.is_on(table::APPENDONLY);
    let has_log = is_logged && names.manifest().is_file();
    if is_logged && !has_log && old_log(&names).is_file() {
        let old = old_log(&names);
        return Err(format!("Start a server with {} first: it is a log from before Redis 7.", old.display()));
    }
    let source = if has_log { Some(names.folder()) } else { place::newest(&shared.config) };
    let source = source.filter(|source| source.exists()).ok_or("There is no data set to export.")?;
    let loaded = if has_log { load_log(shared, names) } else { load_snapshot(shared, &source) };
    let loaded = loaded.map_err(|error| format!("Can't export {}: {error}", source.display()))?;
    let read = Read { source: &source, loaded, took: started.elapsed() };
    let mut options = files::options(shared, Purpose::Snapshot);
    options.format = place::format_of(target).unwrap_or(options.format);
    read.written(shared, target, || write_snapshot(shared, &options, target))
}

/// The data set of the settings, if there is one.
fn data_set(shared: &Shared) -> Option<PathBuf> {
    let formats = [SnapshotFormat::Rdb, SnapshotFormat::Spldb];
    let mut snapshots = formats.into_iter().filter_map(|format| place::snapshot(&shared.config, format));
    let names = log_names(shared);
    let logs = [names.manifest(), old_log(&names)];
    snapshots.find(|path| path.exists()).or_else(|| logs.into_iter().find(|path| path.exists()))
}

/// The log as one file, which a server moves into the folder.
fn old_log(names: &LogNames) -> PathBuf {
    names.dir.join(&names.file)
}

fn log_names(shared: &Shared) -> LogNames {
    files::names(&shared.config)
}

fn load_snapshot(shared: &Shared, path: &Path) -> Result<Loaded, String> {
    let given = (ExpiredKeys::Drop, PresentKeys::None);
    let loaded = load_snapshot_file((shared, &shared.engine.close()), path, given, None);
    loaded.map_err(|error| error.to_string())?.ok_or_else(|| "there is no such file".to_owned())
}

/// Loads the log that a folder holds, whatever its files are called.
fn load_folder(shared: &Shared, folder: &Path) -> Result<Loaded, String> {
    const MANIFEST: &str = ".manifest";
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // One that a crash has left is not the log's.
    let mut manifests = names.filter(|name| !name.starts_with("temp-"));
    let file = manifests.find_map(|name| name.strip_suffix(MANIFEST).map(str::to_owned));
    let file = file.ok_or("there is no manifest of a log in this folder")?;
    load_log(shared, LogNames { dir: folder.to_owned(), folder: String::new(), file })
}

fn load_log(shared: &Shared, names: LogNames) -> Result<Loaded, String> {
    let closed = shared.engine.close();
    let loaded = replay((shared, &closed), Until::End, |options, verification, host| {
        let given = (verification, now(), random_word());
        read_log(&closed, (Arc::new(RealVfs), names), options, given, host)
    });
    let (loaded, cut) = loaded.map_err(|error| error.to_string())?;
    cut.iter().flat_map(TailCut::notes).for_each(|note| log::warning!("{note}"));
    Ok(loaded)
}

fn write_snapshot(shared: &Shared, options: &FileOptions, path: &Path) -> Result<(), String> {
    let snapshot = begin_snapshot(shared)?;
    durable::save(&snapshot, options, &RealVfs, path).map_err(|error| error.to_string())
}

fn write_log(shared: &Shared, options: &FileOptions) -> Result<(), String> {
    let snapshot = begin_snapshot(shared)?;
    let place = LogPlace { vfs: Arc::new(RealVfs), names: log_names(shared) };
    durable::backup(&snapshot, options, &place).map_err(|error| error.to_string())
}

fn begin_snapshot(shared: &Shared) -> Result<Arc<Snapshot>, String> {
    shared.engine.begin_snapshot().map_err(|running| SaveError::from(running).to_string())
}

/// What was read, and how long that took.
struct Read<'r> {
    source: &'r Path,
    loaded: Loaded,
    took: Duration,
}

impl Read<'_> {
    /// Writes it, and tells of both.
    fn written(
        &self,
        shared: &Shared,
        target: &Path,
        write: impl FnOnce() -> Result<(), String>,
    ) -> Result<String, String> {
        let started = Instant::now();
        write().map_err(|error| format!("Can't write {}: {error}", target.display()))?;
        let took = started.elapsed();
        let keyspace = shared.engine.keyspace();
        let keys: usize = (0..keyspace.databases()).map(|db| keyspace.len(spinel_storage::DbIndex(db))).sum();
        let left_out = match self.loaded.expired {
            0 => String::new(),
            expired => format!("\nLeft out {expired} keys that had expired."),
        };
        Ok(format!(
            "Loaded {keys} keys from {} in {:.3} seconds.\nWrote them to {} in {:.3} seconds.{left_out}",
            self.source.display(),
            self.took.as_secs_f64(),
            target.display(),
            took.as_secs_f64()
        ))
    }
}

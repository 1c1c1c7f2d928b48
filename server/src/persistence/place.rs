//! Where snapshots lie: `dbfilename`, and its neighbour of the other format.
//!
//! Operators know `dump.rdb` as a file that Redis can load, so a snapshot of our own format does not take that name:
//! it goes to `dump.spldb` beside it. Any other name is theirs, and both formats go there.

use crate::config::{Config, table};
use crate::log;
use spinel_storage::durable::SnapshotFormat;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the names of RDB files end in.
const RDB: &str = "rdb";
/// What the names of files of our own format end in.
const SPLDB: &str = "spldb";

/// What snapshots are written as.
pub(crate) fn format(config: &Config) -> SnapshotFormat {
    if config.number(table::RDB_FORMAT) == 1 { SnapshotFormat::Spldb } else { SnapshotFormat::Rdb }
}

/// What a file is to be written as, if its name says so.
pub(super) fn format_of(path: &Path) -> Option<SnapshotFormat> {
    match path.extension()?.to_str()? {
        RDB => Some(SnapshotFormat::Rdb),
        SPLDB => Some(SnapshotFormat::Spldb),
        _ => None,
    }
}

/// Where a snapshot goes; nowhere without a name.
pub(super) fn snapshot(config: &Config, format: SnapshotFormat) -> Option<PathBuf> {
    config.path(table::DBFILENAME).map(|path| named(&path, format))
}

fn named(path: &Path, format: SnapshotFormat) -> PathBuf {
    let is_of_redis = path.extension().is_some_and(|extension| extension == RDB);
    match format {
        SnapshotFormat::Spldb if is_of_redis => path.with_extension(SPLDB),
        _ => path.to_owned(),
    }
}

/// The snapshot to start with: the newer one if both are there. It may be that there is none.
pub(super) fn newest(config: &Config) -> Option<PathBuf> {
    let (rdb, spldb) = (snapshot(config, SnapshotFormat::Rdb)?, snapshot(config, SnapshotFormat::Spldb)?);
    if rdb == spldb {
        return Some(rdb);
    }
    let (Some(rdb_time), Some(spldb_time)) = (modified(&rdb), modified(&spldb)) else {
        return Some(if modified(&spldb).is_some() { spldb } else { rdb });
    };
    let takes_spldb =
        spldb_time > rdb_time || spldb_time == rdb_time && format(config) == SnapshotFormat::Spldb;
    let (taken, left) = if takes_spldb { (spldb, rdb) } else { (rdb, spldb) };
    log::warning!("Loading {}, which is newer than {}.", taken.display(), left.display());
    Some(taken)
}

/// When a file was written, if there is one.
fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_redis_get_a_neighbour() {
        for (name, spldb) in [
            ("dump.rdb", "dump.spldb"),
            ("my.data.rdb", "my.data.spldb"),
            ("dump.spldb", "dump.spldb"),
            ("snapshot", "snapshot"),
            (".rdb", ".rdb"),
        ] {
            assert_eq!(named(Path::new(name), SnapshotFormat::Spldb), Path::new(spldb));
            assert_eq!(named(Path::new(name), SnapshotFormat::Rdb), Path::new(name));
        }
    }
}

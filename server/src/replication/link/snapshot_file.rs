//! The file in which a snapshot comes that is loaded once it is whole.

use crate::server::now;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is removed when nobody needs it any more.
pub(super) struct SnapshotFile {
    path: PathBuf,
    file: File,
}

impl SnapshotFile {
    /// An empty one, in the folder of the data.
    pub(super) fn create() -> io::Result<SnapshotFile> {
        let path = PathBuf::from(format!("temp-{}.{}.rdb", now().0 / 1000, std::process::id()));
        let file = File::create(&path)?;
        Ok(SnapshotFile { path, file })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_file(&self.path);
    }
}

//! The directory of a log: what its files are called, and which of them count.
//!
//! ```text
//! dir/
//! └ appendonlydir/
//!   ├ appendonly.aof.manifest
//!   ├ appendonly.aof.2.base.rdb
//!   └ appendonly.aof.2.incr.aof
//! ```

use super::error::OpenError;
use super::manifest::{FileType, LogFile, Manifest};
use crate::vfs::{Access, Vfs, append_all, read_all};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Begins the names of files that are not finished.
const TEMPORARY: &str = "temp-";

/// Where a log is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogNames {
    /// The server's directory (`dir`).
    pub dir: PathBuf,
    /// The name of the log's directory in it (`appenddirname`).
    pub folder: String,
    /// What the names of the log's files begin with (`appendfilename`).
    pub file: String,
}

/// What a base is written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BaseFormat {
    /// An RDB file (`aof-use-rdb-preamble yes`).
    Rdb,
    /// A snapshot of our own format, which Redis can't load.
    Spldb,
    /// Commands.
    Commands,
}

/// A log's directory and its manifest.
pub struct Directory {
    vfs: Arc<dyn Vfs>,
    names: LogNames,
    manifest: Manifest,
    was_upgraded: bool,
}

impl LogNames {
    /// Names a log as Redis does by default, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> LogNames {
        LogNames { dir: dir.into(), folder: "appendonlydir".to_owned(), file: "appendonly.aof".to_owned() }
    }

    /// Returns the log's directory.
    pub fn folder(&self) -> PathBuf {
        self.dir.join(&self.folder)
    }

    /// Returns the path of one of the log's files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Returns the path of the manifest.
    pub fn manifest(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.file))
    }

    fn temporary_manifest(&self) -> PathBuf {
        self.path(&format!("{TEMPORARY}{}.manifest", self.file))
    }

    /// Returns the name of a base that is being written.
    pub(super) fn temporary_base(&self) -> String {
        format!("{TEMPORARY}{}.base", self.file)
    }

    pub(super) fn base(&self, sequence: u64, format: BaseFormat) -> String {
        let ending = match format {
            BaseFormat::Rdb => "rdb",
            BaseFormat::Spldb => "spldb",
            BaseFormat::Commands => "aof",
        };
        format!("{}.{sequence}.base.{ending}", self.file)
    }

    pub(super) fn increment(&self, sequence: u64) -> String {
        format!("{}.{sequence}.incr.aof", self.file)
    }
}

impl Directory {
    /// Reads which files make up the log; none, if there is no log yet.
    ///
    /// A log of one file, as Redis wrote it before version 7, is moved into the directory and becomes the base. Nothing
    /// else is changed.
    pub fn open(vfs: Arc<dyn Vfs>, names: LogNames) -> Result<Directory, OpenError> {
        let mut directory = Directory { vfs, names, manifest: Manifest::default(), was_upgraded: false };
        if directory.vfs.is_file(&directory.names.manifest())? {
            let text = read_all(&*directory.vfs, &directory.names.manifest())?;
            directory.manifest = Manifest::parse(&text)?;
        } else if directory.has_stray_files()? {
            return Err(OpenError::ManifestMissing);
        }
        if directory.has_old_log()? {
            directory.upgrade()?;
        }
        Ok(directory)
    }

    /// Reads which files make up a log that is there, and changes nothing, not even to complete what a crash has left half
    /// done.
    pub fn read(vfs: Arc<dyn Vfs>, names: LogNames) -> Result<Directory, OpenError> {
        if !vfs.is_file(&names.manifest())? {
            return Err(OpenError::ManifestMissing);
        }
        let manifest = Manifest::parse(&read_all(&*vfs, &names.manifest())?)?;
        Ok(Directory { vfs, names, manifest, was_upgraded: false })
    }

    /// Whether there are files of a log that no manifest names. Beginning a new log would overwrite them.
    fn has_stray_files(&self) -> Result<bool, OpenError> {
        let names = match self.vfs.list(&self.names.folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            names => names?,
        };
        for name in names.iter().filter_map(|name| name.to_str()) {
            let is_ours = name.strip_prefix(&self.names.file).is_some_and(is_numbered);
            if is_ours && self.vfs.open(&self.names.path(name), Access::Read)?.len()? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether there is a log of one file that has not been moved, or only half.
    fn has_old_log(&self) -> Result<bool, OpenError> {
        let name = &self.names.file;
        if !self.vfs.is_file(&self.names.dir.join(name))? {
            return Ok(false);
        }
        if !self.vfs.is_file(&self.names.manifest())? {
            return Ok(true);
        }
        let manifest = &self.manifest;
        let is_half = manifest.increments.is_empty()
            && manifest.history.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == *name);
        Ok(is_half && !self.vfs.is_file(&self.names.path(name))?)
    }

    /// Makes the old log the base: first in the manifest, then by moving it. A crash between the two leaves a manifest
    /// that names a file in the wrong place, which the next start puts right.
    fn upgrade(&mut self) -> Result<(), OpenError> {
        let name = self.names.file.clone();
        self.make_folder()?;
        let base = LogFile::new(name.clone(), 1, FileType::Base);
        self.install(Manifest { base: Some(base), ..Manifest::default() })?;
        self.vfs.rename(&self.names.dir.join(&name), &self.names.path(&name))?;
        self.vfs.sync_directory(&self.names.folder())?;
        self.vfs.sync_directory(&self.names.dir)?;
        self.was_upgraded = true;
        Ok(())
    }

    /// Makes the log's directory unless it is there.
    fn make_folder(&self) -> io::Result<()> {
        self.vfs.create_directory(&self.names.folder())?;
        self.vfs.sync_directory(&self.names.dir)
    }

    /// Makes sure that what was read is what a crash would bring back: the manifest may be known to the kernel only.
    ///
    /// A log that is to begin gets a manifest without files. Files without a manifest would be taken for a log that lost it.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.make_folder()?;
        self.sync_folder()?;
        if self.has_log() { Ok(()) } else { self.install(self.manifest.clone()) }
    }

    /// Replaces the manifest: after a crash, either the old one or the new one counts.
    pub(super) fn install(&mut self, manifest: Manifest) -> io::Result<()> {
        self.prepare(&manifest)?;
        self.publish(manifest)
    }

    /// Writes a manifest down without installing it. After an error the old one counts for certain.
    pub(super) fn prepare(&self, manifest: &Manifest) -> io::Result<()> {
        let mut text = manifest.to_string();
        if text.is_empty() {
            // Redis refuses a manifest without a line.
            text.push_str("# There is no file yet.\n");
        }
        let mut file = self.vfs.create(&self.names.temporary_manifest())?;
        append_all(&*file, text.as_bytes())?;
        file.sync()
    }

    /// Installs the manifest that was prepared. After an error it is not known which one will be found.
    pub(super) fn publish(&mut self, manifest: Manifest) -> io::Result<()> {
        self.vfs.rename(&self.names.temporary_manifest(), &self.names.manifest())?;
        self.sync_folder()?;
        self.manifest = manifest;
        Ok(())
    }

    /// Removes what was never finished.
    pub(super) fn remove_unfinished(&self) -> io::Result<()> {
        for name in self.vfs.list(&self.names.folder())? {
            let is_unfinished = name.to_str().is_some_and(|name| {
                name.strip_prefix(TEMPORARY).is_some_and(|name| name.starts_with(&self.names.file))
            });
            if is_unfinished {
                self.vfs.remove(&self.names.folder().join(name))?;
            }
        }
        Ok(())
    }

    /// Removes what has been replaced.
    ///
    /// The manifest names history until it is gone, so that a crash leaves nothing behind that nobody knows of.
    pub(super) fn remove_history(&mut self) -> io::Result<()> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        for file in &self.manifest.history {
            let path = self.names.path(&file.name);
            if self.vfs.is_file(&path)? {
                self.vfs.remove(&path)?;
            }
        }
        self.install(Manifest { history: Vec::new(), ..self.manifest.clone() })
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns whether there is a log to read: a base or increments.
    pub fn has_log(&self) -> bool {
        self.manifest.base.is_some() || !self.manifest.increments.is_empty()
    }

    /// Returns whether a log of one file has just been moved into the directory.
    ///
    /// Redis logs “Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory
    /// (appendonlydir).” then.
    pub fn was_upgraded(&self) -> bool {
        self.was_upgraded
    }

    /// Returns what the log's files are called.
    pub fn names(&self) -> &LogNames {
        &self.names
    }

    /// Returns the path of one of the log's files.
    pub fn path(&self, file: &LogFile) -> PathBuf {
        self.names.path(&file.name)
    }

    pub(super) fn vfs(&self) -> &Arc<dyn Vfs> {
        &self.vfs
    }

    pub(super) fn folder_path(&self) -> PathBuf {
        self.names.folder()
    }

    pub(super) fn sync_folder(&self) -> io::Result<()> {
        self.vfs.sync_directory(&self.folder_path())
    }

    /// Removes a file that nobody needs; one that can't be removed harms nobody.
    pub(super) fn discard(&self, path: &Path) {
        let _ = self.vfs.remove(path);
    }
}

/// Whether a name goes on as those of bases and increments do: `.2.base.rdb`.
fn is_numbered(rest: &str) -> bool {
    let number_and_kind = rest.strip_prefix('.').and_then(|rest| rest.split_once('.'));
    number_and_kind.is_some_and(|(number, kind)| {
        number.parse::<u64>().is_ok() && matches!(kind, "base.rdb" | "base.aof" | "incr.aof")
    })
}

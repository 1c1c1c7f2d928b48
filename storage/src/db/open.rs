//! How a data set is opened that outlives the process, and what is found then.

use crate::engine::Loaded;
use crate::system::SystemClock;
use crate::time::Clock;
use spinel_persistence::log::{LogNames, ReadOptions, TailCut};
use spinel_persistence::vfs::{RealVfs, Vfs};
use std::path::Path;
use std::sync::Arc;

/// When a call returns, and what a crash may take back of what it did.
///
/// A data set has one, a handle may have another ([`Db::with_durability`](super::Db::with_durability)), and
/// [`Db::sync`](super::Db::sync) makes up for a weak one at any time. Whatever it is, effects are on disk in the order in which
/// they happened, and each is there as a whole or not at all; so is a group that ran as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Durability {
    /// At once. The operating system gets the effect within some milliseconds, and writes it when it likes.
    ///
    /// A crash of the program may take back the last milliseconds, one of the machine the last half minute or so.
    None,
    /// At once. The operating system gets the effect within some milliseconds, and the disk has it a second later.
    ///
    /// A crash of the program may take back the last milliseconds, one of the machine the last two seconds.
    EverySecond,
    /// When the disk has all that the call did, and all that its reply may tell of: a read waits for a write that it has
    /// seen, too.
    ///
    /// No crash takes that back. Calls of several threads that wait at the same time share one sync.
    #[default]
    Always,
}

/// How a data set is opened; the defaults are those of a server, but for [`Durability::Always`].
#[derive(Clone)]
pub struct OpenOptions {
    /// What calls wait for unless their handle says otherwise.
    pub durability: Durability,
    /// How many databases there are. A directory that uses others can't be opened.
    pub databases: u16,
    /// The name of the log's directory in the data set's (`appenddirname` of a server).
    pub log_folder: String,
    /// What the names of the log's files begin with (`appendfilename` of a server).
    pub log_file: String,
    /// The snapshot that a log begins with where there is none yet (`dbfilename` of a server).
    pub snapshot_file: String,
    /// What is done about a log that is not whole.
    pub reading: ReadOptions,
    /// Where the files are.
    pub vfs: Arc<dyn Vfs>,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        let names = LogNames::new("");
        OpenOptions {
            durability: Durability::default(),
            databases: 16,
            log_folder: names.folder,
            log_file: names.file,
            snapshot_file: "dump.rdb".to_owned(),
            reading: ReadOptions::default(),
            vfs: Arc::new(RealVfs),
            clock: Arc::new(SystemClock),
        }
    }
}

impl OpenOptions {
    pub(super) fn names(&self, dir: &Path) -> LogNames {
        LogNames { dir: dir.to_owned(), folder: self.log_folder.clone(), file: self.log_file.clone() }
    }
}

/// What was found when a data set was opened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// Of the base of the log, or of the snapshot that it began with.
    pub loaded: Loaded,
    /// The end of the log, if it was not written whole and was cut off.
    pub cut: Option<TailCut>,
    /// Modules of Redis whose data was left out, by name.
    pub passed_modules: Vec<String>,
}

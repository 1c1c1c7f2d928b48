//! Writing the log anew: BGREWRITEAOF, and the first base of a log that is turned on.

use super::keeper::Keeper;
use super::{AppendOnly, Order, names};
use crate::log;
use crate::persistence::save::{self, Failure, Purpose};
use crate::server::{Shared, now};
use spinel_persistence::log::{BaseFormat, Commit, CommitError, Directory, Rewrite, Stage, Writer};
use spinel_persistence::vfs::RealVfs;
use spinel_storage::engine::journal::{Journal, Reader};
use spinel_storage::engine::snapshot::Snapshot;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// What was prepared for a rewrite when its snapshot was cut.
pub(in crate::persistence) enum Beginning {
    /// The keeper has begun new files. Their base is to be written there, unless it could not.
    Cut(Result<PathBuf, String>),
    /// What follows goes to a log that does not exist yet.
    Fresh(Reader, Arc<Commit>),
    /// Nothing follows: the log is off.
    Once,
}

impl AppendOnly {
    /// Prepares a rewrite without a keeper. Must be called at the cut.
    ///
    /// A log that is turned on there has nothing on disk until the rewrite is done, so nothing is durable before.
    pub(in crate::persistence) fn at_cut(&self, journal: &Arc<Journal>, turns_on: bool) -> Beginning {
        if !turns_on {
            return Beginning::Once;
        }
        let reader = journal.attach();
        let commit = self.turn_on(reader.offset());
        Beginning::Fresh(reader, commit)
    }

    /// Tells the keeper that the base is written, or will not be.
    fn finish(&self, is_written: bool) -> Result<(), String> {
        let off = || "the log was turned off".to_owned();
        let (answer, outcome) = channel();
        self.order(Order::Finish { is_written, answer }).map_err(|_| off())?;
        outcome.recv().unwrap_or_else(|_| Err(off()))
    }
}

/// Writes a snapshot as the base of a log.
pub(in crate::persistence) fn rewrite(
    shared: &Arc<Shared>,
    snapshot: &Snapshot,
    beginning: Beginning,
) -> Result<(), Failure> {
    let log = &shared.persistence.append_only;
    let path = match beginning {
        Beginning::Once => return rewrite_once(shared, snapshot),
        Beginning::Fresh(reader, commit) => {
            let begun = begin_fresh(shared, reader, Arc::clone(&commit));
            begun.inspect_err(|reason| {
                log.status.note_failure(reason);
                // Nobody else would ever tell those who wait for it: another try has a progress of its own.
                commit.publish_failure(CommitError { stage: Stage::Write, reason: reason.as_str().into() });
            })
        }
        Beginning::Cut(path) => path,
    };
    let path = path.map_err(Failure::Other).inspect_err(|_| snapshot.cancel())?;
    let written = write_base(shared, snapshot, &path);
    let finished = log.finish(written.is_ok()).map_err(Failure::Other);
    written.and(finished)
}

/// Begins a log, of which the keeper writes what follows the cut.
fn begin_fresh(shared: &Arc<Shared>, reader: Reader, commit: Arc<Commit>) -> Result<PathBuf, String> {
    let (writer, rewrite) = open_fresh(shared)?;
    let path = rewrite.path().to_owned();
    let keeper = Keeper::new(writer, reader, commit, shared).with_rewrite(rewrite);
    shared.persistence.append_only.start(keeper, shared).map_err(|error| error.to_string())?;
    Ok(path)
}

/// Writes the data set as a log to which nothing is added.
fn rewrite_once(shared: &Shared, snapshot: &Snapshot) -> Result<(), Failure> {
    let fresh = open_fresh(shared).inspect_err(|_| snapshot.cancel());
    let (mut writer, rewrite) = fresh.map_err(Failure::Other)?;
    match write_base(shared, snapshot, rewrite.path()) {
        Ok(()) => {
            let finished = writer.finish_rewrite(rewrite, BaseFormat::Rdb);
            finished.and_then(|()| writer.close()).map_err(|error| Failure::Other(error.to_string()))
        }
        Err(error) => {
            writer.abandon_rewrite(rewrite);
            Err(error)
        }
    }
}

fn open_fresh(shared: &Shared) -> Result<(Writer, Rewrite), String> {
    let directory = Directory::open(Arc::new(RealVfs), names(&shared.config));
    let directory = directory.map_err(|error| error.to_string())?;
    let time = Some(now().0.unsigned_abs() / 1000);
    Writer::begin_fresh(directory, 0, time).map_err(|error| error.to_string())
}

fn write_base(shared: &Shared, snapshot: &Snapshot, path: &Path) -> Result<(), Failure> {
    save::write_whole(shared, snapshot, Purpose::LogBase, path)?;
    log::notice(&format!("Successfully created the temporary AOF base file {}", path.display()));
    Ok(())
}

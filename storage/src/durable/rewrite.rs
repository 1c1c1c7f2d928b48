//! Writing the log anew, and the first base of a log that is turned on.

use super::error::SaveError;
use super::file::{FileOptions, Purpose, make_directory, write_whole};
use super::keeper::{Keeper, Order};
use super::log::{Log, LogEvent, LogPlace};
use crate::Executor;
use crate::engine::Turn;
use crate::engine::journal::Reader;
use crate::engine::snapshot::{Snapshot, SnapshotRunning};
use spinel_persistence::log::{CommitError, Directory, LogLock, Rewrite, Stage, WriteError, Writer};
use spinel_persistence::vfs::Vfs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// What becomes of writes behind a rewrite of a log that has no files yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Following {
    /// They go to the log, which is on from then on.
    Logged,
    /// Nothing: the log stays off.
    Unlogged,
}

/// Takes a rewrite that has begun, or learns that another snapshot is being written.
pub(super) type Taker = Box<dyn FnOnce(Result<LogRewrite, SnapshotRunning>) + Send>;

/// A rewrite that has begun: its snapshot is cut. It ends with [`LogRewrite::write`].
pub struct LogRewrite {
    log: Arc<Log>,
    snapshot: Arc<Snapshot>,
    beginning: Beginning,
}

/// What was prepared when the snapshot was cut.
enum Beginning {
    /// The keeper has begun new files. Their base is to be written there, unless it could not.
    Cut(Result<PathBuf, WriteError>),
    /// What follows goes to a log that does not exist yet.
    Fresh(Reader),
    /// Nothing follows: the log is off.
    Once,
}

impl Log {
    /// Begins to write the log anew, and hands what has begun to `taker`: at once, or later on the log's own thread, which
    /// cuts where the files can be divided and needs the turn to end for that.
    ///
    /// A log that is turned on by it has nothing on disk until the rewrite is done, so nothing is durable before.
    pub fn rewrite(
        self: &Arc<Log>,
        turn: &mut Turn<'_>,
        following: Following,
        taker: impl FnOnce(Result<LogRewrite, SnapshotRunning>) + Send + 'static,
    ) {
        let taker = match self.order(Order::Cut(Box::new(taker))) {
            Ok(()) => return,
            Err(Order::Cut(taker)) => taker,
            Err(_) => unreachable!("what was sent comes back"),
        };
        let cut = turn.begin_snapshot(&self.engine, |journal| match following {
            Following::Unlogged => Beginning::Once,
            Following::Logged => {
                let reader = journal.attach();
                self.turn_on_without_base(reader.offset());
                Beginning::Fresh(reader)
            }
        });
        let log = Arc::clone(self);
        taker(cut.map(|(snapshot, beginning)| LogRewrite { log, snapshot, beginning }));
    }

    /// As [`Log::rewrite`], but waits until it has begun. The calling thread must not be inside a turn.
    pub fn begin_rewrite(
        self: &Arc<Log>,
        executor: &mut Executor,
        following: Following,
    ) -> Result<LogRewrite, SaveError> {
        let (sender, begun) = channel();
        self.rewrite(&mut executor.begin(self.clock.now()), following, move |rewrite| {
            // Somebody waits for it below.
            let _ = sender.send(rewrite);
        });
        Ok(begun.recv().map_err(|_| SaveError::Off)??)
    }

    fn begin_fresh_files(&self) -> Result<(Writer, Rewrite), SaveError> {
        let directory = self.open_directory::<SaveError>()?;
        let time = Some(self.clock.now().0.unsigned_abs() / 1000);
        Ok(Writer::begin_fresh(directory, 0, time)?)
    }
}

impl LogRewrite {
    /// Of files that the keeper has begun.
    pub(super) fn cut(
        log: &Arc<Log>,
        snapshot: Arc<Snapshot>,
        base: Result<PathBuf, WriteError>,
    ) -> LogRewrite {
        LogRewrite { log: Arc::clone(log), snapshot, beginning: Beginning::Cut(base) }
    }

    /// The snapshot that is to be written. Cancelling it gives the rewrite up.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Writes the base and ends the rewrite: from then on the new files are the log. If that fails, the old ones are.
    ///
    /// The calling thread must not be inside a turn.
    pub fn write(self, options: &FileOptions) -> Result<(), SaveError> {
        let LogRewrite { log, snapshot, beginning } = self;
        let path = match beginning {
            Beginning::Once => {
                let written = log
                    .begin_fresh_files()
                    .inspect_err(|_| snapshot.cancel())
                    .and_then(|files| write_once(files, &snapshot, options, &*log.place.vfs));
                log.unlock_if_off();
                return written;
            }
            Beginning::Cut(path) => path.map_err(SaveError::Log),
            Beginning::Fresh(reader) => begin_fresh(&log, reader).inspect_err(|error| {
                // Nobody else would ever tell those who wait for it.
                let reason = error.to_string().into();
                log.commit().publish_failure(CommitError { stage: Stage::Write, reason });
            }),
        };
        let path = path.inspect_err(|_| snapshot.cancel())?;
        let written = write_base(&log, &snapshot, options, &path);
        let finished = log.finish(written.is_ok().then(|| options.format.of_base()));
        written.and(finished)
    }
}

/// Begins a log, of which the keeper writes what follows the cut.
fn begin_fresh(log: &Arc<Log>, reader: Reader) -> Result<PathBuf, SaveError> {
    let (writer, rewrite) = log.begin_fresh_files()?;
    let path = rewrite.path().to_owned();
    log.start(Keeper::new(writer, reader, log).with_rewrite(rewrite))?;
    Ok(path)
}

/// Writes a snapshot as a data set of its own, in a directory that has none yet and is made if its parent is there.
///
/// When it returns, the copy is durable, and opens by itself. If it fails, what is left opens as an empty data set.
pub fn backup(snapshot: &Snapshot, options: &FileOptions, place: &LogPlace) -> Result<(), SaveError> {
    let begin = || {
        make_directory(&*place.vfs, &place.names.dir)?;
        let locked = LogLock::take(&*place.vfs, &place.names)?;
        let directory = Directory::open(Arc::clone(&place.vfs), place.names.clone())?;
        if directory.has_log() {
            return Err(SaveError::AlreadyThere);
        }
        Ok((Writer::begin_fresh(directory, 0, None)?, locked))
    };
    let (files, _locked) = begin().inspect_err(|_| snapshot.cancel())?;
    write_once(files, snapshot, options, &*place.vfs)
}

/// Writes a snapshot as a log to which nothing is added.
fn write_once(
    (mut writer, rewrite): (Writer, Rewrite),
    snapshot: &Snapshot,
    options: &FileOptions,
    vfs: &dyn Vfs,
) -> Result<(), SaveError> {
    match write_whole(snapshot, options, Purpose::LogBase, vfs, rewrite.path()) {
        Ok(()) => {
            writer.finish_rewrite(rewrite, options.format.of_base())?;
            Ok(writer.close()?)
        }
        Err(error) => {
            writer.abandon_rewrite(rewrite);
            Err(error)
        }
    }
}

fn write_base(log: &Log, snapshot: &Snapshot, options: &FileOptions, path: &Path) -> Result<(), SaveError> {
    write_whole(snapshot, options, Purpose::LogBase, &*log.place.vfs, path)?;
    log.tell(LogEvent::BaseWritten(path));
    Ok(())
}

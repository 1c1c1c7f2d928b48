//! Takes what the journal has, appends it to the files, and makes it durable: on the thread `log`, or on one that
//! would only wait for it.

use super::error::SaveError;
use super::log::{Log, LogEvent, Sizes};
use super::rewrite::{LogRewrite, Taker};
use crate::engine::journal::{Offset, Reader};
use crate::lock;
use spinel_persistence::StreamPlace;
use spinel_persistence::log::{
    BaseFormat, Chunk, CommitError, Committer, Now, Rewrite, Stage, SyncPolicy, WriteError, Writer,
};
use spinel_persistence::vfs::{Access, Vfs};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// Between two looks if nobody wakes the thread.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Between two tries after an error.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// How long the thread lets writes gather where nobody waits for it.
const GATHER: Duration = Duration::from_millis(2);
/// Writing and syncing is quick if it takes no longer: then a thread that would only wait for it may do it itself.
const QUICK_MS_MAX: u64 = 1;

/// What the keeper is told.
pub(super) enum Order {
    /// A rewrite begins.
    Cut(Taker),
    /// The base is written, or will not be.
    Finish { written: Option<BaseFormat>, answer: Sender<Result<(), SaveError>> },
    /// All is written that there is, and the files are closed, with a note where the data set stands.
    Stop { place: Option<PlaceAt>, answer: Sender<Result<(), WriteError>> },
}

/// Where in a stream that servers copy the data set stands at an offset of the journal.
pub(super) type PlaceAt = (Offset, StreamPlace);

/// What is to be noted at the end, and who waits for it.
type Last = (Option<PlaceAt>, Sender<Result<(), WriteError>>);

/// Lets nobody wait for a thread that has ended, also if it panicked.
struct LastWords<'l>(&'l Log);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        self.0.mailbox.close();
        *lock(&self.0.keeper) = None;
        if std::thread::panicking() {
            let reason = "the thread that writes it has panicked".into();
            self.0.commit().publish_failure(CommitError { stage: Stage::Write, reason });
        }
    }
}

/// What the thread does until it is told to stop.
pub(super) fn run(log: &Arc<Log>) {
    let _last_words = LastWords(log);
    loop {
        let orders = log.mailbox.take();
        let mut place = lock(&log.keeper);
        let Some(keeper) = &mut *place else { return };
        for order in orders {
            if let Some(last) = keeper.obey(order, log) {
                let keeper = place.take();
                drop(place);
                return keeper.map_or((), |keeper| keeper.end(log, last));
            }
        }
        let due = keeper.work(log);
        drop(place);
        rest(log, due);
    }
}

/// Rests until there is something to do.
fn rest(log: &Log, due: Option<u64>) {
    let mailbox = &log.mailbox;
    if log.commit().has_failed() {
        return mailbox.rest(TRY_AGAIN, || false);
    }
    if mailbox.policy() != SyncPolicy::Always {
        mailbox.gather(GATHER);
    }
    let until = |due: u64| Duration::from_millis(due.saturating_sub(log.clock.monotonic_ms()));
    let has_come = || mailbox.wants_sync() || has_more(log);
    mailbox.rest(due.map_or(LONGEST_REST, until), has_come);
}

/// Whether the journal has something that is not written.
fn has_more(log: &Log) -> bool {
    log.engine.journal().end() > log.commit().written()
}

/// The files, and what goes there. Whoever writes has it for himself meanwhile.
pub(super) struct Keeper {
    committer: Committer,
    rewrite: Option<Rewrite>,
    /// The bytes of all files but the one that is written.
    other_bytes: u64,
    /// Whether writing or syncing failed last.
    was_failing: bool,
}

impl Keeper {
    /// Goes on with files at their end, with what comes from the reader.
    pub(super) fn new(writer: Writer, mut reader: Reader, log: &Log) -> Keeper {
        let other_bytes = other_bytes(&writer, &*log.place.vfs);
        let source = Box::new(move |take: &mut dyn FnMut(Chunk)| reader.give(take));
        Keeper {
            committer: Committer::telling(Arc::clone(log.commit()), source, writer, SyncPolicy::Always),
            rewrite: None,
            other_bytes,
            was_failing: false,
        }
    }

    /// Goes on with a rewrite that has begun.
    pub(super) fn with_rewrite(self, rewrite: Rewrite) -> Keeper {
        Keeper { rewrite: Some(rewrite), ..self }
    }

    /// Writes what is new and tells what came of it; returns when to do so again even if nothing comes.
    pub(super) fn work(&mut self, log: &Log) -> Option<u64> {
        let begun_ms = log.clock.monotonic_ms();
        let due = self.step(log);
        self.note(log);
        if !self.was_failing {
            log.mailbox.wrote(begun_ms, has_more(log));
        }
        log.note_pace(log.clock.monotonic_ms().saturating_sub(begun_ms) <= QUICK_MS_MAX);
        due
    }

    /// Does what somebody wants. If that is the end, returns what is to be noted then and who waits for it.
    fn obey(&mut self, order: Order, log: &Arc<Log>) -> Option<Last> {
        match order {
            Order::Cut(taker) => self.cut(taker, log),
            Order::Finish { written, answer } => {
                let outcome = self.finish(written, log);
                if written.is_some() && outcome.is_ok() {
                    self.note_base(log);
                }
                // Who asked has gone only if the program ends.
                let _ = answer.send(outcome);
            }
            Order::Stop { place, answer } => return Some((place, answer)),
        }
        None
    }

    /// Writes what is new; returns when to do so again even if nothing comes.
    fn step(&mut self, log: &Log) -> Option<u64> {
        let is_asked = log.mailbox.takes_sync();
        self.committer.set_policy(match log.mailbox.policy() {
            _ if is_asked => SyncPolicy::Always,
            policy => policy,
        });
        self.committer.step(now(log, log.mailbox.notes_time()))
    }

    /// Notes what came of a step.
    fn note(&mut self, log: &Log) {
        lock(&log.sizes).current = self.bytes();
        log.needs_rewrite.store(self.committer.writer().has_failed(), Ordering::Relaxed);
        match self.committer.commit().failure() {
            None if self.was_failing => {
                self.was_failing = false;
                log.tell(LogEvent::Recovered);
            }
            Some(failure) if !self.was_failing => {
                self.was_failing = true;
                log.tell(LogEvent::Failed(&failure));
            }
            _ => {}
        }
    }

    /// Notes how large the files are after a start or a rewrite.
    pub(super) fn note_base(&self, log: &Log) {
        *lock(&log.sizes) = Sizes { current: self.bytes(), base: self.bytes() };
    }

    /// Cuts a snapshot that is to be the base of new files, to which goes what comes after it.
    fn cut(&mut self, taker: Taker, log: &Arc<Log>) {
        self.committer.hold();
        let snapshot = match log.engine.begin_snapshot() {
            Ok(snapshot) => snapshot,
            Err(running) => {
                self.committer.release();
                return taker(Err(running));
            }
        };
        self.committer.cut_at(snapshot.journal_offset());
        self.committer.step(now(log, true));
        let rewrite =
            self.committer.take_rewrite().expect("a step reads the journal to its end, behind the cut");
        let path = rewrite.map(|rewrite| self.rewrite.insert(rewrite).path().to_owned());
        self.other_bytes = other_bytes(self.committer.writer(), &*log.place.vfs);
        taker(Ok(LogRewrite::cut(log, snapshot, path)));
    }

    /// Ends a rewrite whose base is written, or will not be.
    fn finish(&mut self, written: Option<BaseFormat>, log: &Log) -> Result<(), SaveError> {
        let Some(rewrite) = self.rewrite.take() else { return Err(SaveError::Off) };
        let Some(format) = written else {
            self.committer.abandon_rewrite(rewrite);
            return Ok(());
        };
        let outcome = self.committer.finish_rewrite(rewrite, format);
        // What can't be removed now is named in the manifest, and the next start tries again.
        let _ = self.committer.remove_history();
        self.other_bytes = other_bytes(self.committer.writer(), &*log.place.vfs);
        Ok(outcome?)
    }

    /// The bytes of all files.
    fn bytes(&self) -> u64 {
        self.other_bytes + self.committer.writer().increment_bytes()
    }

    /// Writes the rest and closes the files, for who waits for an answer.
    fn end(mut self, log: &Log, (place, answer): Last) {
        if let Some(rewrite) = self.rewrite.take() {
            self.committer.abandon_rewrite(rewrite);
        }
        // Who asked waits for it.
        let _ = answer.send(self.committer.close_at(now(log, false), place));
    }
}

fn now(log: &Log, notes_time: bool) -> Now {
    let unix_seconds = notes_time.then(|| log.clock.now().0.unsigned_abs() / 1000);
    Now { monotonic_ms: log.clock.monotonic_ms(), unix_seconds }
}

/// The bytes of all files that the manifest names but the last, which is the one that is written.
fn other_bytes(writer: &Writer, vfs: &dyn Vfs) -> u64 {
    let directory = writer.directory();
    let manifest = directory.manifest();
    let others = manifest.increments.iter().rev().skip(1);
    let bytes = |file| vfs.open(&directory.path(file), Access::Read).and_then(|file| file.len()).unwrap_or(0);
    manifest.base.iter().chain(others).map(bytes).sum()
}

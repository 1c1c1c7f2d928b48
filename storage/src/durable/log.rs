//! The append-only log of a data set, on or off: every write goes to files, from which the data set is there again.

use super::error::SaveError;
use super::keeper::{self, Keeper, Order};
use super::mailbox::Mailbox;
use crate::engine::Engine;
use crate::engine::journal::Offset;
use crate::lock;
use crate::time::Clock;
use spinel_persistence::StreamPlace;
use spinel_persistence::log::{
    self, BaseFormat, Commit, CommitError, Directory, Health, LockError, LogLock, LogNames, SyncPolicy,
    SyncedTo, TailCut, WriteError,
};
use spinel_persistence::vfs::Vfs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Who writes faster than the disk waits when so many bytes of the journal are not written.
const BACKLOG_BYTES_MAX: u64 = 64 << 20;

/// Replies wait when what is new has not been written for so long: what a killed process loses was answered within it.
const LAG_MS_MAX: u64 = 1000;

/// Where a log is kept.
pub struct LogPlace {
    /// On which file system.
    pub vfs: Arc<dyn Vfs>,
    /// In which directory, and what the files are called.
    pub names: LogNames,
}

/// Something that whoever looks after the data set may want to know.
#[derive(Clone, Copy)]
pub enum LogEvent<'e> {
    /// A log of one file, as Redis wrote it before version 7, was moved into the log's directory.
    Upgraded(&'e LogNames),
    /// The end of the log was not written whole and is left out.
    Cut(&'e TailCut),
    /// The log can't be written, or not be made durable.
    Failed(&'e CommitError),
    /// It can be again.
    Recovered,
    /// A rewrite has written the new base here.
    BaseWritten(&'e Path),
}

/// Hears what happens to a log, on whichever thread it happens.
pub type LogListener = Box<dyn Fn(LogEvent<'_>) + Send + Sync>;

/// The sizes of the files in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sizes {
    /// Of all files.
    pub current: u64,
    /// Of the base, and what stood behind it when it was made.
    pub base: u64,
}

/// The log of a data set, on or off.
///
/// It is on from [`Log::load`], or from a [rewrite](Log::rewrite) that others may follow, until [`Log::stop`].
pub struct Log {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) place: LogPlace,
    listener: LogListener,
    /// Whether writes go to the log.
    is_on: AtomicBool,
    pub(super) mailbox: Mailbox,
    commit: Arc<Commit>,
    pub(super) needs_rewrite: AtomicBool,
    pub(super) sizes: Mutex<Sizes>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The files; none while the log is off. Nobody waits for them who may be waited for by who has them.
    pub(super) keeper: Mutex<Option<Keeper>>,
    /// Whether the disk did what it was last asked for at once.
    is_quick: AtomicBool,
    /// Keeps others from the files. Taken before anything is read, given back when the log stops.
    locked: Mutex<Option<LogLock>>,
}

impl Log {
    /// Makes a log that is off.
    pub fn new(
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        place: LogPlace,
        listener: LogListener,
    ) -> Arc<Log> {
        Arc::new(Log {
            engine,
            clock,
            place,
            listener,
            is_on: AtomicBool::new(false),
            mailbox: Mailbox::new(SyncPolicy::EverySecond),
            commit: Arc::new(Commit::idle()),
            needs_rewrite: AtomicBool::new(false),
            sizes: Mutex::default(),
            thread: Mutex::default(),
            keeper: Mutex::default(),
            is_quick: AtomicBool::new(false),
            locked: Mutex::default(),
        })
    }

    /// Whether writes go to the log; costs one relaxed load.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Whether there are files to which writes go. A log that is on lacks them until its first base is begun, or if that
    /// failed.
    pub fn has_keeper(&self) -> bool {
        lock(&self.thread).is_some()
    }

    /// How far the log is on disk, in offsets of the journal. While it is off, nobody has to wait for anything.
    pub fn commit(&self) -> &Arc<Commit> {
        &self.commit
    }

    /// Whether the log is on and writing or syncing failed last; costs two relaxed loads.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.commit.has_failed() && self.is_on()
    }

    /// Why that failed.
    pub fn failure(&self) -> Option<CommitError> {
        if self.has_failed() { self.commit.failure() } else { None }
    }

    /// Whether only a rewrite makes the log durable again.
    pub fn needs_rewrite(&self) -> bool {
        self.needs_rewrite.load(Ordering::Relaxed)
    }

    /// How large the files are.
    pub fn sizes(&self) -> Sizes {
        *lock(&self.sizes)
    }

    /// Syncs by this policy from now on.
    pub fn set_policy(&self, policy: SyncPolicy) {
        self.mailbox.set_policy(policy);
    }

    /// Notes the time in the files from now on, or no more.
    pub fn set_notes_time(&self, notes_time: bool) {
        self.mailbox.set_notes_time(notes_time);
    }

    /// Syncs at least once a second from now on.
    pub(crate) fn sync_every_second(&self) {
        if self.mailbox.policy() == SyncPolicy::No {
            self.mailbox.set_policy(SyncPolicy::EverySecond);
        }
    }

    /// Lets the keeper make durable at once what it has, whatever the policy.
    pub fn want_sync(&self) {
        self.mailbox.want_sync();
    }

    /// Whether the log can be written; costs one load.
    #[inline]
    pub fn health(&self) -> Health {
        self.commit.health()
    }

    /// Whether nobody may be told of what is not on disk.
    #[inline]
    pub fn is_strict(&self) -> bool {
        self.mailbox.policy() == SyncPolicy::Always
    }

    /// What somebody must wait for who tells of commands that ran until now: that the log has on disk all that they may
    /// have seen. Nothing if it has, or if the policy doesn't ask for that and the log is not far behind.
    ///
    /// Also nothing if the log could not be written since `before`, which is how it was before these commands ran: none of
    /// them has written, and everybody may know that what they read is not on disk.
    ///
    /// If the policy asks for it, who gets a barrier calls [`Log::wake`], or [`Log::sync_here`], as soon as there is nothing else to run.
    #[inline]
    pub fn barrier(&self, before: Option<Health>) -> Option<SyncedTo> {
        if !self.is_on() {
            return None;
        }
        let is_strict = self.is_strict();
        if !is_strict {
            self.wake();
        }
        let barrier = self.barrier_if(is_strict)?;
        let failed_throughout = before.is_some_and(|before| before.is_bad() && before == self.health());
        (!failed_throughout).then_some(barrier)
    }

    /// The same for who decides himself whether it must be on disk, and wakes the log's thread himself.
    #[inline]
    pub(crate) fn barrier_if(&self, must_be_durable: bool) -> Option<SyncedTo> {
        let end = self.engine.journal().end();
        let unwritten = end.saturating_sub(self.commit.written());
        if !must_be_durable && unwritten <= BACKLOG_BYTES_MAX && !self.lags(end) {
            return None;
        }
        let unsynced = self.unsynced()?;
        if self.mailbox.policy() != SyncPolicy::Always {
            self.want_sync();
        }
        Some(unsynced)
    }

    /// Makes durable what there is, for who only waits for that and has nothing else to do: on this thread if nobody
    /// else is at it and the disk is quick, which spares two changes of threads; otherwise the log's thread does it.
    ///
    /// Must not be called inside a turn.
    pub fn sync_here(&self) {
        if self.is_quick.load(Ordering::Relaxed)
            && !self.commit.has_failed()
            && let Ok(mut keeper) = self.keeper.try_lock()
            && let Some(keeper) = &mut *keeper
        {
            // Only the thread knows when what is written under another policy is due.
            keeper.work(self);
            if self.is_strict() && !self.commit.has_failed() {
                return;
            }
        }
        self.mailbox.wake();
    }

    /// Wakes the log's thread if it rests.
    #[inline]
    pub fn wake(&self) {
        self.mailbox.wake();
    }

    /// Notes whether the disk was quick.
    pub(super) fn note_pace(&self, is_quick: bool) {
        self.is_quick.store(is_quick, Ordering::Relaxed);
    }

    /// Whether what stands before an offset has been waiting to be written for longer than `everysec` may lose: because the
    /// disk is slow, or the log's thread is not let run.
    #[inline]
    fn lags(&self, offset: Offset) -> bool {
        let is_written = || self.commit.written() >= offset;
        self.mailbox.policy() == SyncPolicy::EverySecond
            && !is_written()
            && self.mailbox.waits_for_ms(self.clock.monotonic_ms(), is_written) > LAG_MS_MAX
    }

    /// What to wait for until the log has all on disk that there is now; nothing if it has.
    pub fn unsynced(&self) -> Option<SyncedTo> {
        let end = self.engine.journal().end();
        (self.commit.synced() < end).then(|| self.commit.synced_to(end))
    }

    /// What to wait for until all is on disk that the data set holds now: as [`Log::unsynced`], and the first base of a log
    /// that has just been turned on.
    pub fn undurable(&self) -> Option<SyncedTo> {
        let end = self.engine.journal().end();
        (!self.commit.is_durable_to(end)).then(|| self.commit.durable_to(end))
    }

    /// How many bytes of the journal are not durable yet; 0 without a log.
    pub fn backlog(&self) -> u64 {
        self.engine.journal().end().saturating_sub(self.commit.synced())
    }

    /// How many bytes of the journal are to be written yet; 0 without a log.
    pub fn unwritten_bytes(&self) -> u64 {
        if !self.is_on() {
            return 0;
        }
        self.engine.journal().end().saturating_sub(self.commit.written())
    }

    /// Turns the log on: what stands in the journal from an offset on is to be durable before anybody tells of it.
    pub(super) fn turn_on(&self, offset: Offset) {
        self.commit.restart(offset);
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// As [`Log::turn_on`], with a log whose first base is not written yet.
    pub(super) fn turn_on_without_base(&self, offset: Offset) {
        self.commit.restart_without_base(offset);
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Starts the keeper, unless the log was turned off meanwhile.
    pub(super) fn start(self: &Arc<Log>, keeper: Keeper) -> Result<(), SaveError> {
        let mut running = lock(&self.thread);
        // Who turns it off says so first, and looks for the thread then.
        if !self.is_on() {
            return Err(SaveError::Off);
        }
        self.mailbox.open();
        keeper.note_base(self);
        *lock(&self.keeper) = Some(keeper);
        let log = Arc::clone(self);
        let thread = thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || keeper::run(&log))?;
        self.mailbox.belongs_to(thread.thread().clone());
        *running = Some(thread);
        Ok(())
    }

    /// Tells the keeper something, unless there is none.
    pub(super) fn order(&self, order: Order) -> Result<(), Order> {
        let thread = lock(&self.thread);
        if thread.is_none() { Err(order) } else { self.mailbox.order(order) }
    }

    /// Tells the keeper that the base is written, and as what, or that it will not be.
    pub(super) fn finish(&self, written: Option<BaseFormat>) -> Result<(), SaveError> {
        let (answer, outcome) = channel();
        self.order(Order::Finish { written, answer }).map_err(|_| SaveError::Off)?;
        outcome.recv().unwrap_or(Err(SaveError::Off))
    }

    /// Keeps others from the files until the log stops.
    fn keep_locked(&self) -> Result<(), LockError> {
        let mut locked = lock(&self.locked);
        if locked.is_none() {
            *locked = Some(LogLock::take(&*self.place.vfs, &self.place.names)?);
        }
        Ok(())
    }

    /// Opens the directory of the log, which others can't use until the log stops.
    pub(super) fn open_directory<E: From<LockError> + From<log::OpenError>>(&self) -> Result<Directory, E> {
        self.keep_locked()?;
        Ok(Directory::open(Arc::clone(&self.place.vfs), self.place.names.clone())?)
    }

    /// Lets others use the files if the log is off.
    pub(super) fn unlock_if_off(&self) {
        if !self.is_on() {
            *lock(&self.locked) = None;
        }
    }

    /// Lets the keeper write all there is, make it durable and end; nothing if there is none. After an error not all is
    /// known to be durable, and who still waits for it learns that; otherwise nobody has to wait any more.
    ///
    /// Must not be called inside a turn: the keeper may be waiting for its end.
    pub fn stop(&self) -> Result<(), WriteError> {
        self.stop_at(None)
    }

    /// As [`Log::stop`], and notes in the files where in a stream that servers copy the data set stands at an offset of the journal.
    /// It is left out if the journal goes on behind that.
    pub fn stop_at(&self, place: Option<(Offset, StreamPlace)>) -> Result<(), WriteError> {
        self.is_on.store(false, Ordering::SeqCst);
        let thread = lock(&self.thread).take();
        let outcome = thread.map_or(Ok(()), |thread| {
            let (answer, ended) = channel();
            // If it comes back, the thread has panicked, which was reported; then nobody answers.
            drop(self.mailbox.order(Order::Stop { place, answer }));
            let outcome = ended.recv();
            // As above.
            let _ = thread.join();
            outcome.unwrap_or(Err(WriteError::NotDurable))
        });
        if outcome.is_ok() {
            self.commit.retire();
        }
        self.needs_rewrite.store(false, Ordering::Relaxed);
        self.unlock_if_off();
        outcome
    }

    pub(super) fn tell(&self, event: LogEvent<'_>) {
        (self.listener)(event);
    }
}

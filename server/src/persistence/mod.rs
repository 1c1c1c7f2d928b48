//! The data set on disk: snapshots, the log of writes, and what is loaded when the server starts.
//!
//! ```text
//! BGSAVE, `save`, SHUTDOWN ─→ begin: the cut ─→ saver thread: walk, encode, write, rename
//! ```
//!
//! One thing is written in the background at a time. A snapshot is cut where it is asked for, which stops all writes
//! for some microseconds; the thread `saver` does the rest.

mod append_only;
mod due;
mod farewell;
mod load;
mod record;
mod refusal;
mod rules;
mod save;
mod saver;

use crate::config::{Config, table};
use crate::log;
use crate::server::{Shared, now};
use append_only::{AppendOnly, Beginning};
pub(crate) use farewell::save_before_end;
pub(crate) use load::{begin_log, load};
pub(crate) use record::{Activity, Saves};
pub(crate) use refusal::refusal;
pub(crate) use saver::Saver;
use spinel_persistence::log::SyncedTo;
use spinel_storage::engine::snapshot::Snapshot;
use spinel_storage::engine::{Loaded, Turn};
use spinel_storage::{Engine, UnixMillis};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who writes faster than the disk waits when so many bytes of the journal are not written.
const BACKLOG_BYTES_MAX: u64 = 64 << 20;

/// What is written in the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A snapshot of the data set.
    Save,
    /// The log, anew.
    Rewrite,
}

/// Hears how it ended; the error is for operators.
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;

/// What somebody wants written.
pub(crate) struct Request {
    kind: Kind,
    answer: Option<Answer>,
}

impl Request {
    /// Of somebody who waits for the outcome.
    pub(crate) fn answered(kind: Kind, answer: impl FnOnce(Result<(), String>) + Send + 'static) -> Request {
        Request { kind, answer: Some(Box::new(answer)) }
    }

    /// Of somebody who does not.
    pub(crate) fn unanswered(kind: Kind) -> Request {
        Request { kind, answer: None }
    }
}

/// Something else is being written; the request is given back.
pub(crate) struct Busy(Request);

/// A snapshot that was cut and is to be written.
struct Task {
    request: Request,
    snapshot: Arc<Snapshot>,
    /// What was prepared for a rewrite of the log.
    beginning: Beginning,
    /// All changes up to the cut.
    changes: u64,
}

/// What the saver is told.
enum Order {
    Write(Task),
    Stop,
}

/// What is on disk, and what is being written.
pub(crate) struct Persistence {
    state: Mutex<State>,
    /// Whether commands that write are refused because the last save failed.
    has_failed: AtomicBool,
    pub(crate) append_only: AppendOnly,
    orders: Sender<Order>,
    /// Until the saver starts.
    received: Mutex<Option<Receiver<Order>>>,
}

struct State {
    running: Option<Running>,
    is_save_scheduled: bool,
    is_rewrite_scheduled: bool,
    saves: Saves,
    loaded: Loaded,
}

struct Running {
    kind: Kind,
    since: UnixMillis,
    /// Once it is cut.
    snapshot: Option<Arc<Snapshot>>,
    is_cancelled: bool,
}

impl Running {
    fn cancel(&mut self) {
        self.is_cancelled = true;
        if let Some(snapshot) = &self.snapshot {
            snapshot.cancel();
        }
    }
}

impl Persistence {
    pub(crate) fn new(started: UnixMillis) -> Persistence {
        let (orders, received) = channel();
        Persistence {
            state: Mutex::new(State {
                running: None,
                is_save_scheduled: false,
                is_rewrite_scheduled: false,
                saves: Saves::new(started),
                loaded: Loaded::default(),
            }),
            has_failed: AtomicBool::new(false),
            append_only: AppendOnly::default(),
            orders,
            received: Mutex::new(Some(received)),
        }
    }

    /// What replies to commands that ran until now must wait for: that the log has on disk all that they may tell of.
    /// Nothing if it has, or if nobody asks for that and the log is not far behind.
    #[inline]
    pub(crate) fn barrier(&self, engine: &Engine) -> Option<SyncedTo> {
        if !self.append_only.is_on() {
            return None;
        }
        let log = &self.append_only;
        log.wake();
        let is_far_behind = engine.journal().end().saturating_sub(log.status().written()) > BACKLOG_BYTES_MAX;
        if is_far_behind {
            log.want_sync();
        }
        if is_far_behind || log.holds_replies() { self.unsynced(engine) } else { None }
    }

    /// What to wait for until the log has all on disk that there is now; nothing if it has.
    pub(crate) fn unsynced(&self, engine: &Engine) -> Option<SyncedTo> {
        let commit = self.append_only.commit()?;
        let end = engine.journal().end();
        (commit.synced() < end).then(|| commit.synced_to(end))
    }

    /// How many bytes of the journal are not durable yet; 0 without a log.
    pub(crate) fn log_backlog(&self, engine: &Engine) -> u64 {
        self.append_only.commit().map_or(0, |commit| engine.journal().end().saturating_sub(commit.synced()))
    }

    /// What is being written.
    pub(crate) fn running(&self) -> Option<Kind> {
        self.state().running.as_ref().map(|running| running.kind)
    }

    /// What was loaded when the server started.
    pub(crate) fn loaded(&self) -> Loaded {
        self.state().loaded
    }

    /// How saves went so far.
    pub(crate) fn saves(&self) -> Saves {
        self.state().saves
    }

    /// Whether the last save failed, or the log can't be written; costs two relaxed loads.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.append_only.status().has_failed()
    }

    /// Cuts a snapshot and lets it be written, unless something else is.
    pub(crate) fn begin(&self, shared: &Shared, turn: &mut Turn<'_>, request: Request) -> Result<(), Busy> {
        if !self.reserve(request.kind) {
            return Err(Busy(request));
        }
        let request = match request.kind {
            // What has files already cuts where they can be divided.
            Kind::Rewrite => match self.append_only.rewrite(request) {
                Ok(()) => return Ok(()),
                Err(request) => request,
            },
            Kind::Save => request,
        };
        let turns_on = request.kind == Kind::Rewrite && shared.config.is_on(table::APPENDONLY);
        // The cut waits until all others are out of the keyspace, and they may ask for the state there.
        let cut = turn.begin_snapshot(&shared.engine, |journal| {
            (shared.engine.counters().changes, self.append_only.at_cut(journal, turns_on))
        });
        let Ok((snapshot, (changes, beginning))) = cut else {
            self.state().running = None;
            return Err(Busy(request));
        };
        self.write(Task { request, snapshot, beginning, changes });
        Ok(())
    }

    /// Says that what was asked for can't be done now.
    fn give_up(&self, request: Request) {
        self.state().running = None;
        if let Some(answer) = request.answer {
            answer(Err("something else is being written".to_owned()));
        }
    }

    /// Lets the saver write a snapshot.
    fn write(&self, task: Task) {
        if let Some(running) = &mut self.state().running {
            running.snapshot = Some(Arc::clone(&task.snapshot));
            if running.is_cancelled {
                task.snapshot.cancel();
            }
        }
        // The saver ends when the server does.
        let _ = self.orders.send(Order::Write(task));
    }

    /// Keeps others from writing anything.
    fn reserve(&self, kind: Kind) -> bool {
        let (mut state, since) = (self.state(), now());
        if state.running.is_some() {
            return false;
        }
        match kind {
            Kind::Save => {
                state.is_save_scheduled = false;
                state.saves.tried = since;
            }
            Kind::Rewrite => state.is_rewrite_scheduled = false,
        }
        state.running = Some(Running { kind, since, snapshot: None, is_cancelled: false });
        true
    }

    /// Lets something be written as soon as nothing else is.
    pub(crate) fn schedule(&self, kind: Kind) {
        let mut state = self.state();
        match kind {
            Kind::Save => state.is_save_scheduled = true,
            Kind::Rewrite => state.is_rewrite_scheduled = true,
        }
    }

    /// Ends the save that runs, or takes back the one that was scheduled; and says which of the two.
    pub(crate) fn cancel_save(&self) -> Option<Cancelled> {
        let mut state = self.state();
        let was_scheduled = std::mem::take(&mut state.is_save_scheduled);
        match &mut state.running {
            Some(running) if running.kind == Kind::Save => {
                running.cancel();
                Some(Cancelled::Running)
            }
            _ => was_scheduled.then_some(Cancelled::Scheduled),
        }
    }

    /// Lets the log be turned on or off soon, as the settings say now.
    pub(crate) fn switch_log(&self, config: &Config) {
        let mut state = self.state();
        state.is_rewrite_scheduled = config.is_on(table::APPENDONLY) && !self.append_only.is_on();
    }

    /// Turns the log off if the settings say so. Must not be called inside a turn: the log may be waiting for its end.
    pub(crate) fn end_unwanted_log(&self, config: &Config) {
        if config.is_on(table::APPENDONLY) || !self.append_only.is_on() {
            return;
        }
        if self.running() == Some(Kind::Rewrite) {
            self.cancel();
        }
        self.append_only.stop();
        log::notice("The append only file is closed, because appendonly is off now.");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which save was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cancelled {
    Running,
    Scheduled,
}

//! The data set on disk: snapshots, the log of writes, and what is loaded when the server starts.
//!
//! ```text
//! BGSAVE, `save`, SHUTDOWN ─→ begin: the cut ─→ saver thread: walk, encode, write, rename
//! ```
//!
//! One thing is written in the background at a time. A snapshot is cut where it is asked for, which stops all writes
//! for some microseconds; the thread `saver` does the rest.

mod backup;
mod beside;
mod convert;
mod due;
mod farewell;
mod files;
mod leftovers;
mod load;
mod loading;
mod place;
mod record;
mod refusal;
mod reload;
mod rules;
mod saver;
mod taking_over;

use crate::config::{Config, table};
use crate::latency::{Latency, LogDisk};
use crate::log;
use crate::server::{Shared, now};
pub(crate) use backup::{BackupName, Backups, Ending, NoBackup, list as list_backups};
pub(crate) use convert::{Conversion, convert};
pub(crate) use farewell::{CAN_NOT_END, save_before_end};
pub(crate) use files::{apply_delays, snapshot_options, stop};
pub(crate) use load::{begin_log, load, restore};
pub(crate) use loading::Loading;
pub(crate) use record::{Activity, Rewrites, Saves};
pub(crate) use refusal::refusal;
pub(crate) use reload::Reload;
use reload::ReloadAnswer;
pub(crate) use saver::Saver;
use spinel_persistence::StreamPlace;
use spinel_storage::durable::{Following, Log, LogRewrite};
use spinel_storage::engine::snapshot::{Snapshot, SnapshotRunning};
use spinel_storage::engine::{Loaded, Turn};
use spinel_storage::{Engine, UnixMillis};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
pub(crate) use taking_over::TakenOver;

/// How long whoever has to wait until nothing is written waits before he looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What can be asked for, now or as soon as nothing else is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A snapshot of the data set.
    Save,
    /// The log, anew.
    Rewrite,
}

/// What is written in the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// A snapshot of the data set.
    Save,
    /// The log, anew.
    Rewrite,
    /// A backup.
    Backup,
    /// Nothing, or a snapshot that is loaded then.
    Reload,
    /// A snapshot, to replicas.
    Synchronize,
}

impl Kind {
    fn work(self) -> Work {
        match self {
            Kind::Save => Work::Save,
            Kind::Rewrite => Work::Rewrite,
        }
    }
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

/// What the saver is told.
enum Order {
    /// A snapshot was cut and is to be saved. It holds so many changes of all there were, and stands there in the stream.
    Save {
        snapshot: Arc<Snapshot>,
        changes: u64,
        place: Option<StreamPlace>,
        answer: Option<Answer>,
    },
    /// A rewrite of the log has begun, or could not.
    Rewrite {
        rewrite: Result<LogRewrite, SnapshotRunning>,
        answer: Option<Answer>,
    },
    /// A snapshot was cut and is to be written as a backup in a folder.
    Backup {
        snapshot: Arc<Snapshot>,
        folder: PathBuf,
        name: BackupName,
    },
    /// The data set is to be loaded anew.
    Reload {
        reload: Reload,
        answer: ReloadAnswer,
    },
    /// Replicas wait for a snapshot.
    Synchronize,
    /// A snapshot is to be loaded instead of what is there.
    TakeOver {
        path: PathBuf,
        answer: taking_over::Answer,
    },
    /// The log of slow commands is to be kept on disk.
    KeepCommandLog,
    Stop,
}

/// What is on disk, and what is being written.
pub(crate) struct Persistence {
    state: Mutex<State>,
    /// Whether commands that write are refused because the last save failed.
    has_failed: AtomicBool,
    pub(crate) log: Arc<Log>,
    orders: Sender<Order>,
    /// Until the saver starts.
    received: Mutex<Option<Receiver<Order>>>,
}

struct State {
    running: Option<Running>,
    is_save_scheduled: bool,
    is_rewrite_scheduled: bool,
    saves: Saves,
    rewrites: Rewrites,
    backups: Backups,
    loaded: Loaded,
    loading: Option<Loading>,
    /// Told what else is being written while the log is.
    disk: Arc<LogDisk>,
}

impl State {
    /// Lets something else be written. Returns what was.
    fn end(&mut self) -> Option<Running> {
        self.disk.set_shared(false);
        self.running.take()
    }
}

struct Running {
    work: Work,
    since: UnixMillis,
    /// Once it is cut and the saver has it.
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
    pub(crate) fn new(
        engine: &Arc<Engine>,
        config: &Config,
        started: UnixMillis,
        latency: &Arc<Latency>,
    ) -> Persistence {
        let (orders, received) = channel();
        let disk = Arc::new(LogDisk::new(Arc::clone(latency)));
        let log = files::log(engine, config, &disk);
        let persistence = Persistence {
            state: Mutex::new(State {
                running: None,
                is_save_scheduled: false,
                is_rewrite_scheduled: false,
                saves: Saves::new(started),
                rewrites: Rewrites::default(),
                backups: Backups::default(),
                loaded: Loaded::default(),
                loading: None,
                disk,
            }),
            has_failed: AtomicBool::new(false),
            log,
            orders,
            received: Mutex::new(Some(received)),
        };
        persistence.apply_to_log(config);
        persistence
    }

    /// What is being written.
    pub(crate) fn running(&self) -> Option<Work> {
        self.state().running.as_ref().map(|running| running.work)
    }

    /// What was loaded last, or is so far.
    pub(crate) fn loaded(&self) -> Loaded {
        self.state().loaded
    }

    /// Whether the last save failed, or the log can't be written; costs two relaxed loads.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.log.has_failed()
    }

    /// Cuts a snapshot and lets it be written, unless something else is.
    pub(crate) fn begin(&self, shared: &Shared, turn: &mut Turn<'_>, request: Request) -> Result<(), Busy> {
        if !self.reserve(request.kind.work()) {
            return Err(Busy(request));
        }
        match request.kind {
            Kind::Save => self.begin_save(shared, turn, request),
            Kind::Rewrite => {
                self.begin_rewrite(shared, turn, request);
                Ok(())
            }
        }
    }

    fn begin_save(&self, shared: &Shared, turn: &mut Turn<'_>, request: Request) -> Result<(), Busy> {
        // The cut waits until all others are out of the keyspace, and they may ask for the state there.
        let cut = turn.begin_snapshot(&shared.engine, |_| {
            (shared.engine.counters().changes, shared.replication.place())
        });
        let Ok((snapshot, (changes, place))) = cut else {
            self.end();
            return Err(Busy(request));
        };
        // The saver ends when the server does.
        let _ = self.orders.send(Order::Save { snapshot, changes, place, answer: request.answer });
        Ok(())
    }

    fn begin_rewrite(&self, shared: &Shared, turn: &mut Turn<'_>, request: Request) {
        let is_wanted = shared.config.is_on(table::APPENDONLY);
        let following = if is_wanted { Following::Logged } else { Following::Unlogged };
        let (orders, answer) = (self.orders.clone(), request.answer);
        self.log.rewrite(turn, following, move |rewrite| {
            // As above.
            let _ = orders.send(Order::Rewrite { rewrite, answer });
        });
    }

    /// Keeps others from writing anything.
    fn reserve(&self, work: Work) -> bool {
        let (mut state, since) = (self.state(), now());
        if state.running.is_some() {
            return false;
        }
        match work {
            Work::Save => {
                state.is_save_scheduled = false;
                state.saves.tried = since;
            }
            Work::Rewrite => state.is_rewrite_scheduled = false,
            Work::Backup | Work::Reload | Work::Synchronize => {}
        }
        state.disk.set_shared(true);
        state.running = Some(Running { work, since, snapshot: None, is_cancelled: false });
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
            Some(running) if running.work == Work::Save => {
                running.cancel();
                Some(Cancelled::Running)
            }
            _ => was_scheduled.then_some(Cancelled::Scheduled),
        }
    }

    /// Lets the log be turned on or off soon, as the settings say now.
    pub(crate) fn switch_log(&self, config: &Config) {
        let mut state = self.state();
        state.is_rewrite_scheduled = config.is_on(table::APPENDONLY) && !self.log.is_on();
    }

    /// Has the log of slow commands kept on disk, as soon as nothing is being written.
    pub(crate) fn keep_command_log(&self) {
        // The saver ends when the server does, which keeps it, too.
        let _ = self.orders.send(Order::KeepCommandLog);
    }

    /// Turns the log off if the settings say so. Must not be called inside a turn: the log may be waiting for its end.
    pub(crate) fn end_unwanted_log(&self, config: &Config) {
        if config.is_on(table::APPENDONLY) || !self.log.is_on() {
            return;
        }
        if self.running() == Some(Work::Rewrite) {
            self.cancel();
        }
        files::stop(&self.log, None);
        log::notice!("The append only file is closed, because appendonly is off now.");
    }

    /// Has a snapshot sent to replicas, after all that is being written.
    pub(crate) fn synchronize(&self) {
        // As above.
        let _ = self.orders.send(Order::Synchronize);
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

//! The append-only log: every write goes to files, from which a server starts again.
//!
//! ```text
//! commands ─→ journal ─→ keeper (thread `log`): append, sync ─→ durable ─→ replies leave
//!                            ↑ orders: cut, finish, stop
//! ```
//!
//! Workers don't touch files. With `appendfsync always` a connection keeps its replies until everything that they may
//! tell of is durable; one sync serves all who wait.

mod keeper;
mod mailbox;
mod rewrite;
mod start;
mod status;

use crate::config::{Config, table};
use crate::persistence::Request;
use crate::server::Shared;
use keeper::Keeper;
use mailbox::Mailbox;
pub(super) use rewrite::{Beginning, rewrite};
use spinel_persistence::log::{Commit, LogNames, SyncPolicy};
use spinel_storage::engine::journal::Offset;
pub(super) use start::load;
pub(crate) use status::Status;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The policy at a place in the choices of `appendfsync`.
fn policy_at(place: u8) -> SyncPolicy {
    match place {
        1 => SyncPolicy::Always,
        2 => SyncPolicy::No,
        _ => SyncPolicy::EverySecond,
    }
}

/// What the keeper is told.
enum Order {
    /// A rewrite begins.
    Cut(Request),
    /// The base is written, or will not be.
    Finish { is_written: bool, answer: Sender<Result<(), String>> },
    /// All is written that there is, and the files are closed.
    Stop(Sender<()>),
}

/// The log of a server, on or off.
#[derive(Default)]
pub(crate) struct AppendOnly {
    /// Whether writes go to the log.
    is_on: AtomicBool,
    mailbox: Mailbox,
    status: Status,
    /// How far the log is on disk, while it is on.
    commit: Mutex<Option<Arc<Commit>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl AppendOnly {
    /// Whether writes go to the log; costs one relaxed load.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Whether there are files to which writes go. A log that is on lacks them until its first base is begun, or if that
    /// failed.
    pub(crate) fn has_keeper(&self) -> bool {
        lock(&self.thread).is_some()
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Whether replies wait until the log is on disk.
    pub(crate) fn holds_replies(&self) -> bool {
        self.mailbox.policy() == SyncPolicy::Always
    }

    /// Lets the keeper see what has come, if it rests.
    #[inline]
    pub(crate) fn wake(&self) {
        self.mailbox.wake();
    }

    /// Lets the keeper make durable what it has, also if nobody asks for that by the policy.
    pub(crate) fn want_sync(&self) {
        self.mailbox.want_sync();
    }

    /// Takes the settings that the keeper goes by.
    pub(crate) fn apply(&self, config: &Config) {
        let place = config.number(table::APPENDFSYNC) as u8;
        self.mailbox.apply(place, config.is_on(table::AOF_TIMESTAMP_ENABLED));
    }

    /// How far the log is on disk; nothing while it is off.
    pub(crate) fn commit(&self) -> Option<Arc<Commit>> {
        lock(&self.commit).clone()
    }

    /// Turns the log on: what stands in the journal from an offset on is to be durable before replies tell of it.
    fn turn_on(&self, offset: Offset) -> Arc<Commit> {
        let commit = Arc::new(Commit::new(offset));
        self.status.begin(offset);
        *lock(&self.commit) = Some(Arc::clone(&commit));
        self.is_on.store(true, Ordering::Relaxed);
        commit
    }

    /// Starts the keeper.
    fn start(&self, keeper: Keeper, shared: &Arc<Shared>) -> std::io::Result<()> {
        let task_shared = Arc::clone(shared);
        let thread = thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || keeper.run(&task_shared))?;
        self.mailbox.belongs_to(thread.thread().clone());
        *lock(&self.thread) = Some(thread);
        Ok(())
    }

    /// Tells the keeper something, unless there is none.
    fn order(&self, order: Order) -> Result<(), Order> {
        let thread = lock(&self.thread);
        if thread.is_none() {
            return Err(order);
        }
        self.mailbox.order(order);
        Ok(())
    }

    /// Lets the keeper begin a rewrite. The request comes back if there is no keeper.
    pub(in crate::persistence) fn rewrite(&self, request: Request) -> Result<(), Request> {
        self.order(Order::Cut(request)).map_err(|order| {
            let Order::Cut(request) = order else { unreachable!("it is what was sent") };
            request
        })
    }

    /// Lets the keeper write all there is, make it durable and end; nothing if there is none.
    pub(crate) fn stop(&self) {
        self.is_on.store(false, Ordering::Relaxed);
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let (answer, ended) = channel();
            self.mailbox.order(Order::Stop(answer));
            // It answers, unless it panicked, which was reported.
            let _ = ended.recv();
            let _ = thread.join();
        }
        // Whoever still waits has waited for nothing: all is on disk, or never will be.
        if let Some(commit) = lock(&self.commit).take() {
            commit.publish_synced(Offset::MAX);
        }
        self.status.forget();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the files are called.
fn names(config: &Config) -> LogNames {
    let text = |key| String::from_utf8_lossy(&config.text(key)).into_owned();
    LogNames {
        dir: PathBuf::from("."),
        folder: text(table::APPENDDIRNAME),
        file: text(table::APPENDFILENAME),
    }
}

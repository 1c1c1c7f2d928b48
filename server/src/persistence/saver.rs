//! The thread that writes snapshots, one after the other.

use super::{Answer, LOOK_AGAIN, Order, Persistence, Work, backup, files, place, reload, taking_over};
use crate::command_log;
use crate::log;
use crate::replication;
use crate::server::{Shared, now};
use rustix::process::{getpriority_process, setpriority_process};
use spinel_persistence::StreamPlace;
use spinel_persistence::vfs::RealVfs;
use spinel_storage::durable::{self, FileOptions, LogRewrite, Purpose, SaveError};
use spinel_storage::engine::snapshot::Snapshot;
use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

/// The running thread.
pub(crate) struct Saver {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl Saver {
    /// Starts the thread, once.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Saver> {
        let persistence = &shared.persistence;
        let received = persistence.received.lock().unwrap_or_else(PoisonError::into_inner).take();
        let received = received.expect("a server has one saver");
        let task_shared = Arc::clone(shared);
        let thread = thread::Builder::new().name("saver".to_owned());
        let thread = thread.spawn(move || work(&task_shared, &received))?;
        Ok(Saver { thread, shared: Arc::clone(shared) })
    }

    /// Breaks off what is being written, and ends the thread.
    pub(crate) fn stop(self) {
        let persistence = &self.shared.persistence;
        persistence.cancel();
        // It listens until it hears this.
        let _ = persistence.orders.send(Order::Stop);
        // A panic in it was reported when it happened.
        let _ = self.thread.join();
    }
}

/// So much nicer than the threads that serve is the one that saves. They come before it whenever they have something to
/// do, and where they leave no core free it still gets a tenth of each.
const NICER: i32 = 10;

/// Lets the calling thread, and those that it starts, take second place.
fn be_nice() {
    let nicer = getpriority_process(None).and_then(|nice| setpriority_process(None, nice + NICER));
    if let Err(error) = nicer {
        log::warning!("Saving takes as much of the processors as serving: {error}");
    }
}

fn work(shared: &Arc<Shared>, orders: &Receiver<Order>) {
    be_nice();
    loop {
        match orders.recv() {
            Ok(Order::Save { snapshot, changes, place, answer }) => {
                tell(answer, save(shared, &snapshot, (changes, place)));
            }
            Ok(Order::Rewrite { rewrite: Ok(rewrite), answer }) => {
                tell(answer, self::rewrite(shared, rewrite));
            }
            Ok(Order::Rewrite { rewrite: Err(running), answer }) => {
                shared.persistence.end();
                tell(answer, Err(SaveError::from(running).to_string()));
            }
            Ok(Order::Backup { snapshot, folder, name }) => backup::run(shared, snapshot, &folder, name),
            Ok(Order::Reload { reload, answer }) => reload::run(shared, reload, answer),
            Ok(Order::Synchronize) => synchronize(shared),
            Ok(Order::TakeOver { path, answer }) => taking_over::run(shared, path, answer),
            Ok(Order::KeepCommandLog) => command_log::keep(shared),
            Ok(Order::Stop) | Err(_) => return,
        }
    }
}

/// Tells how it ended, if anybody wants to know.
fn tell(answer: Option<Answer>, outcome: Result<(), String>) {
    if let Some(answer) = answer {
        answer(outcome);
    }
}

fn save(
    shared: &Shared,
    snapshot: &Arc<Snapshot>,
    (changes, place): (u64, Option<StreamPlace>),
) -> Result<(), String> {
    let outcome = write(shared, snapshot, place);
    match &outcome {
        Ok(()) => log::notice!("DB saved on disk"),
        Err(SaveError::Cancelled) => log::notice!("Background saving cancelled"),
        Err(error) => log::warning!("Background saving error: {error}"),
    }
    shared.persistence.saved(changes, outcome.is_ok(), shared.engine.snapshot_bytes().1);
    outcome.map_err(|error| error.to_string())
}

/// Writes a snapshot, which stands at a place of the stream, to the file that the settings name, where others can see and cancel it.
/// If it fails, the snapshot is given up.
pub(super) fn write(
    shared: &Shared,
    snapshot: &Arc<Snapshot>,
    place: Option<StreamPlace>,
) -> Result<(), SaveError> {
    shared.persistence.note_snapshot(snapshot);
    let options = FileOptions { place, ..files::options(shared, Purpose::Snapshot) };
    let Some(path) = place::snapshot(&shared.config, options.format) else {
        snapshot.cancel();
        return Err(io::Error::from(io::ErrorKind::InvalidFilename).into());
    };
    durable::save(snapshot, &options, &RealVfs, &path)
}

/// Sends a snapshot to replicas; later if something else is being written.
fn synchronize(shared: &Shared) {
    let persistence = &shared.persistence;
    let is_free = persistence.reserve(Work::Synchronize);
    let outcome = is_free.then(|| replication::synchronize(shared));
    if is_free {
        persistence.end();
    }
    if matches!(outcome, None | Some(Err(SaveError::Busy))) {
        thread::sleep(LOOK_AGAIN);
        // As above.
        let _ = persistence.orders.send(Order::Synchronize);
    }
}

fn rewrite(shared: &Shared, rewrite: LogRewrite) -> Result<(), String> {
    shared.persistence.note_snapshot(rewrite.snapshot());
    let outcome = rewrite.write(&files::options(shared, Purpose::LogBase));
    match &outcome {
        Ok(()) => log::notice!("Background AOF rewrite finished successfully"),
        Err(SaveError::Cancelled) => log::notice!("Background AOF rewrite cancelled"),
        Err(error) => log::warning!("Background AOF rewrite error: {error}"),
    }
    shared.persistence.rewritten(outcome.is_ok(), shared.engine.snapshot_bytes().1);
    outcome.map_err(|error| error.to_string())
}

impl Persistence {
    /// Lets others see the snapshot that is written now, and cancel it; which somebody may have done already.
    pub(crate) fn note_snapshot(&self, snapshot: &Arc<Snapshot>) {
        if let Some(running) = &mut self.state().running {
            running.snapshot = Some(Arc::clone(snapshot));
            if running.is_cancelled {
                snapshot.cancel();
            }
        }
    }

    /// Notes a save within something else, which went well.
    pub(super) fn note_saved(&self, changes: u64) {
        let mut state = self.state();
        state.saves.is_ok = true;
        state.saves.succeeded(changes, now());
        self.has_failed.store(false, Ordering::Relaxed);
    }

    /// Lets go of the snapshot that was written.
    pub(super) fn forget_snapshot(&self) {
        let snapshot = self.state().running.as_mut().and_then(|running| running.snapshot.take());
        // It takes its time if it was given up, so not while the state is locked.
        drop(snapshot);
    }

    /// Lets something else be written.
    pub(super) fn end(&self) {
        let ended = self.state().end();
        // As above: its snapshot goes with it.
        drop(ended);
    }

    /// Notes how a save went.
    fn saved(&self, changes: u64, is_ok: bool, kept_bytes: u64) {
        let mut state = self.state();
        // If it was cancelled, nobody wanted it to succeed.
        let Some(running) = state.end().filter(|running| !running.is_cancelled) else { return };
        let saves = &mut state.saves;
        saves.took = Some(now().0 - running.since.0);
        saves.kept_bytes = kept_bytes;
        saves.is_ok = is_ok;
        self.has_failed.store(!is_ok, Ordering::Relaxed);
        if is_ok {
            saves.succeeded(changes, now());
        }
    }

    /// Notes how a rewrite of the log went.
    fn rewritten(&self, is_ok: bool, kept_bytes: u64) {
        let mut state = self.state();
        // As above.
        let Some(running) = state.end().filter(|running| !running.is_cancelled) else { return };
        let rewrites = &mut state.rewrites;
        rewrites.is_ok = is_ok;
        rewrites.tried = running.since;
        rewrites.took = Some(now().0 - running.since.0);
        rewrites.count += 1;
        rewrites.failures_in_a_row = if is_ok { 0 } else { rewrites.failures_in_a_row + 1 };
        rewrites.kept_bytes = kept_bytes;
    }

    /// Breaks off what is being written.
    pub(super) fn cancel(&self) {
        if let Some(running) = &mut self.state().running {
            running.cancel();
        }
    }
}

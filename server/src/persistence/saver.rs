//! The thread that writes snapshots, one after the other.

use super::{Kind, Order, Persistence, Task, append_only, save};
use crate::log;
use crate::server::{Shared, now};
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

fn work(shared: &Arc<Shared>, orders: &Receiver<Order>) {
    while let Ok(Order::Write(task)) = orders.recv() {
        match task.request.kind {
            Kind::Save => save(shared, task),
            Kind::Rewrite => rewrite(shared, task),
        }
    }
}

fn save(shared: &Shared, task: Task) {
    let outcome = save::write_file(shared, &task.snapshot);
    match &outcome {
        Ok(()) => log::notice("DB saved on disk"),
        Err(save::Failure::Cancelled) => log::notice("Background saving cancelled"),
        Err(error) => log::warning(&format!("Background saving error: {error}")),
    }
    shared.persistence.saved(&task, outcome.is_ok(), shared.engine.snapshot_bytes().1);
    if let Some(answer) = task.request.answer {
        answer(outcome.map_err(|error| error.to_string()));
    }
}

fn rewrite(shared: &Arc<Shared>, task: Task) {
    let outcome = append_only::rewrite(shared, &task.snapshot, task.beginning);
    match &outcome {
        Ok(()) => log::notice("Background AOF rewrite finished successfully"),
        Err(save::Failure::Cancelled) => log::notice("Background AOF rewrite cancelled"),
        Err(error) => log::warning(&format!("Background AOF rewrite error: {error}")),
    }
    let persistence = &shared.persistence;
    if let Some(running) = persistence.state().running.take().filter(|running| !running.is_cancelled) {
        let (_, kept_bytes) = shared.engine.snapshot_bytes();
        persistence.append_only.status().note_rewrite(running.since, outcome.is_ok(), kept_bytes);
    }
    if let Some(answer) = task.request.answer {
        answer(outcome.map_err(|error| error.to_string()));
    }
}

impl Persistence {
    /// Notes how a save went.
    fn saved(&self, task: &Task, is_ok: bool, kept_bytes: u64) {
        let mut state = self.state();
        // If it was cancelled, nobody wanted it to succeed.
        let Some(running) = state.running.take().filter(|running| !running.is_cancelled) else { return };
        let saves = &mut state.saves;
        saves.took = Some(now().0 - running.since.0);
        saves.kept_bytes = kept_bytes;
        saves.is_ok = is_ok;
        self.has_failed.store(!is_ok, Ordering::Relaxed);
        if is_ok {
            saves.last = now();
            saves.changes = task.changes;
            saves.count += 1;
        }
    }

    /// Breaks off what is being written.
    pub(super) fn cancel(&self) {
        if let Some(running) = &mut self.state().running {
            running.cancel();
        }
    }
}

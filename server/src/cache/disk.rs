//! Bodies of the HTTP cache in files: the folder, and the thread that writes and removes them.

use crate::config::{Config, table};
use crate::log;
use crate::persistence;
use crate::server::{Shared, now};
use spinel_persistence::vfs::RealVfs;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::bodies::{Chore, DiskBodies};
use spinel_storage::engine::Setting;
use spinel_storage::system::random_word;
use spinel_storage::{DbIndex, Engine, Executor};
use spinel_types::http_cache::{Content, Filed};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// How long the thread rests before it looks again whether entries may be changed.
const REST: Duration = Duration::from_millis(100);
/// Of failures, one is told in so much time: where one comes, more do.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Opens the folder for bodies, if the settings name one. The error says why it can't be used.
pub(crate) fn open(config: &Config, engine: &Engine) -> Result<(), String> {
    let Some(path) = config.path(table::CACHE_DISK_DIR) else { return Ok(()) };
    let bytes_max = config.number(table::CACHE_DISK_MAX) as u64;
    let bodies = DiskBodies::open(Arc::new(RealVfs), &path, bytes_max, random_word());
    let bodies = bodies.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => format!("{}: another process uses it", path.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    engine.keyspace().keep_bodies(bodies);
    Ok(())
}

/// Lets a changed limit hold.
pub(crate) fn apply(config: &Config, engine: &Engine) {
    if let Some(bodies) = engine.keyspace().bodies() {
        bodies.set_bytes_max(config.number(table::CACHE_DISK_MAX) as u64);
    }
}

/// Starts counting again.
pub(crate) fn reset(engine: &Engine) {
    if let Some(bodies) = engine.keyspace().bodies() {
        bodies.reset_counts();
    }
}

/// Opens a body for somebody who is about to send it; nothing if it is lost. This thread does not wait for the disk.
pub(super) async fn hold(filed: &Arc<Filed>) -> Option<Content> {
    if let Some(opened) = filed.opened() {
        return Some(Content::Stored(opened));
    }
    if let Some(bytes) = filed.waiting_bytes() {
        return Some(Content::Memory(bytes));
    }
    let filed = Arc::clone(filed);
    spawn_blocking(move || filed.open()).await.ok()?.ok()
}

/// The running thread.
pub(crate) struct DiskThread {
    bodies: Arc<DiskBodies>,
    thread: JoinHandle<()>,
}

impl DiskThread {
    /// Starts the thread, if there is a folder for bodies.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Option<DiskThread>> {
        let Some(bodies) = shared.engine.keyspace().bodies() else { return Ok(None) };
        let (bodies, shared) = (Arc::clone(bodies), Arc::clone(shared));
        bodies.start();
        let for_thread = Arc::clone(&bodies);
        let thread = thread::Builder::new().name("bodies".to_owned());
        let thread = thread.spawn(move || work(&shared, &for_thread))?;
        Ok(Some(DiskThread { bodies, thread }))
    }

    /// Ends the thread. What is in files stays there.
    pub(crate) fn stop(self) {
        self.bodies.close();
        // A panic in it was reported when it happened.
        let _ = self.thread.join();
    }
}

fn work(shared: &Arc<Shared>, bodies: &DiskBodies) {
    let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
    let (mut stale, mut told) = (Vec::new(), None::<Instant>);
    while let Some(chores) = bodies.work(REST) {
        for chore in chores {
            match chore {
                Chore::Drop(db, key) => stale.push((db, key)),
                Chore::Failed(error) if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) => {
                    told = Some(Instant::now());
                    log::warning!(
                        "A body of the HTTP cache could not be put into its file, or removed: {error}"
                    );
                }
                Chore::Failed(_) => {}
                Chore::Cleaned { removed, missing } => tell_cleaned(removed, missing),
            }
        }
        if !stale.is_empty() && drop_lost(shared, &mut executor, &stale) {
            stale.clear();
        }
    }
}

fn tell_cleaned(removed: u64, missing: u64) {
    if removed > 0 {
        log::notice!("Removed {removed} files of bodies that no entry of the HTTP cache has.");
    }
    if missing > 0 {
        log::warning!(
            "{missing} bodies of the HTTP cache are lost: their files are missing. Their entries go."
        );
    }
}

/// Removes what has lost its body from entries, so that the log and replicas hear of it; whether that was possible now.
fn drop_lost(shared: &Shared, executor: &mut Executor, entries: &[(DbIndex, Box<[u8]>)]) -> bool {
    if shared.upstream.is_replica() {
        // The primary says what goes. Until then nobody sees them.
        return true;
    }
    let now = now();
    let is_refused = shared.persistence.has_failed() && persistence::refusal(shared).is_some();
    if is_refused || shared.clients.pause.mode(now).is_some() {
        return false;
    }
    let Some(mut turn) = executor.try_begin(now) else { return false };
    let mut reply = ReplyWriter::new(Protocol::Resp2);
    for (db, key) in entries {
        let words: [&[u8]; 2] = [b"CACHE.DROP", key];
        let Ok(prepared) = shared.engine.prepare(&words) else { return true };
        reply.clear();
        // A key with another type by now has no lost bodies.
        turn.execute(&prepared, Setting { db: *db, ..Setting::default() }, &words, &mut reply);
    }
    drop(turn);
    shared.pubsub.end_round();
    shared.persistence.log.wake();
    true
}

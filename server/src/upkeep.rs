//! The thread for work that nobody waits for: expired keys go.

use crate::log::{self, Level};
use crate::server::now;
use spinel_storage::Engine;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Keys removed before the thread looks whether it is to stop.
const KEYS_PER_ROUND: usize = 20_000;
/// How long it rests when there is little to do.
const REST: Duration = Duration::from_millis(100);

/// The running thread.
pub(crate) struct Upkeep {
    thread: JoinHandle<()>,
    is_stopping: Arc<AtomicBool>,
}

impl Upkeep {
    /// Starts the thread.
    pub(crate) fn start(engine: &Arc<Engine>) -> io::Result<Upkeep> {
        let (engine, is_stopping) = (Arc::clone(engine), Arc::<AtomicBool>::default());
        let stop = Arc::clone(&is_stopping);
        let thread = thread::Builder::new().name("upkeep".to_owned()).spawn(move || run(&engine, &stop))?;
        Ok(Upkeep { thread, is_stopping })
    }

    /// Ends the thread after the round it is in.
    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        // A panic in it was reported when it happened.
        let _ = self.thread.join();
    }
}

/// Goes on at once while there is much to do, else ten times a second.
fn run(engine: &Engine, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let removed = engine.expire_round(now(), KEYS_PER_ROUND);
        if removed > 0 && log::is_written(Level::Debug) {
            log::debug(&format!("Removed {removed} expired keys"));
        }
        if removed < KEYS_PER_ROUND {
            thread::park_timeout(REST);
        }
    }
}

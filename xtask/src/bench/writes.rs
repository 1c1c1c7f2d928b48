//! SETs of random keys, beside which something else is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::affinity;
use super::cpu::{KEY, VALUE};
use super::load::{Load, Shape};
use super::request::{Batch, Keys, Reply, Word};
use crate::Outcome;

pub(crate) const SET: &[Word] = &[Word::Text("SET"), KEY, VALUE];
/// How they come.
pub(crate) const WRITING: Shape = Shape { connections: 4, pipeline: 16, groups: 2 };
/// Who looks at latencies leaves room on the cores: some 60,000 writes a second are left.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// SETs of random keys, on a thread, until they are stopped.
pub(crate) struct Writes {
    stop: Arc<AtomicBool>,
    // The error is text, because a boxed error can't leave its thread.
    thread: JoinHandle<Result<(), String>>,
}

impl Writes {
    /// Starts to write the first `count` keys, with a pause after each batch on all connections.
    pub(crate) fn start(port: u16, count: u64, pause: Duration) -> Outcome<Self> {
        Self::start_after(port, count, pause, || Ok(()))
    }

    /// As above, on a thread that is nicer than others.
    pub(crate) fn start_nice(port: u16, count: u64, pause: Duration) -> Outcome<Self> {
        Self::start_after(port, count, pause, affinity::be_nice)
    }

    fn start_after(port: u16, count: u64, pause: Duration, first: fn() -> Outcome) -> Outcome<Self> {
        let mut load = Load::connect(port, WRITING)?;
        let mut batch = Batch::new(SET, WRITING.pipeline, Reply::OK);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            first().map_err(|error| error.to_string())?;
            let mut keys = Keys::random(5, count);
            while !stopped.load(Ordering::Relaxed) {
                load.run(&mut batch, &mut keys, 1).map_err(|error| error.to_string())?;
                if !pause.is_zero() {
                    thread::sleep(pause);
                }
            }
            Ok(())
        });
        Ok(Self { stop, thread })
    }

    /// Ends them.
    ///
    /// # Errors
    /// When one was not answered with OK.
    pub(crate) fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the writer panicked")??)
    }
}

//! Threads that put keys into the tables while another one reads them.
//!
//! Only one can read an RDB file, because nobody knows where a key ends before the key was read. But reading is the
//! smaller part of the work: finding a place for a key takes longer.

use super::LoadError;
use super::batch::{Batch, Filler, Target};
use crate::lock;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope, ScopedJoinHandle};

/// More would only wait for the one that reads.
const HELPERS_MAX: usize = 3;

/// The one that reads, and who helps it. Helpers begin with the first batch, so a small file has none.
pub(super) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    /// Where the keys go, and what happens to those that are there.
    target: Target<'env>,
    filler: Filler<'env>,
    /// Why a helper has ended early.
    failure: Arc<Mutex<Option<LoadError>>>,
    helpers: Option<Helpers<'scope>>,
}

struct Helpers<'scope> {
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
    threads: Vec<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>, target: Target<'env>) -> Crew<'scope, 'env> {
        Crew { scope, target, filler: Filler::new(target), failure: Arc::default(), helpers: None }
    }

    /// Has a batch put into the tables, and returns an empty one for the same database. If all helpers are busy, the
    /// caller does it himself.
    pub(super) fn put(&mut self, batch: Batch) -> Result<Batch, LoadError> {
        self.check()?;
        let begin = || Helpers::begin(self.scope, self.target, &self.failure);
        let helpers = self.helpers.get_or_insert_with(begin);
        let db = batch.db;
        match helpers.full.try_send(batch) {
            Ok(()) => Ok(helpers.empty.try_recv().map_or_else(|_| Batch::new(db), |empty| empty.of(db))),
            Err(TrySendError::Full(mut batch) | TrySendError::Disconnected(mut batch)) => {
                self.filler.fill(&mut batch)?;
                Ok(batch)
            }
        }
    }

    /// Puts the last batch into the tables, and waits until the helpers have done so with theirs.
    pub(super) fn finish(mut self, mut last: Batch) -> Result<(), LoadError> {
        self.filler.fill(&mut last)?;
        if let Some(Helpers { full, threads, .. }) = self.helpers.take() {
            // They end when nothing more can come.
            drop(full);
            for thread in threads {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), LoadError> {
        lock(&self.failure).take().map_or(Ok(()), Err)
    }
}

impl<'scope> Helpers<'scope> {
    /// Starts one for each core that is left, at most so many. It may be that none can be had.
    fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        target: Target<'env>,
        failure: &Arc<Mutex<Option<LoadError>>>,
    ) -> Helpers<'scope> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let wanted = cores.saturating_sub(1).min(HELPERS_MAX);
        let ((full, come), (done, empty)) = (sync_channel(wanted), channel());
        let come = Arc::new(Mutex::new(come));
        let start = |_| {
            let (come, done, failure) = (Arc::clone(&come), done.clone(), Arc::clone(failure));
            let help = move || {
                if let Err(error) = help(target, &come, &done) {
                    lock(&failure).get_or_insert(error);
                }
            };
            thread::Builder::new().name("loader".to_owned()).spawn_scoped(scope, help).ok()
        };
        Helpers { full, empty, threads: (0..wanted).filter_map(start).collect() }
    }
}

/// Puts batches into the tables until no more come.
fn help(target: Target<'_>, come: &Mutex<Receiver<Batch>>, done: &Sender<Batch>) -> Result<(), LoadError> {
    let mut filler = Filler::new(target);
    loop {
        let next = lock(come).recv();
        let Ok(mut batch) = next else { return Ok(()) };
        filler.fill(&mut batch)?;
        // Who reads may have ended meanwhile.
        let _ = done.send(batch);
    }
}

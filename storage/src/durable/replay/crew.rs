//! Threads that run commands of a log while another one reads it.
//!
//! Commands about different keys may change places, since nobody looks meanwhile. So each shard belongs to one thread,
//! which runs the commands about its keys in their order. Before a command that needs more than the shard of one key, all
//! threads finish what they have.

use super::lot::{Lot, Runner};
use crate::engine::{Closed, Familiar, KeyHash, Prepared};
use crate::{DbIndex, UnixMillis};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

/// More would only wait for the one that reads.
const WORKERS_MAX: usize = 4;
/// So many lots may wait for a worker.
const LOTS_WAITING: usize = 2;
/// How often a worker that doesn't get ready is looked after.
const PATIENCE: Duration = Duration::from_secs(1);

/// The one that reads, and who works for it. Workers begin when much has come, so a short log has none.
pub(super) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    closed: &'env Closed,
    now: UnixMillis,
    seed: u64,
    /// Of the thread that reads.
    pub(super) runner: Runner,
    /// What waits, for each worker.
    lots: Vec<Lot>,
    workers: Option<Workers<'scope>>,
    /// The command that was found last: the next one is probably the same.
    pub(super) familiar: Familiar,
}

struct Workers<'scope> {
    threads: Vec<Worker<'scope>>,
    done: Receiver<Lot>,
    /// Lots that are under way.
    under_way: usize,
}

struct Worker<'scope> {
    lots: SyncSender<Lot>,
    thread: Option<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    /// Of the numbers, the first is the time that values keep, and the other a seed for commands that need chance.
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        closed: &'env Closed,
        (now, seed): (UnixMillis, u64),
    ) -> Crew<'scope, 'env> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Crew {
            scope,
            closed,
            now,
            seed,
            runner: Runner::new(closed, now, seed),
            lots: (0..cores.min(WORKERS_MAX)).map(|_| Lot::default()).collect(),
            workers: None,
            familiar: Familiar::default(),
        }
    }

    /// Has a single command run, at some time before [`settle`](Crew::settle) returns.
    pub(super) fn put(&mut self, db: DbIndex, command: (Prepared, KeyHash), words: &[&[u8]]) {
        let place = command.1.shard() % self.lots.len();
        self.lots[place].add(db, command, words);
        if !self.lots[place].is_full() {
            return;
        }
        if self.lots.len() == 1 {
            return self.runner.run(&mut self.lots[place]);
        }
        let count = self.lots.len();
        let workers = self.workers.get_or_insert_with(|| {
            let seeds = (1..).map(|number| self.seed.wrapping_add(number)).take(count);
            Workers::begin(self.scope, self.closed, self.now, seeds)
        });
        let lot = std::mem::replace(&mut self.lots[place], workers.empty());
        if let Err(mut lot) = workers.put(place, lot) {
            self.runner.run(&mut lot);
        }
    }

    /// Waits until all that was put has run.
    pub(super) fn settle(&mut self) {
        if let Some(workers) = &mut self.workers {
            workers.settle();
        }
        for lot in self.lots.iter_mut().filter(|lot| !lot.is_empty()) {
            self.runner.run(lot);
        }
    }
}

impl<'scope> Workers<'scope> {
    fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        closed: &Closed,
        now: UnixMillis,
        seeds: impl Iterator<Item = u64>,
    ) -> Workers<'scope> {
        let (tell, done) = channel();
        let begin = |seed| {
            let (lots, come) = sync_channel(LOTS_WAITING);
            let (mut runner, tell) = (Runner::new(closed, now, seed), tell.clone());
            let thread = thread::Builder::new().name("loader".to_owned());
            let thread = thread.spawn_scoped(scope, move || work(&mut runner, &come, &tell)).ok();
            Worker { lots, thread }
        };
        Workers { threads: seeds.map(begin).collect(), done, under_way: 0 }
    }

    /// Hands a lot to its worker, once it has room. It comes back if there is no such worker.
    fn put(&mut self, place: usize, lot: Lot) -> Result<(), Lot> {
        self.threads[place].lots.send(lot).map_err(|refused| refused.0)?;
        self.under_way += 1;
        Ok(())
    }

    /// An empty lot, one that is done with if there is one.
    fn empty(&mut self) -> Lot {
        let done = self.done.try_recv();
        self.under_way -= usize::from(done.is_ok());
        done.unwrap_or_default()
    }

    fn settle(&mut self) {
        while self.under_way > 0 {
            match self.done.recv_timeout(PATIENCE) {
                Ok(_) => self.under_way -= 1,
                Err(_) => self.look_after(),
            }
        }
    }

    /// Passes on the panic of a worker, whose lots will never be done.
    fn look_after(&mut self) {
        for worker in &mut self.threads {
            if let Some(thread) = worker.thread.take_if(|thread| thread.is_finished())
                && let Err(panic) = thread.join()
            {
                resume_unwind(panic);
            }
        }
    }
}

/// Runs lots until no more come.
fn work(runner: &mut Runner, come: &Receiver<Lot>, tell: &Sender<Lot>) {
    for mut lot in come {
        runner.run(&mut lot);
        // Who reads may have given up.
        let _ = tell.send(lot);
    }
}

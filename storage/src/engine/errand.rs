//! What a command leaves to be done beside others, because it takes long.
//!
//! A handler that finds much to do replies nothing and says what is left (`Call::leave`): an [`Errand`], which owns what
//! it needs, as a copy of a collection that shares its memory, and sees the keyspace in portions. If its caller may wait,
//! another thread runs it, outside the gate and without locks, and brings the reply to the caller's [`Waiter`]; the thread
//! of the command serves others meanwhile. Who gives the wait up ends the errand at its next look.
//!
//! Where nobody may wait, as in a transaction or a script, it is run at once: there the command must be whole.

use super::Engine;
use super::wait::{Served, Waiter};
use crate::error::Error;
use crate::keyspace::Keyspace;
use spinel_resp::{Protocol, ReplyWriter};
use std::collections::VecDeque;
use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// No stripe of a thread, nor that of the upkeep or of a snapshot.
pub(super) const STRIPE: usize = usize::MAX - 2;

type Work = dyn FnOnce(&Ground<'_>, &mut ReplyWriter) -> Result<(), Error> + Send;

/// The rest of a command.
pub struct Errand(Box<Work>);

/// Where an errand is done.
pub struct Ground<'g> {
    keyspace: &'g Keyspace,
    /// Who waits for it; nobody if it is done at once, where its command runs.
    waiter: Option<&'g Waiter>,
}

impl Errand {
    /// Work that writes the reply of a command. What it writes before it fails is taken back.
    pub(crate) fn new(
        work: impl FnOnce(&Ground<'_>, &mut ReplyWriter) -> Result<(), Error> + Send + 'static,
    ) -> Errand {
        Errand(Box::new(work))
    }

    /// Does it where the command runs, inside the gate.
    pub(super) fn run_at_once(self, keyspace: &Keyspace, reply: &mut ReplyWriter) -> Result<(), Error> {
        (self.0)(&Ground { keyspace, waiter: None }, reply)
    }
}

impl Ground<'_> {
    /// Looks at the keyspace, inside the gate. While it does nobody can have the keyspace for himself, so looks are to be
    /// short.
    pub(crate) fn inside<R>(&self, look: impl FnOnce(&Keyspace) -> R) -> R {
        let _inside = self.waiter.map(|_| self.keyspace.gate.shared(STRIPE));
        look(self.keyspace)
    }

    /// Whether somebody still wants the reply. To be asked every few milliseconds.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiter.is_none_or(Waiter::is_waiting)
    }
}

/// The errands that no thread has begun, and how many threads are about others.
#[derive(Default)]
pub(super) struct Errands(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Errand, Arc<Waiter>)>,
    /// They end with the work.
    threads: usize,
}

impl Engine {
    /// Lets another thread do an errand. Gives it back if the system has none left.
    pub(super) fn send(
        self: &Arc<Engine>,
        errand: Errand,
        protocol: Protocol,
    ) -> Result<Arc<Waiter>, Errand> {
        let mut queue = self.errands.queue();
        if queue.threads < threads_max() && self.start_errands().is_ok() {
            queue.threads += 1;
        }
        if queue.threads == 0 {
            return Err(errand);
        }
        let waiter = Arc::new(Waiter::for_errand(self.keyspace.draw_ticket(), protocol));
        queue.jobs.push_back((errand, Arc::clone(&waiter)));
        Ok(waiter)
    }

    /// Starts a thread, which begins when the queue is free.
    fn start_errands(self: &Arc<Engine>) -> io::Result<()> {
        let engine = Arc::clone(self);
        thread::Builder::new().name("errand".into()).spawn(move || engine.do_errands()).map(drop)
    }

    /// Does errands until none is left.
    fn do_errands(&self) {
        loop {
            let mut queue = self.errands.queue();
            let Some((Errand(work), waiter)) = queue.jobs.pop_front() else {
                queue.threads -= 1;
                return;
            };
            drop(queue);
            if !waiter.is_waiting() {
                continue;
            }
            let mut reply = ReplyWriter::new(waiter.protocol());
            let result = work(&Ground { keyspace: &self.keyspace, waiter: Some(&waiter) }, &mut reply);
            if let Err(error) = &result {
                reply.clear();
                reply.error_bytes(&error.bytes());
            }
            waiter.deliver(Served { reply: reply.take(), failure: result.err() });
        }
    }
}

impl Errands {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many threads do errands at the same time: so many that half of the cores are left to those who serve clients.
fn threads_max() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::CommandTable;
    use crate::engine::EngineOptions;
    use std::sync::mpsc::channel;

    fn engine() -> Arc<Engine> {
        Arc::new(Engine::new(&EngineOptions { databases: 1, seed: (1, 2) }, CommandTable::new(&[])))
    }

    fn send(
        engine: &Arc<Engine>,
        work: impl FnOnce(&Ground<'_>, &mut ReplyWriter) -> Result<(), Error> + Send + 'static,
    ) -> Arc<Waiter> {
        let sent = engine.send(Errand::new(work), Protocol::Resp2);
        sent.unwrap_or_else(|_| panic!("the system has a thread"))
    }

    #[test]
    fn the_reply_comes_to_the_waiter_and_an_error_in_place_of_what_was_written() {
        let engine = engine();
        let done = send(&engine, |_, reply| {
            reply.integer(7);
            Ok(())
        });
        let failed = send(&engine, |_, reply| {
            reply.integer(7);
            Err(Error::WrongType)
        });
        assert_eq!(done.block().expect("it was served").reply, b":7\r\n");
        assert_eq!(failed.block().expect("it was served").failure, Some(Error::WrongType));
    }

    #[test]
    fn who_gives_up_ends_his_errand() {
        let (engine, (begun, has_begun), (over, is_over)) = (engine(), channel(), channel());
        let waiter = send(&engine, move |ground, _| {
            begun.send(()).expect("the test waits");
            while ground.is_wanted() {
                ground.inside(|_| thread::yield_now());
            }
            over.send(()).expect("the test waits");
            Ok(())
        });
        has_begun.recv().expect("it begins");
        assert_eq!(waiter.leave(), None);
        is_over.recv().expect("it ends");
    }
}

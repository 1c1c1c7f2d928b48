//! Connections whose next requests have to wait: for others, for a time, or for a command that takes long.

use super::Connection;
use crate::admission::ReplyMode;
use crate::cache;
use crate::clients::{Client, Flag};
use crate::commands::Login;
use crate::commands::scripting::SuspendedScript;
use crate::server::now;
use crate::session::Hold;
use crate::worker::{READ_BYTES, Worker};
use spinel_storage::engine::wait::{Served, Waiter};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How long others have their turn between two slices of a script that takes too long.
const BETWEEN_SLICES: Duration = Duration::from_millis(1);

/// Takes somebody out of the queues he waits in, as soon as no script is in the way.
async fn leave(waiter: &Arc<Waiter>, worker: &Worker) -> Option<Served> {
    loop {
        if let Some(mut turn) = worker.desk.borrow_mut().executor.try_begin(now()) {
            return turn.leave(waiter);
        }
        tokio::time::sleep(BETWEEN_SLICES).await;
    }
}

/// Waits as long as the limit says, for ever without one.
async fn elapsed(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Waits until somebody ends the connection, whose task is woken then.
fn killed(client: &Client) -> impl Future<Output = ()> {
    poll_fn(|_| if client.has(Flag::Killed) { Poll::Ready(()) } else { Poll::Pending })
}

impl Connection {
    /// Waits until requests that were held back may run.
    pub(super) async fn wait(&mut self, worker: &Rc<Worker>) -> io::Result<()> {
        let hold = std::mem::replace(&mut self.session.hold, Hold::Pause);
        if let Hold::Errand(waiter, mode) = hold {
            return self.wait_for_errand(&waiter, mode, worker).await;
        }
        self.wait_for_others(hold, worker).await
    }

    /// Waits until somebody brings the reply, or the client goes, or its time is over.
    async fn wait_for_reply(&mut self, waiter: &Waiter, worker: &Worker) -> io::Result<()> {
        let client = Arc::clone(&self.session.client);
        tokio::select! {
            biased;
            served = poll_fn(|context| waiter.poll(context)) => {
                self.session.owed = Some(served);
                Ok(())
            }
            () = killed(&client) => Err(io::ErrorKind::ConnectionAborted.into()),
            () = elapsed(waiter.timeout()) => {
                waiter.give_up();
                Ok(())
            }
            error = poll_fn(|context| self.poll_departure(context, usize::MAX, worker)) => Err(error),
        }
    }

    /// Waits until what the client's command has left to be done is. Who goes meanwhile ends it.
    async fn wait_for_errand(
        &mut self,
        waiter: &Arc<Waiter>,
        mode: ReplyMode,
        worker: &Worker,
    ) -> io::Result<()> {
        let client = Arc::clone(&self.session.client);
        let begun = Instant::now();
        client.set(Flag::Away, true);
        let outcome = self.wait_for_reply(waiter, worker).await;
        client.set(Flag::Away, false);
        if outcome.is_err() {
            waiter.abandon();
        }
        self.silence_owed(mode);
        if let Some(id) = self.session.last {
            worker.desk.borrow().meter.add_time(id, begun.elapsed());
        }
        outcome
    }

    /// Drops what is owed of a reply that the client does not want.
    fn silence_owed(&mut self, mode: ReplyMode) {
        if let Some(owed) = self.session.owed.as_mut().filter(|_| mode != ReplyMode::All) {
            owed.reply.clear();
        }
    }

    /// Waits for what others do, or for a time.
    async fn wait_for_others(&mut self, hold: Hold, worker: &Rc<Worker>) -> io::Result<()> {
        let client = Arc::clone(&self.session.client);
        let clients = &worker.shared.clients;
        client.set(Flag::Held, true);
        clients.held.fetch_add(1, Ordering::Relaxed);
        let outcome = match hold {
            Hold::Pause => {
                let ended = clients.pause.ended().notified();
                let remaining = clients.pause.until().0.saturating_sub(now().0);
                let remaining = Duration::from_millis(remaining.max(0) as u64);
                tokio::select! {
                    () = ended => Ok(()),
                    () = tokio::time::sleep(remaining) => Ok(()),
                    () = killed(&client) => Err(io::ErrorKind::ConnectionAborted.into()),
                    error = poll_fn(|context| self.poll_failure(context, worker)) => Err(error),
                }
            }
            Hold::Penalty(time) => tokio::select! {
                () = tokio::time::sleep(time) => Ok(()),
                () = killed(&client) => Err(io::ErrorKind::ConnectionAborted.into()),
            },
            Hold::Login(login) => self.wait_for_verdict(*login, worker).await,
            Hold::Script(script) => {
                self.session.owed = Some(self.run_in_slices(script, worker).await);
                Ok(())
            }
            Hold::Reply(waiter, mode) | Hold::Errand(waiter, mode) => {
                self.wait_to_be_served(&waiter, mode, worker).await
            }
            Hold::Origin(question, waiter, mode) => {
                // It says to the waiter when it is done, and ends with the wait.
                let asking = async {
                    cache::answer(*question, &waiter, worker).await;
                    std::future::pending::<Infallible>().await
                };
                tokio::select! {
                    biased;
                    outcome = self.wait_to_be_served(&waiter, mode, worker) => outcome,
                    never = asking => match never {},
                }
            }
        };
        client.set(Flag::Held, false);
        clients.held.fetch_sub(1, Ordering::Relaxed);
        outcome
    }

    /// Waits until a password is checked, and as long as its failure costs.
    async fn wait_for_verdict(&mut self, mut login: Login, worker: &Worker) -> io::Result<()> {
        let client = Arc::clone(&self.session.client);
        let verdict = tokio::select! {
            biased;
            // Who can't check it any more has not found it right.
            verdict = &mut login.verdict => verdict.unwrap_or_default(),
            () = killed(&client) => return Err(io::ErrorKind::ConnectionAborted.into()),
            error = poll_fn(|context| self.poll_departure(context, READ_BYTES, worker)) => return Err(error),
        };
        let mode = login.mode;
        let (served, penalty) = self.session.end_login(login, verdict, &worker.shared);
        self.session.owed = Some(served);
        self.silence_owed(mode);
        tokio::select! {
            () = tokio::time::sleep(penalty) => Ok(()),
            () = killed(&client) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Waits in the queues of keys, or for something else that others do.
    async fn wait_to_be_served(
        &mut self,
        waiter: &Arc<Waiter>,
        mode: ReplyMode,
        worker: &Worker,
    ) -> io::Result<()> {
        let client = Arc::clone(&self.session.client);
        client.wait_for(Some(Arc::clone(waiter)));
        let outcome = self.wait_for_reply(waiter, worker).await;
        client.wait_for(None);
        let served = leave(waiter, worker).await;
        self.session.owed = self.session.owed.take().or(served);
        self.silence_owed(mode);
        outcome
    }

    /// Gives back what the engine keeps for the session, as soon as no script is in the way.
    pub(super) async fn let_go_later(&mut self, worker: &Worker) {
        while !self.session.let_go(&mut worker.desk.borrow_mut().executor) {
            tokio::time::sleep(BETWEEN_SLICES).await;
        }
    }

    /// Gives a script that takes too long a slice of time now and then, until it ends. It does so also if its client goes.
    async fn run_in_slices(&mut self, mut script: Box<SuspendedScript>, worker: &Worker) -> Served {
        loop {
            tokio::time::sleep(BETWEEN_SLICES).await;
            let desk = &mut *worker.desk.borrow_mut();
            match script.go_on(&mut self.session, desk, &worker.shared) {
                Ok(served) => return served,
                Err(suspended) => script = suspended,
            }
        }
    }

    /// Writes what is unsent and keeps what comes, until the client goes. Of what comes, no more is read when `bytes_max` are kept.
    fn poll_departure(
        &mut self,
        context: &mut Context<'_>,
        bytes_max: usize,
        worker: &Worker,
    ) -> Poll<io::Error> {
        if let Poll::Ready(error) = self.poll_failure(context, worker) {
            return Poll::Ready(error);
        }
        while self.partial.len() < bytes_max {
            match ready!(self.poll_read_more(context, worker)) {
                Ok(0) => return Poll::Ready(io::ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
                Err(error) => return Poll::Ready(error),
            }
        }
        Poll::Pending
    }
}

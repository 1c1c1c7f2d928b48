//! How far the log has come, and who waits for it.
//!
//! One sync serves everybody who waits: each waits for an offset of the journal, and is woken when all before it is
//! durable.
//!
//! ```
//! use spinel_persistence::log::Commit;
//! use std::sync::Arc;
//! use std::task::{Context, Poll, Waker};
//!
//! let commit = Arc::new(Commit::new(0));
//! let mut wait = std::pin::pin!(commit.synced_to(100));
//! let mut context = Context::from_waker(Waker::noop());
//! assert!(wait.as_mut().poll(&mut context).is_pending());
//! commit.publish_synced(100);
//! assert_eq!(wait.as_mut().poll(&mut context), Poll::Ready(Ok(())));
//! # use std::future::Future;
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// What could not be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Commands could not be written.
    Write,
    /// What was written could not be made durable.
    Sync,
}

/// Why the log does not get on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitError {
    /// What could not be done.
    pub stage: Stage,
    /// What the operating system says.
    pub reason: Arc<str>,
}

impl fmt::Display for CommitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

impl std::error::Error for CommitError {}

/// Whether a log got on at some moment. Two that are equal were taken without a change in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health(u64);

impl Health {
    /// Returns whether the log did not get on.
    #[inline]
    pub fn is_bad(self) -> bool {
        self.0 % 2 == 1
    }
}

/// The progress of a log, in offsets of the journal.
///
/// Asking costs an atomic load.
pub struct Commit {
    written: AtomicU64,
    synced: AtomicU64,
    /// Whether what was there when the log began is durable: not before its first base is.
    has_base: AtomicBool,
    /// How often the log failed and got on again, both counted; so it is odd while the state has a failure.
    turns: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failure: Option<CommitError>,
    /// By offset, then by ticket.
    waiting: BTreeMap<(u64, u64), Waker>,
    next_ticket: u64,
}

impl Commit {
    /// Begins at an offset up to which nothing has to be waited for.
    pub fn new(offset: u64) -> Commit {
        Commit {
            written: AtomicU64::new(offset),
            synced: AtomicU64::new(offset),
            has_base: AtomicBool::new(true),
            turns: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Tells the progress of no log: nobody has to wait for anything.
    pub fn idle() -> Commit {
        Commit::new(u64::MAX)
    }

    /// Begins anew with another log, at an offset that is not below what anybody has waited for.
    pub fn restart(&self, offset: u64) {
        self.restart_with(offset, true);
    }

    /// As [`Commit::restart`], with a log whose first base is not written yet: see [`Commit::publish_base`].
    pub fn restart_without_base(&self, offset: u64) {
        self.restart_with(offset, false);
    }

    fn restart_with(&self, offset: u64, has_base: bool) {
        let mut state = self.state();
        self.has_base.store(has_base, Ordering::Release);
        self.written.store(offset, Ordering::Release);
        self.synced.store(offset, Ordering::Release);
        self.set_failure(&mut state, None);
    }

    /// There is no log any more: nobody has to wait for anything.
    pub fn retire(&self) {
        self.clear_failure();
        self.publish_base();
        self.publish_written(u64::MAX);
        self.publish_synced(u64::MAX);
    }

    /// Returns up to where the kernel has the log.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Returns up to where the log survives a power cut.
    pub fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Returns whether the log does not get on; costs one load.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.health().is_bad()
    }

    /// Returns whether the log gets on, and how often that has changed; costs one load.
    #[inline]
    pub fn health(&self) -> Health {
        Health(self.turns.load(Ordering::Acquire))
    }

    /// Returns why the log does not get on, if it doesn't.
    pub fn failure(&self) -> Option<CommitError> {
        self.state().failure.clone()
    }

    /// Waits until all before `offset` is durable, or until the log fails.
    ///
    /// After an error, the commands may yet become durable: nobody knows.
    pub fn synced_to(self: &Arc<Commit>, offset: u64) -> SyncedTo {
        SyncedTo { commit: Arc::clone(self), offset, needs_base: false, ticket: None }
    }

    /// As [`Commit::synced_to`], and for what was there when the log began as well.
    pub fn durable_to(self: &Arc<Commit>, offset: u64) -> SyncedTo {
        SyncedTo { commit: Arc::clone(self), offset, needs_base: true, ticket: None }
    }

    /// Returns whether all before `offset` is durable, and what was there when the log began as well.
    pub fn is_durable_to(&self, offset: u64) -> bool {
        self.has_base.load(Ordering::Acquire) && self.synced() >= offset
    }

    /// Tells that the log's first base is durable. Who waits for it is woken by the next [`Commit::publish_synced`].
    pub fn publish_base(&self) {
        self.has_base.store(true, Ordering::Release);
    }

    /// Tells that the kernel has the log up to `offset`.
    pub fn publish_written(&self, offset: u64) {
        self.written.fetch_max(offset, Ordering::AcqRel);
    }

    /// Tells that the log is durable up to `offset`, and wakes who waited for that.
    pub fn publish_synced(&self, offset: u64) {
        let mut state = self.state();
        self.synced.fetch_max(offset, Ordering::AcqRel);
        let later = state.waiting.split_off(&(offset.saturating_add(1), 0));
        let due = std::mem::replace(&mut state.waiting, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    /// Tells that the log gets on again: nobody who waits from now on is told of the failure.
    pub fn clear_failure(&self) {
        self.set_failure(&mut self.state(), None);
    }

    fn set_failure(&self, state: &mut State, failure: Option<CommitError>) {
        if state.failure.is_some() != failure.is_some() {
            self.turns.fetch_add(1, Ordering::AcqRel);
        }
        state.failure = failure;
    }

    /// Tells everybody who waits, and who will wait, that the log does not get on.
    pub fn publish_failure(&self, failure: CommitError) {
        let mut state = self.state();
        self.set_failure(&mut state, Some(failure));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for [`Commit::synced_to`]. Dropped, it waits no more.
#[must_use = "it waits only while it is polled"]
pub struct SyncedTo {
    commit: Arc<Commit>,
    offset: u64,
    /// Whether the log's first base must be there, too.
    needs_base: bool,
    ticket: Option<u64>,
}

impl SyncedTo {
    fn is_over(&self) -> bool {
        let (commit, offset) = (&self.commit, self.offset);
        if self.needs_base { commit.is_durable_to(offset) } else { commit.synced() >= offset }
    }

    /// Stops the calling thread until then.
    pub fn wait(mut self) -> Result<(), CommitError> {
        let waker = Waker::from(Arc::new(Sleeper(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut self).poll(&mut context) {
                return outcome;
            }
            thread::park();
        }
    }
}

/// A thread that is stopped.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Sleeper>) {
        self.0.unpark();
    }
}

impl Future for SyncedTo {
    type Output = Result<(), CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        let commit = Arc::clone(&self.commit);
        let mut state = commit.state();
        // It may have become durable before the lock was taken; nobody would wake us then.
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        if let Some(failure) = &state.failure {
            return Poll::Ready(Err(failure.clone()));
        }
        let ticket = *self.ticket.get_or_insert_with(|| {
            state.next_ticket += 1;
            state.next_ticket
        });
        state.waiting.insert((self.offset, ticket), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for SyncedTo {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.commit.state().waiting.remove(&(self.offset, ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Bell>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Waiter {
        wait: Pin<Box<SyncedTo>>,
        bell: Arc<Bell>,
    }

    impl Waiter {
        fn new(commit: &Arc<Commit>, offset: u64) -> Waiter {
            Waiter { wait: Box::pin(commit.synced_to(offset)), bell: Arc::default() }
        }

        fn poll(&mut self) -> Poll<Result<(), CommitError>> {
            let waker = Waker::from(Arc::clone(&self.bell));
            self.wait.as_mut().poll(&mut Context::from_waker(&waker))
        }

        fn rings(&self) -> usize {
            self.bell.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn one_sync_wakes_all_whose_offsets_it_reached() {
        let commit = Arc::new(Commit::new(10));
        assert!(Waiter::new(&commit, 10).poll().is_ready());
        let mut waiters = [11, 20, 20, 21].map(|offset| Waiter::new(&commit, offset));
        for waiter in &mut waiters {
            assert!(waiter.poll().is_pending());
            assert!(waiter.poll().is_pending(), "asking twice waits once");
        }
        commit.publish_written(30);
        commit.publish_synced(20);
        assert_eq!(waiters.each_ref().map(Waiter::rings), [1, 1, 1, 0]);
        assert_eq!((commit.written(), commit.synced()), (30, 20));
        assert!(waiters[2].poll().is_ready());
        drop(waiters);
        assert!(commit.state().waiting.is_empty());
    }

    #[test]
    fn what_was_there_before_the_log_waits_for_its_base() {
        let commit = Arc::new(Commit::new(10));
        assert!(commit.is_durable_to(10));
        commit.restart_without_base(10);
        let mut durable = Waiter { wait: Box::pin(commit.durable_to(10)), bell: Arc::default() };
        assert!(!commit.is_durable_to(10) && durable.poll().is_pending());
        assert!(Waiter::new(&commit, 10).poll().is_ready(), "nothing was written since it began");
        commit.publish_synced(10);
        assert!(durable.poll().is_pending(), "the base is still missing");
        commit.publish_base();
        commit.publish_synced(10);
        assert_eq!(durable.rings(), 2);
        assert!(durable.poll().is_ready() && commit.is_durable_to(10));
    }

    #[test]
    fn a_failure_reaches_all_until_it_is_over() {
        let commit = Arc::new(Commit::new(0));
        let mut waiter = Waiter::new(&commit, 5);
        assert!(waiter.poll().is_pending());
        let failure = CommitError { stage: Stage::Sync, reason: "Input/output error".into() };
        commit.publish_failure(failure.clone());
        assert_eq!((waiter.rings(), waiter.poll()), (1, Poll::Ready(Err(failure.clone()))));
        assert_eq!(Waiter::new(&commit, 9).poll(), Poll::Ready(Err(failure)));
        let health = commit.health();
        assert!(commit.has_failed() && health.is_bad());
        commit.publish_failure(CommitError { stage: Stage::Write, reason: "No space left on device".into() });
        assert_eq!(commit.health(), health, "another reason is the same failure");
        commit.clear_failure();
        commit.clear_failure();
        assert!(!commit.has_failed() && !commit.health().is_bad());
        let mut waiter = Waiter::new(&commit, 5);
        assert!(waiter.poll().is_pending());
        commit.publish_synced(5);
        assert_eq!(waiter.poll(), Poll::Ready(Ok(())));
    }

    #[test]
    fn without_a_log_nobody_waits_and_another_one_begins_where_it_is_told() {
        let commit = Arc::new(Commit::idle());
        assert!(Waiter::new(&commit, 1 << 40).poll().is_ready());
        commit.restart(5);
        let mut waiter = Waiter::new(&commit, 6);
        assert!(Waiter::new(&commit, 5).poll().is_ready() && waiter.poll().is_pending());
        commit.publish_failure(CommitError { stage: Stage::Write, reason: "No space left on device".into() });
        commit.retire();
        assert_eq!((waiter.poll(), commit.has_failed()), (Poll::Ready(Ok(())), false));
    }

    #[test]
    fn a_thread_may_stop_until_then() {
        let commit = Arc::new(Commit::new(0));
        std::thread::scope(|scope| {
            let wait = |offset| {
                let waiting = commit.synced_to(offset);
                scope.spawn(|| waiting.wait())
            };
            let (first, second) = (wait(1), wait(2));
            while commit.state().waiting.len() < 2 {
                std::thread::yield_now();
            }
            commit.publish_synced(1);
            assert_eq!(first.join().expect("it does not panic"), Ok(()));
            let failure = CommitError { stage: Stage::Sync, reason: "Input/output error".into() };
            commit.publish_failure(failure.clone());
            assert_eq!(second.join().expect("it does not panic"), Err(failure));
        });
        assert_eq!(commit.synced_to(1).wait(), Ok(()));
    }
}

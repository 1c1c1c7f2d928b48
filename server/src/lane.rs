//! The slow lane of a worker: connections with much to do take turns there, one between two looks at the sockets.
//!
//! A worker that served every connection whenever it is ready would let a hundred that ask for megabytes go first, each
//! for some tenths of a millisecond, and whoever asks for a key would wait for all of them. So who has used up a turn goes to
//! the end of this line. Its head goes on after all sockets were looked at that have become readable meanwhile. Who has
//! shown no small reply yet is taken for one of those as long as such a turn has been used since the last look.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use tokio::sync::Notify;
use tokio::task::yield_now;

/// Replies of so many bytes are small. Making and sending them takes some microseconds.
const SMALL_BYTES: usize = 64 * 1024;

/// The line of one worker.
#[derive(Default)]
pub(crate) struct Lane {
    waiting: RefCell<VecDeque<Waker>>,
    /// Whether replies that were not small were made since the last look at the sockets.
    is_taken: Cell<bool>,
    /// Told when there is something to call for: somebody waits, or the lane was taken.
    called_for: Notify,
}

impl Lane {
    /// Whether who may have much to do should wait for a turn.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }

    /// Notes the size of the replies that a connection was given, and returns whether they were small.
    #[inline]
    pub(crate) fn note(&self, reply_bytes: usize) -> bool {
        let is_small = reply_bytes <= SMALL_BYTES;
        if !is_small {
            self.is_taken.set(true);
            self.called_for.notify_one();
        }
        is_small
    }

    /// Puts a task at the end of the line; it is woken when its turn has come.
    pub(crate) fn join(&self, task: &Waker) {
        self.waiting.borrow_mut().push_back(task.clone());
        self.called_for.notify_one();
    }

    /// Waits in the line. Whoever wakes the task for another reason ends this, too.
    pub(crate) async fn turn(&self) {
        let mut has_joined = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_joined, true) {
                return Poll::Ready(());
            }
            self.join(context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Calls one after the other, for ever.
    pub(crate) async fn call(&self) {
        loop {
            self.called_for.notified().await;
            // The runtime looks at the sockets before it goes on here.
            yield_now().await;
            self.is_taken.set(false);
            while let Some(next) = self.take() {
                next.wake();
                yield_now().await;
                self.is_taken.set(false);
            }
        }
    }

    fn take(&self) -> Option<Waker> {
        self.waiting.borrow_mut().pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use tokio::task::{LocalSet, spawn_local};

    #[test]
    fn others_have_their_turn_between_two_in_the_lane() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let lane = Rc::new(Lane::default());
        let order = Rc::new(RefCell::new(Vec::new()));
        let left = LocalSet::new();
        left.block_on(&runtime, async {
            let caller = spawn_local({
                let lane = Rc::clone(&lane);
                async move { lane.call().await }
            });
            let heavy = ["first", "second"].map(|name| {
                let (lane, order) = (Rc::clone(&lane), Rc::clone(&order));
                spawn_local(async move {
                    for _ in 0..3 {
                        lane.turn().await;
                        order.borrow_mut().push(name);
                    }
                })
            });
            let light = spawn_local({
                let order = Rc::clone(&order);
                async move {
                    for _ in 0..5 {
                        yield_now().await;
                        order.borrow_mut().push("light");
                    }
                }
            });
            for task in heavy.into_iter().chain([light]) {
                task.await.expect("no panic");
            }
            caller.abort();
        });
        let order = order.take();
        let turns: Vec<_> = order.iter().filter(|name| **name != "light").collect();
        assert_eq!(turns, [&"first", &"second"].repeat(3), "{order:?}");
        assert!(order.windows(2).take(8).all(|pair| pair.contains(&"light")), "{order:?}");
    }
}

//! The thread that copies a primary.

use super::copying::Copying;
use super::handover::{self, Outcome};
use super::{Address, Order, end_waits};
use crate::server::Shared;
use spinel_storage::durable::Follower;
use spinel_storage::system::{SystemClock, random_word};
use spinel_storage::time::Clock;
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::UnboundedReceiver;

/// The running thread.
pub(crate) struct LinkThread {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl LinkThread {
    /// Starts the thread, once. It copies from the beginning on if the settings say whom.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<LinkThread> {
        let upstream = &shared.upstream;
        let received = upstream.received.lock().unwrap_or_else(PoisonError::into_inner).take();
        let orders = received.expect("a server has one thread that copies");
        if let Some(primary) = upstream.state().primary.clone() {
            let _ = upstream.orders.send(Order::Follow(primary));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let task_shared = Arc::clone(shared);
        let thread = thread::Builder::new().name("link".to_owned());
        let thread = thread.spawn(move || runtime.block_on(work(&task_shared, orders)))?;
        Ok(LinkThread { thread, shared: Arc::clone(shared) })
    }

    /// Ends the thread after what it is running.
    pub(crate) fn stop(self) {
        // It listens until it hears this.
        let _ = self.shared.upstream.orders.send(Order::Stop);
        // A panic in it was reported when it happened.
        let _ = self.thread.join();
    }
}

/// Obeys orders until the server ends.
async fn work(shared: &Arc<Shared>, mut orders: UnboundedReceiver<Order>) {
    let mut follower = Follower::new(Arc::clone(&shared.engine), random_word());
    let mut copying: Option<Copying> = None;
    let mut next: Option<Order> = None;
    loop {
        let order = match (next.take(), &mut copying) {
            (Some(order), _) => order,
            (None, Some(copying)) => copying.run(&mut follower, &mut orders).await,
            (None, None) => orders.recv().await.unwrap_or(Order::Stop),
        };
        let former = copying.take();
        match order {
            Order::Follow(address) => copying = Some(follow(shared, address, former, &mut follower)),
            Order::FailOver(number) => match handover::run(shared, number, &mut orders).await {
                Outcome::Copies(heir) => copying = Some(*heir),
                Outcome::Over => {}
                Outcome::Ordered(order) => next = Some(order),
            },
            Order::Lead(told) => {
                shared.upstream.has_ended(shared);
                if let Some(told) = told {
                    told.tell();
                }
            }
            // Nobody is followed.
            Order::Look => {}
            Order::Stop => return,
        }
    }
}

/// Begins to copy somebody, maybe after somebody else, with the data that there is.
fn follow(
    shared: &Arc<Shared>,
    address: Address,
    former: Option<Copying>,
    follower: &mut Follower,
) -> Copying {
    shared.engine.keyspace().set_copy(true);
    // Who was inside when writes were still allowed is out then.
    drop(shared.engine.close());
    end_waits(shared);
    let own = shared.replication.follow(shared);
    let position = former.map_or(own, |former| former.position());
    follower.begin(shared.replication.selected());
    Copying::new(shared, address, position)
}

/// Milliseconds of a clock that only goes on.
pub(super) fn now_ms() -> u64 {
    SystemClock.monotonic_ms()
}

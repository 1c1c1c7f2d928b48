//! A failover, as the thread does it: it waits until a replica has all, and then begins to copy it.

use super::Order;
use super::copying::Copying;
use crate::replication::failover::Wait;
use crate::server::Shared;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;

/// What has come of a failover.
pub(super) enum Outcome {
    /// The server copies its heir, which is yet to be told that it is the primary.
    Copies(Box<Copying>),
    /// There is none any more.
    Over,
    /// Something else is to be done.
    Ordered(Order),
}

/// Waits until a replica has all, and makes it the heir. Nothing changes by itself from the beginning on, and nobody writes.
pub(super) async fn run(shared: &Arc<Shared>, number: u64, orders: &mut UnboundedReceiver<Order>) -> Outcome {
    let failover = &shared.replication.failover;
    // An order that came just before may have made the server a copy.
    if shared.upstream.is_replica() {
        failover.abort("the server is a replica", shared);
        return Outcome::Over;
    }
    shared.engine.keyspace().set_copy(true);
    // Who was inside when writes were still allowed is out then.
    drop(shared.engine.close());
    let mut has_asked = false;
    let heir = loop {
        let until = match failover.look(number, shared) {
            Wait::Ends(heir) => break heir,
            Wait::Over => {
                failover.resume(shared);
                return Outcome::Over;
            }
            Wait::Goes { until } => until,
        };
        if !std::mem::replace(&mut has_asked, true) {
            shared.replication.ask_all();
        }
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Look) => {}
                order => return obey(order.unwrap_or(Order::Stop), shared),
            },
            () = failover.changed() => {}
            () = elapsed(until) => {}
        }
    };
    let Some(position) = failover.hand_over(&heir, shared) else {
        failover.resume(shared);
        return Outcome::Over;
    };
    Outcome::Copies(Box::new(Copying::hand_over(shared, heir, position)))
}

/// Ends the wait because of an order.
fn obey(order: Order, shared: &Arc<Shared>) -> Outcome {
    if !matches!(order, Order::FailOver(_)) {
        shared.replication.failover.abort("something else is to be done", shared);
        shared.replication.failover.resume(shared);
    }
    Outcome::Ordered(order)
}

/// Waits until a time, for ever if there is none.
async fn elapsed(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

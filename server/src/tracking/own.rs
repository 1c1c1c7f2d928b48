//! What clients are told of their own commands: after all others, and after all commands of a transaction or a script.

use super::invalidation::Invalidation;
use super::{Tracker, Tracking};
use crate::pubsub::{HardLimits, Mailbox};
use std::cell::RefCell;
use std::sync::Arc;

/// Who has changed something himself, and what: a key, or everything. He is told even if he tracks no more by then.
type Changed = (Arc<Mailbox>, Option<Box<[u8]>>);

#[derive(Default)]
struct Own {
    /// The client whose command the thread runs, if that is not over; 0 for none.
    running: u64,
    /// All of one client.
    changed: Vec<Changed>,
}

thread_local! {
    static OWN: RefCell<Own> = RefCell::default();
}

/// Runs a command of a client, and then tells it what it has changed itself.
pub(crate) fn run<R>(
    client: u64,
    tracking: &Tracking,
    limits: &HardLimits,
    command: impl FnOnce() -> R,
) -> R {
    let run = |client| OWN.with_borrow_mut(|own| own.running = client);
    run(client);
    let result = command();
    run(0);
    tell_unless_of(0, tracking, limits);
    result
}

/// Whether the command of a client, or whatever it belongs to, is not over yet.
pub(super) fn is_running(client: u64) -> bool {
    OWN.with_borrow(|own| own.running == client)
}

/// Remembers what a client has changed itself.
pub(super) fn remember(tracker: &Arc<Tracker>, key: Option<&[u8]>) {
    OWN.with_borrow_mut(|own| own.changed.push((Arc::clone(&tracker.mailbox), key.map(Box::from))));
}

/// Tells what is remembered as its client wants to be told by now, unless it is of this client, whose command is not over.
pub(super) fn tell_unless_of(client: u64, tracking: &Tracking, limits: &HardLimits) {
    let changed = OWN.with_borrow_mut(|own| {
        let is_of_client = own.changed.first().is_some_and(|(mailbox, _)| mailbox.client == client);
        if is_of_client { Vec::new() } else { std::mem::take(&mut own.changed) }
    });
    for (mailbox, key) in changed {
        tracking.tracker_of(&mailbox).tell(&Invalidation::of_change(key.as_deref()), limits);
    }
}

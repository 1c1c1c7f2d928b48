//! Who waits until replicas have what happened so far.

use super::{GETACK, GETACK_DISK, Replication, State};
use crate::config::{Config, table};
use spinel_storage::engine::wait::Waiter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Copies {
    /// Replicas that have it.
    InMemory,
    /// Replicas that have it on disk.
    OnDisk,
}

impl Copies {
    /// Those that the setting `write-quorum-durability` asks for.
    pub(crate) fn of(config: &Config) -> Copies {
        match config.number(table::WRITE_QUORUM_DURABILITY) {
            0 => Copies::InMemory,
            _ => Copies::OnDisk,
        }
    }

    /// What replicas are asked.
    pub(super) fn question(self) -> &'static [u8] {
        match self {
            Copies::InMemory => GETACK,
            Copies::OnDisk => GETACK_DISK,
        }
    }
}

/// Somebody who waits.
pub(super) struct Wait {
    copies: Copies,
    offset: u64,
    told: Told,
    waiter: Arc<Waiter>,
    seen: usize,
}

/// Hears how many replicas have what somebody waits for, whenever that changes; whether that was all he waits for.
type Told = Box<dyn Fn(&Waiter, usize) -> bool + Send>;

impl Replication {
    /// How many replicas have what happened so far, as far as they have said.
    pub(crate) fn copies(&self, copies: Copies) -> usize {
        let mut state = self.state();
        state.advance();
        let offset = state.primary.offset();
        state.count(copies, offset)
    }

    /// Asks replicas what they have until `told` says that it is enough of what happened so far; it hears each new number. The
    /// waiter ends it otherwise.
    pub(crate) fn wait(
        &self,
        copies: Copies,
        waiter: &Arc<Waiter>,
        told: impl Fn(&Waiter, usize) -> bool + Send + 'static,
    ) {
        let mut state = self.state();
        state.advance();
        let offset = state.primary.offset();
        if state.reader.is_none() {
            // Nobody copies this server, and who comes gets a snapshot of a later time.
            return;
        }
        let seen = state.count(copies, offset);
        state.waits.push(Wait { copies, offset, told: Box::new(told), waiter: Arc::clone(waiter), seen });
        self.is_urgent.store(true, Ordering::Relaxed);
        state.insert(copies.question());
        state.wake_all();
    }
}

impl State {
    fn count(&self, copies: Copies, offset: u64) -> usize {
        match copies {
            Copies::InMemory => self.primary.holders(offset),
            Copies::OnDisk => self.primary.keepers(offset),
        }
    }

    /// Tells those who wait what has changed, and forgets those who don't wait any more.
    pub(super) fn look_at_waits(&mut self, replication: &Replication) {
        let mut waits = std::mem::take(&mut self.waits);
        let goes_on = |wait: &mut Wait| {
            let count = self.count(wait.copies, wait.offset);
            let is_new = std::mem::replace(&mut wait.seen, count) != count;
            // Nobody else knows of a waiter that has left.
            Arc::strong_count(&wait.waiter) > 1 && !(is_new && (wait.told)(&wait.waiter, count))
        };
        waits.retain_mut(goes_on);
        self.waits = waits;
        let is_urgent = !self.waits.is_empty() || self.pledges.is_under_way();
        replication.is_urgent.store(is_urgent, Ordering::Relaxed);
    }
}

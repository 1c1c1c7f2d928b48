//! The end of a primary: replicas get what they lack, so that they can go on where it ends when it is back.

use super::{GETACK, Replication};
use crate::clients::{PauseMode, PauseReason};
use crate::config::table;
use crate::log;
use crate::orders::Farewell;
use crate::persistence::CAN_NOT_END;
use crate::server::{Shared, now};
use spinel_storage::UnixMillis;
use std::time::{Duration, Instant};

/// A server that waits for its replicas before it ends. Nobody writes meanwhile.
pub(crate) struct ReplicaWait {
    /// What replicas are to have.
    offset: u64,
    until: Instant,
}

impl ReplicaWait {
    /// Begins to wait, if that is wanted and somebody lacks something.
    pub(crate) fn begin(shared: &Shared, farewell: &Farewell) -> Option<ReplicaWait> {
        let seconds = shared.config.number(table::SHUTDOWN_TIMEOUT).unsigned_abs();
        if !farewell.waits || seconds == 0 {
            return None;
        }
        shared.clients.pause.start(PauseReason::Shutdown, UnixMillis(i64::MAX), PauseMode::Writes, now());
        let offset = shared.replication.hush()?;
        log::notice!("Waiting for replicas before shutting down.");
        shared.orders.begin_wait();
        Some(ReplicaWait { offset, until: Instant::now() + Duration::from_secs(seconds) })
    }

    /// Whether there is still something to wait for.
    pub(crate) fn goes_on(&self, shared: &Shared) -> bool {
        let (behind, _) = shared.replication.behind(self.offset);
        behind > 0 && Instant::now() < self.until && !shared.orders.is_aborted()
    }

    /// Ends the wait; whether the server still is to end.
    pub(crate) fn end(self, shared: &Shared, farewell: &Farewell) -> bool {
        let (behind, all) = shared.replication.behind(self.offset);
        if shared.orders.end_wait() {
            log::notice!("{} of {all} replicas are in sync when shutting down.", all - behind);
            return true;
        }
        log::warning!("Shutdown manually aborted.");
        shared.replication.resume();
        shared.clients.pause.end(PauseReason::Shutdown);
        if let Some(asker) = &farewell.asker {
            asker.fail(CAN_NOT_END);
        }
        false
    }
}

impl Replication {
    /// Says nothing between commands from now on, and asks replicas what they have. Returns what all of them are to have; none if
    /// they do, or if the stream is not this server's own.
    ///
    /// The question is a part of the stream: a replica that did not get it could not go on behind it.
    fn hush(&self) -> Option<u64> {
        let mut state = self.state();
        state.advance();
        state.reader.as_ref()?;
        state.is_hushed = true;
        let end = state.primary.offset();
        if state.primary.replicas().all(|(_, replica)| replica.acknowledged == end) {
            return None;
        }
        state.insert(GETACK);
        state.wake_all();
        Some(state.primary.offset())
    }

    /// The server does not end after all.
    pub(crate) fn resume(&self) {
        self.state().is_hushed = false;
    }

    /// How many replicas have not said that they have what is before an offset, and how many there are.
    fn behind(&self, offset: u64) -> (usize, usize) {
        let state = self.state();
        let behind = state.primary.replicas().filter(|(_, replica)| replica.acknowledged < offset);
        (behind.count(), state.seats.len())
    }
}

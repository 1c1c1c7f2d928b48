//! Which replicas have to go.

use super::seat::Seat;
use super::{MEMORY_BYTES_MAX, Replication, State, now_ms};
use crate::clients::{Class, Client, OutputLimits};
use crate::config::table;
use crate::log;
use crate::server::Shared;
use spinel_replication::{Phase, Replica};
use std::sync::Arc;

impl Replication {
    /// Ends the connections of replicas that say nothing any more, or lack more than they may. Called once a second.
    pub(crate) fn enforce(&self, shared: &Shared) {
        let timeout_ms = shared.config.number(table::REPL_TIMEOUT).unsigned_abs() * 1000;
        let limits = OutputLimits::of(&shared.config, Class::Replica);
        for client in self.state().lost(timeout_ms, limits) {
            shared.clients.kill(&client, &shared.engine);
        }
    }
}

impl State {
    /// Replicas with which it is over.
    fn lost(&self, timeout_ms: u64, limits: OutputLimits) -> Vec<Arc<Client>> {
        let is_over = |(key, replica): (u64, &Replica)| {
            let seat = self.seats.get(&key)?;
            let is_lost = match replica.phase {
                Phase::Waiting | Phase::Loading => false,
                Phase::Receiving => seat.is_stuck(timeout_ms),
                Phase::Online => {
                    seat.has_timed_out(replica, timeout_ms) || seat.is_over(self.lacking(replica), limits)
                }
            };
            is_lost.then(|| Arc::clone(&seat.client))
        };
        self.primary.replicas().filter_map(is_over).collect()
    }

    /// How many bytes are kept for a replica alone. What happened while it loaded a snapshot does not count: if that ended its
    /// connection it would begin anew, and lack even more afterwards.
    fn lacking(&self, replica: &Replica) -> usize {
        let lacking = self.primary.offset() - replica.sent;
        let is_kept_for_it = replica.has_caught_up && lacking > self.primary.backlog_bytes();
        if is_kept_for_it { usize::try_from(lacking).unwrap_or(usize::MAX) } else { 0 }
    }

    /// Those that lack what is not in memory any more, or would not be if it could be written.
    pub(super) fn farthest_behind(&self) -> Vec<Arc<Client>> {
        let in_memory = self.primary.backlog_bytes().saturating_add(MEMORY_BYTES_MAX);
        let start = self.primary.offset().saturating_sub(in_memory);
        let is_behind = |(key, replica): (u64, &Replica)| {
            let lacks = replica.phase != Phase::Waiting && replica.sent < start;
            let seat = self.seats.get(&key).filter(|_| lacks)?;
            log::warning!("Disconnecting replica {}, for which nothing can be kept", seat.name());
            Some(Arc::clone(&seat.client))
        };
        self.primary.replicas().filter_map(is_behind).collect()
    }
}

impl Seat {
    /// Whether it has not taken anything of its snapshot for too long.
    fn is_stuck(&self, timeout_ms: u64) -> bool {
        let transfer = self.transfer.as_ref();
        let is_stuck = transfer.is_some_and(|transfer| transfer.is_stuck(self.client.id, timeout_ms));
        if is_stuck {
            log::warning!("Disconnecting timedout replica (full sync): {}", self.name());
        }
        is_stuck
    }

    /// Whether it has not said anything for too long.
    fn has_timed_out(&self, replica: &Replica, timeout_ms: u64) -> bool {
        let is_silent = !self.is_silent && now_ms().saturating_sub(replica.heard_ms) > timeout_ms;
        if is_silent {
            log::warning!("Disconnecting timedout replica (streaming sync): {}", self.name());
        }
        is_silent
    }

    /// Whether it lacks more than it may.
    fn is_over(&self, lacking: usize, limits: OutputLimits) -> bool {
        let is_over = limits.are_broken_by(&self.client, lacking, crate::server::now());
        if is_over {
            let (id, address) = (self.client.id, &self.client.peer.address);
            log::warning!("Client id={id} addr={address} closed for overcoming of output buffer limits.");
        }
        is_over
    }
}

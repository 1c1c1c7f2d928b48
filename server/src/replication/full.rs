//! Full synchronization: a snapshot is cut, and what is walked over goes to replicas.

use super::{Filter, State, Transfer, new_id, scratch_file};
use crate::log;
use crate::persistence;
use crate::server::Shared;
use spinel_replication::Phase;
use spinel_storage::durable::{self, SaveError};
use std::sync::Arc;

/// Cuts a snapshot for all who wait for one, and walks over it for them. The calling thread must not be inside a turn.
pub(crate) fn run(shared: &Shared) -> Result<(), SaveError> {
    let replication = &shared.replication;
    let cut = shared.engine.begin_snapshot_with(|_| {
        let mut state = replication.state();
        state.is_ordered = false;
        state.begin_transfer().map(|transfer| (transfer, state.place()))
    });
    let (snapshot, transfer, place) = match cut {
        Ok((snapshot, Some((transfer, place)))) => (snapshot, transfer, place),
        // Who waited has gone.
        Ok((_, None)) => return Ok(()),
        Err(running) => return Err(running.into()),
    };
    shared.persistence.note_snapshot(&snapshot);
    log::notice!("Starting a snapshot for replicas at offset {}", transfer.cut);
    let mut options = persistence::snapshot_options(shared);
    options.format = durable::SnapshotFormat::Rdb;
    options.place = place;
    let mut write = |bytes: Vec<u8>| transfer.write(bytes, || scratch_file(&shared.config));
    let outcome = durable::stream(&snapshot, &options, &mut write);
    transfer.finish(outcome.is_ok());
    match &outcome {
        Ok(()) => log::notice!("The snapshot for replicas is complete"),
        Err(error) => log::warning!("The snapshot for replicas failed: {error}"),
    }
    replication.state().forget_transfer();
    outcome
}

impl State {
    /// Sends a replica a snapshot without keys.
    pub(super) fn send_without_keys(&mut self, key: u64, filter: Filter, shared: &Shared) {
        let mut options = persistence::snapshot_options(shared);
        if filter == Filter::Nothing {
            options.libraries.clear();
        }
        options.place = self.place();
        let cut = self.primary.offset();
        let transfer = Arc::new(Transfer::new(cut, self.primary.history().id(), marker()));
        let Some(seat) = self.seats.get_mut(&key) else { return };
        if self.primary.join(key, cut) && transfer.enter(&seat.client) {
            let written = transfer.write(durable::without_keys(&options), || scratch_file(&shared.config));
            transfer.finish(written.is_ok());
            seat.transfer = Some(transfer);
        }
    }

    /// Begins a transfer to all who wait for one; none if nobody does. The keyspace is closed.
    fn begin_transfer(&mut self) -> Option<Arc<Transfer>> {
        self.advance();
        let is_waiting = |state: &State, key: u64| {
            state.primary.replica(key).is_some_and(|replica| replica.phase == Phase::Waiting)
        };
        let keys: Vec<u64> = self.seats.keys().copied().filter(|key| is_waiting(self, *key)).collect();
        if keys.is_empty() {
            return None;
        }
        let cut = self.primary.cut();
        let transfer = Arc::new(Transfer::new(cut, self.primary.history().id(), marker()));
        for key in keys {
            if let Some(seat) = self.seats.get_mut(&key)
                && transfer.enter(&seat.client)
            {
                seat.transfer = Some(Arc::clone(&transfer));
                seat.client.wake();
            }
        }
        self.transfer = Some(Arc::clone(&transfer));
        Some(transfer)
    }
}

/// What ends a snapshot: nobody can know it before.
fn marker() -> [u8; 40] {
    new_id().as_str().as_bytes().try_into().expect("an id has 40 digits")
}

//! The stream of a server that copies another one: its primary's, byte for byte, so that offsets mean the same everywhere.
//!
//! ```text
//! own master:   journal ─────────────────→ backlog ─→ replicas
//! a copy:       units that have run ─→ relayed ─→ backlog ─→ replicas
//! ```

use super::{Replication, State, new_id, now_ms};
use crate::log;
use crate::server::Shared;
use spinel_replication::Position;
use spinel_storage::DbIndex;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So much is gathered before it goes to the backlog.
const GATHERED_BYTES: usize = 16 << 10;

impl Replication {
    /// From now on the stream is not this server's own. Replicas have to come again. Returns where the data stands that there
    /// is, if somebody could go on there; nobody writes any more.
    pub(super) fn follow(&self, shared: &Shared) -> Option<Position> {
        let mut state = self.state();
        state.advance();
        if state.reader.take().is_some() {
            state.relayed.get_or_insert_default();
        }
        state.break_promises(self);
        state.dismiss(shared);
        state.relayed.is_some().then(|| state.former_position())
    }

    /// The data is about to be replaced: nobody can go on with the stream that there was.
    pub(super) fn abandon(&self, shared: &Shared) {
        let mut state = self.state();
        state.advance();
        state.break_promises(self);
        state.dismiss(shared);
        (state.reader, state.relayed) = (None, None);
        state.primary.end();
    }

    /// The data is that of a primary, whose stream goes on at a position, where it has selected a database. If it has none, there
    /// is no stream to relay.
    pub(super) fn adopt(&self, position: Option<Position>, db: DbIndex) {
        let mut state = self.state();
        state.db = db;
        if let Some(Position { id, offset }) = position {
            state.primary.adopt(id, offset);
            state.relayed = Some(Vec::new());
        }
    }

    /// The primary goes on with the stream that there is; it may have got another name.
    pub(super) fn go_on(&self, position: Position, shared: &Shared) {
        let mut state = self.state();
        state.advance();
        debug_assert_eq!(state.primary.offset(), position.offset, "what has run was relayed");
        if state.primary.history().id() != position.id {
            state.primary.branch(position.id);
            // They learn the name when they come again.
            state.dismiss(shared);
        }
    }

    /// A part of the primary's stream has run, behind which a database is selected. Who has changed data by it says so before he
    /// leaves the keyspace, so that a snapshot has exactly what is before the end of the stream.
    pub(super) fn relay(&self, bytes: &[u8], db: DbIndex) {
        let mut state = self.state();
        state.db = db;
        let Some(relayed) = &mut state.relayed else { return };
        relayed.extend_from_slice(bytes);
        if relayed.len() >= GATHERED_BYTES {
            state.advance();
        }
    }

    /// Lets replicas look for what was relayed.
    pub(super) fn ring(&self) {
        self.bell.ring();
    }

    /// From now on the stream is this server's own: it goes on under another name, so that those who have followed the same
    /// primary can go on with it. Replicas come again, and learn it. Nobody has written yet.
    pub(super) fn lead(&self, shared: &Shared) {
        let mut state = self.state();
        state.advance();
        if state.relayed.take().is_none() {
            return;
        }
        state.dismiss(shared);
        let former = state.primary.history().id();
        state.primary.branch(new_id());
        state.reader = Some(shared.engine.journal().attach());
        state.lonely_ms = now_ms();
        state.count_good(self);
        log::notice!(
            "Setting secondary replication ID to {former}, valid up to offset: {}. New replication ID is {}",
            state.primary.offset() + 1,
            state.primary.history().id()
        );
    }
}

impl State {
    /// Whether there is a stream that replicas can be sent.
    pub(super) fn is_kept(&self) -> bool {
        self.reader.is_some() || self.relayed.is_some()
    }

    pub(super) fn position(&self) -> Position {
        Position { id: self.primary.history().id(), offset: self.primary.offset() }
    }

    /// The same by the older name, if nothing has happened under the newer one, which fewer know.
    fn former_position(&self) -> Position {
        let (history, offset) = (self.primary.history(), self.primary.offset());
        let former = history.previous().filter(|previous| previous.end == offset);
        Position { id: former.map_or(history.id(), |former| former.id), offset }
    }

    /// What was written to the stream so far may never come to replicas.
    fn break_promises(&mut self, replication: &Replication) {
        replication.era.fetch_add(1, Ordering::AcqRel);
        let broken = self.pledges.end_all();
        replication.broken_promises.fetch_add(broken as u64, Ordering::Relaxed);
        self.count_good(replication);
    }

    /// Ends the connections of all replicas.
    fn dismiss(&mut self, shared: &Shared) {
        for (key, seat) in std::mem::take(&mut self.seats) {
            self.primary.detach(key);
            if let Some(transfer) = &seat.transfer {
                transfer.leave(key);
            }
            shared.clients.kill(&Arc::clone(&seat.client), &shared.engine);
        }
        self.forget_transfer();
        self.lonely_ms = now_ms();
    }
}

//! Where in its stream the data set stands, for what is written to disk; and going on there when the server starts again.

use super::{Replication, State, new_id, now_ms};
use crate::log;
use crate::server::Shared;
use spinel_persistence::StreamPlace;
use spinel_replication::ReplicationId;
use spinel_storage::DbIndex;
use spinel_storage::engine::journal::Offset;

impl Replication {
    /// Where in the stream the data set stands; none if nobody could go on there. To be asked while the keyspace is closed, or when
    /// nobody changes anything any more: what has changed later is in the data and not before the place.
    pub(crate) fn place(&self) -> Option<StreamPlace> {
        let mut state = self.state();
        state.advance();
        state.place()
    }

    /// The same at the end of the journal, when all threads have ended that write.
    pub(crate) fn place_at_end(&self, shared: &Shared) -> Option<(Offset, StreamPlace)> {
        let place = self.place()?;
        Some((shared.engine.journal().end(), place))
    }

    /// The data set that was loaded stands at a place. A copy goes on there if its primary lets it; a primary lets others go on
    /// who are there, under a new name. Nobody has been let in yet.
    pub(crate) fn restore(&self, place: StreamPlace, shared: &Shared) {
        let Some(id) = ReplicationId::parse(&place.id) else { return };
        let mut state = self.state();
        state.primary.adopt(id, place.offset);
        state.db = DbIndex(place.db);
        if shared.upstream.is_replica() {
            state.relayed = Some(Vec::new());
            log::notice!("The data set stands at offset {} of replication ID {id}.", place.offset);
            return;
        }
        state.primary.branch(new_id());
        state.reader = Some(shared.engine.journal().attach());
        state.lonely_ms = now_ms();
        log::notice!(
            "Replicas of replication ID {id} can go on up to offset {}. New replication ID is {}",
            place.offset + 1,
            state.primary.history().id()
        );
    }

    /// The database that the stream of a primary has selected.
    pub(super) fn selected(&self) -> DbIndex {
        self.state().db
    }
}

impl State {
    /// Where the end of the stream is, which is in the backlog already.
    pub(super) fn place(&self) -> Option<StreamPlace> {
        let id = self.primary.history().id().as_str().as_bytes().try_into().ok()?;
        // What follows in a stream of this server's own begins by selecting a database.
        let db = if self.relayed.is_some() { self.db.0 } else { 0 };
        self.is_kept().then(|| StreamPlace { id, offset: self.primary.offset(), db })
    }
}

//! What a session owes: replies that leave only when enough replicas have what was written.

use super::{Quorum, ask};
use crate::clients::Flag;
use crate::server::Shared;
use crate::session::Session;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandId;
use spinel_storage::command::{Command, Databases};
use spinel_storage::{DbIndex, Error};
use std::mem;
use std::ops::Range;

/// What a client is told when too few replicas are there to acknowledge a write.
pub(crate) const LACKS_REPLICAS: Error = Error::Text("NOREPLICAS Not enough good replicas to write.");

/// What the commands of a batch have left to be acknowledged.
#[derive(Default)]
pub(crate) struct Debt {
    /// By how many.
    pub(crate) quorum: Quorum,
    /// Where the replies to what wrote stand among those of the batch.
    pub(crate) replies: Vec<Range<usize>>,
    /// Whether what is being replied to has written.
    has_written: bool,
}

impl Session {
    /// Lets the client ask for this.
    pub(crate) fn ask_quorum(&mut self, quorum: Quorum, shared: &Shared) {
        if quorum != mem::replace(&mut self.own_quorum, quorum) {
            ask(self.client.id, quorum, shared);
        }
    }

    /// How many replicas must have what a command writes. Who is a primary is obeyed, and its writes are others'.
    fn quorum_of(&self, command: &Command, words: &[&[u8]], db: DbIndex, shared: &Shared) -> Quorum {
        if self.client.has(Flag::Primary) {
            return Quorum::NONE;
        }
        let quorums = &shared.replication.quorums;
        let quorum = self.own_quorum.and(quorums.of(db));
        match command.databases {
            Databases::None => quorum,
            Databases::All => quorum.and(quorums.of_all()),
            Databases::At(_) | Databases::Option(..) => command
                .database_positions(words)
                .filter_map(|at| shared.engine.keyspace().db(spinel_resp::parse_integer(words[at])?))
                .fold(quorum, |quorum, db| quorum.and(quorums.of(db))),
        }
    }

    /// Whether too few replicas are there for what a command writes.
    #[cold]
    pub(crate) fn lacks_replicas(
        &self,
        id: CommandId,
        words: &[&[u8]],
        db: DbIndex,
        shared: &Shared,
    ) -> bool {
        let quorum = self.quorum_of(shared.engine.table().row(id).command, words, db, shared);
        shared.replication.lacks(quorum)
    }

    /// The same for what writes to a database by itself.
    #[cold]
    pub(crate) fn lacks_replicas_in(&self, db: DbIndex, shared: &Shared) -> bool {
        shared.replication.lacks(self.own_quorum.and(shared.replication.quorums.of(db)))
    }

    /// The same for what may write to any database.
    #[cold]
    pub(crate) fn lacks_replicas_anywhere(&self, shared: &Shared) -> bool {
        shared.replication.lacks(self.own_quorum.and(shared.replication.quorums.of_all()))
    }

    /// A command has run, by itself or as part of something larger. If it is one that writes, what is replied has to wait, also
    /// if it changed nothing: what it found may be what replicas lack.
    pub(crate) fn note_write(&mut self, id: CommandId, words: &[&[u8]], db: DbIndex, shared: &Shared) {
        let command = shared.engine.table().row(id).command;
        if command.flags.contains(Flags::WRITE) {
            self.owe(self.quorum_of(command, words, db, shared));
        }
    }

    /// Something has written, nobody knows where.
    pub(crate) fn note_writes(&mut self, shared: &Shared) {
        self.owe(self.own_quorum.and(shared.replication.quorums.of_all()));
    }

    fn owe(&mut self, quorum: Quorum) {
        if !quorum.is_none() {
            let debt = self.debt.get_or_insert_default();
            debt.quorum = debt.quorum.and(quorum);
            debt.has_written = true;
        }
    }

    /// The reply to all that has run since the last one stands here.
    pub(crate) fn note_reply(&mut self, at: Range<usize>) {
        let Some(debt) = &mut self.debt else { return };
        if !mem::take(&mut debt.has_written) {
            return;
        }
        match debt.replies.last_mut() {
            Some(last) if last.end == at.start => last.end = at.end,
            _ => debt.replies.push(at),
        }
    }

    /// The replies behind this were dropped, because the client doesn't want them.
    pub(crate) fn drop_replies(&mut self, position: usize) {
        let Some(debt) = &mut self.debt else { return };
        debt.replies.retain_mut(|reply| {
            reply.end = reply.end.min(position);
            reply.start < reply.end
        });
    }

    /// Whether what the waiting command did, whose reply has come, has to be acknowledged.
    pub(crate) fn has_late_write(&mut self, shared: &Shared) -> bool {
        if let Some(id) = self.last {
            self.note_write(id, &[], self.db, shared);
        }
        self.debt.as_mut().is_some_and(|debt| mem::take(&mut debt.has_written))
    }

    /// What is owed, if something is; whoever takes it up leaves nothing of it.
    pub(crate) fn debt_due(&mut self) -> Option<&mut Debt> {
        self.debt.as_deref_mut().filter(|debt| !debt.quorum.is_none())
    }
}

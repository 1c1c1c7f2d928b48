//! A session's side of client-side caching.

use super::{Mode, Options};
use crate::clients::Flag;
use crate::pubsub::Mailbox;
use crate::server::Shared;
use crate::session::Session;
use spinel_storage::command::Group;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::KeyUse;
use spinel_storage::command::table::CommandId;
use spinel_storage::engine::Turn;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What CLIENT CACHING said about the next command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caching {
    Unsaid,
    Yes,
    No,
}

/// How a client is told of changes. A session has it only while it tracks.
pub(crate) struct SessionTracking {
    pub(crate) options: Options,
    pub(crate) caching: Caching,
    /// Of broadcasting. None of them but the empty one begins another.
    pub(crate) prefixes: BTreeSet<Box<[u8]>>,
}

impl SessionTracking {
    fn notes_reads(&self) -> bool {
        match self.options.mode {
            Mode::All => true,
            Mode::OptIn => self.caching == Caching::Yes,
            Mode::OptOut => self.caching != Caching::No,
            Mode::Broadcast => false,
        }
    }
}

impl Session {
    /// Starts tracking, or changes how it is done.
    pub(crate) fn track(
        &mut self,
        options: Options,
        prefixes: &[&[u8]],
        redirect: Option<Arc<Mailbox>>,
        shared: &Shared,
    ) {
        let mailbox = self.client.open_mailbox();
        mailbox.set_protocol(self.protocol);
        mailbox.note_tracking(Some(options));
        if !self.client.has(Flag::Tracked) {
            self.client.set(Flag::Tracked, true);
            shared.pubsub.tracking.join(&shared.engine);
        }
        shared.pubsub.tracking.enter(&mailbox, options, redirect);
        let fresh =
            || Box::new(SessionTracking { options, caching: Caching::Unsaid, prefixes: BTreeSet::new() });
        let tracking = self.tracking.get_or_insert_with(fresh);
        tracking.options = options;
        let own = &mut tracking.prefixes;
        let everything: &[&[u8]] = &[b""];
        let is_all = options.mode == Mode::Broadcast && prefixes.is_empty();
        for prefix in if is_all { everything } else { prefixes } {
            if own.insert((*prefix).into()) {
                shared.pubsub.tracking.add_prefix(prefix, self.client.id);
            }
        }
    }

    /// Stops tracking.
    pub(crate) fn stop_tracking(&mut self, shared: &Shared) {
        let Some(tracking) = self.tracking.take() else { return };
        shared.pubsub.tracking.leave(self.client.id, &tracking.prefixes);
        if let Some(mailbox) = self.client.mailbox() {
            mailbox.note_tracking(None);
        }
    }

    /// Stops tracking because the connection ends.
    pub(crate) fn leave_tracking(&mut self, shared: &Shared) {
        self.stop_tracking(shared);
        if self.client.has(Flag::Tracked) {
            shared.pubsub.tracking.part(&shared.engine);
        }
    }

    /// Notes the keys that a command is about to read. Those that have expired are removed before: that they are gone, the
    /// client need not hear.
    pub(crate) fn note_coming_reads(
        &self,
        id: CommandId,
        words: &[&[u8]],
        turn: &mut Turn<'_>,
        shared: &Shared,
    ) {
        if self.tracking.is_some() {
            self.for_each_read(id, words, shared, |key| turn.look_at(self.db, key));
            self.note_reads(id, words, shared);
        }
    }

    /// Notes the keys that a command has read, whose shards are still locked.
    pub(crate) fn note_reads(&self, id: CommandId, words: &[&[u8]], shared: &Shared) {
        self.for_each_read(id, words, shared, |key| {
            shared.pubsub.tracking.note(key, self.client.id, &shared.pubsub.limits);
        });
    }

    /// Whether the keys that the next command reads are to be noted.
    #[inline]
    pub(crate) fn notes_reads(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.notes_reads())
    }

    /// Visits the keys that a command reads, if they are to be noted. Of scripts, the commands they call read.
    fn for_each_read(&self, id: CommandId, words: &[&[u8]], shared: &Shared, mut visit: impl FnMut(&[u8])) {
        if !self.notes_reads() {
            return;
        }
        let command = shared.engine.table().row(id).command;
        let reads = command.flags.contains(Flags::READONLY)
            && !command.flags.contains(Flags::PUBSUB)
            && command.group != Group::Scripting;
        if !reads {
            return;
        }
        for spec in command.keys.iter().filter(|spec| !spec.usage.contains(KeyUse::NOT_KEY)) {
            for position in spec.positions(words) {
                visit(words[position]);
            }
        }
    }

    /// Forgets what CLIENT CACHING said, after the command it was about.
    pub(crate) fn forget_caching(&mut self, id: CommandId, shared: &Shared) {
        if let Some(tracking) = &mut self.tracking
            && self.transactions.current.is_none()
            && shared.engine.table().row(id).command.container() != Some("client")
        {
            tracking.caching = Caching::Unsaid;
        }
    }
}

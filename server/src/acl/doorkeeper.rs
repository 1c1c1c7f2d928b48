//! Who decides whether a command that waited may still run.

use super::session::denial_error;
use super::{Acl, Context};
use crate::server::Shared;
use spinel_storage::command::table::CommandId;
use spinel_storage::engine::{self, Author};
use spinel_storage::{DbIndex, Error};
use std::sync::{Arc, Weak};

/// The server, as the engine asks it about rights.
pub(crate) struct Doorkeeper {
    acl: Arc<Acl>,
    shared: Weak<Shared>,
}

impl Doorkeeper {
    pub(crate) fn new(shared: &Arc<Shared>) -> Doorkeeper {
        Doorkeeper { acl: Arc::clone(&shared.acl), shared: Arc::downgrade(shared) }
    }
}

impl engine::Doorkeeper for Doorkeeper {
    fn objects_to(
        &self,
        command: CommandId,
        words: &[&[u8]],
        (db, author): (DbIndex, Author),
    ) -> Option<Error> {
        if !self.acl.has_rules() {
            return None;
        }
        let shared = self.shared.upgrade()?;
        let client = shared.clients.get(author.client)?;
        let account = client.account();
        if !account.is_restricted() {
            return None;
        }
        let names = shared.acl.names(shared.engine.table());
        let denial = account.user().check(command, words, db, names).err()?;
        shared.acl.note_denial(&client, (command, words), denial, Context::TopLevel, &shared);
        Some(denial_error(&account.name, command, denial, &shared))
    }
}

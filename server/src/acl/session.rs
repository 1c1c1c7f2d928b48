//! What sessions ask before they run a command of a restricted user.
//!
//! The same question is asked wherever a command runs: when it comes, when a transaction queues it and when it runs it,
//! for each command of a script, and when a command that waited goes on.

use super::{Account, Acl, Cause, Context, Denial, Identity, Incident, Reason};
use crate::audit::{self, Event, Means};
use crate::clients::{Client, describe};
use crate::config::table;
use crate::server::{Shared, now};
use crate::session::Session;
use spinel_storage::command::table::CommandId;
use spinel_storage::{DbIndex, Error};
use std::sync::Arc;

const NO_KEY: &str = "NOPERM No permissions to access a key";
const NO_CHANNEL: &str = "NOPERM No permissions to access a channel";

impl Session {
    /// Makes the client act as a user.
    pub(crate) fn become_user(&mut self, account: Arc<Account>) {
        self.client.act_as(&account);
        self.identity = Identity::new(account);
    }

    /// Why the user may not call a command with these words, if so. It is noted, as what happened at `context`.
    #[inline]
    pub(crate) fn denial(
        &mut self,
        id: CommandId,
        words: &[&[u8]],
        context: Context,
        shared: &Shared,
    ) -> Option<Denial> {
        self.denial_in(id, words, (context, self.db), shared)
    }

    /// As [`denial`](Self::denial), of a call in another database than the session's.
    #[inline]
    pub(crate) fn denial_in(
        &mut self,
        id: CommandId,
        words: &[&[u8]],
        place: (Context, DbIndex),
        shared: &Shared,
    ) -> Option<Denial> {
        if self.identity.account.is_restricted() { self.check(id, words, place, shared) } else { None }
    }

    #[inline(never)]
    fn check(
        &mut self,
        id: CommandId,
        words: &[&[u8]],
        (context, db): (Context, DbIndex),
        shared: &Shared,
    ) -> Option<Denial> {
        let names = shared.acl.names(shared.engine.table());
        let denial = self.identity.user().check(id, words, db, names).err()?;
        self.note_denial(id, denial, words, context, shared);
        Some(denial)
    }

    /// The error of a command that reads keys whose names derive from data, if the user may not read all keys.
    pub(crate) fn derived_refusal(
        &mut self,
        id: CommandId,
        words: &[&[u8]],
        db: DbIndex,
        shared: &Shared,
    ) -> Option<Error> {
        if !self.identity.account.is_restricted() {
            return None;
        }
        let names = shared.acl.names(shared.engine.table());
        self.identity.user().check_derived(id, words, db, names).err()
    }

    /// Why the user may not read a key that a command names where its row doesn't say so.
    pub(crate) fn reading_denial(
        &mut self,
        id: CommandId,
        words: &[&[u8]],
        key: &[u8],
        shared: &Shared,
    ) -> Option<Error> {
        let is_denied =
            self.identity.account.is_restricted() && !self.identity.user().may_read(id, words, key, self.db);
        is_denied.then(|| {
            let position = words.iter().position(|word| *word == key).unwrap_or(0);
            let denial = Denial { reason: Reason::Key, position };
            self.note_denial(id, denial, words, Context::Transaction, shared);
            Error::Text(NO_KEY)
        })
    }

    #[cold]
    fn note_denial(
        &mut self,
        id: CommandId,
        denial: Denial,
        words: &[&[u8]],
        context: Context,
        shared: &Shared,
    ) {
        self.client.observe(
            now(),
            self.db.0,
            self.protocol,
            self.last.filter(|_| context == Context::Script).or(Some(id)),
        );
        shared.acl.note_denial(&self.client, (id, words), denial, context, shared);
    }

    /// Where a command is called that is not one of a script.
    pub(crate) fn context(&self) -> Context {
        if self.transactions.current.is_some() { Context::Transaction } else { Context::TopLevel }
    }

    /// The error of a denied command.
    pub(crate) fn denial_error(&self, id: CommandId, denial: Denial, shared: &Shared) -> Error {
        denial_error(&self.identity.account.name, id, denial, shared)
    }
}

/// The error of a command that is denied to a user.
pub(super) fn denial_error(user: &[u8], id: CommandId, denial: Denial, shared: &Shared) -> Error {
    match denial.reason {
        Reason::Command => Error::quoting(&[
            b"NOPERM User ",
            user,
            b" has no permissions to run the '",
            right_name(id, shared).as_bytes(),
            b"' command",
        ]),
        Reason::Database => Error::Text("NOPERM No permissions to access database"),
        Reason::Key => Error::Text(NO_KEY),
        Reason::Channel => Error::Text(NO_CHANNEL),
    }
}

/// The name of the command whose right a call needs.
pub(crate) fn right_name(id: CommandId, shared: &Shared) -> &'static str {
    let table = shared.engine.table();
    table.row(shared.acl.names(table).right_to(id)).command.name
}

impl Acl {
    /// Notes that somebody was denied something.
    pub(super) fn note_denial(
        &self,
        client: &Client,
        (id, words): (CommandId, &[&[u8]]),
        denial: Denial,
        context: Context,
        shared: &Shared,
    ) {
        self.denied.count(denial.reason);
        let object = match denial.reason {
            Reason::Command => right_name(id, shared).as_bytes(),
            Reason::Database if denial.position == 0 => right_name(id, shared).as_bytes(),
            Reason::Database | Reason::Key | Reason::Channel => words[denial.position],
        };
        let user = client.account().name.to_vec();
        let event = || Event::Denial {
            reason: Cause::Denied(denial.reason).name(),
            context: context.name(),
            command: shared.engine.table().row(id).command.name,
            object: audit::cut(object).into(),
        };
        shared.audit.note(client, &user, event, audit::Kind::Denials);
        self.note(client, (Cause::Denied(denial.reason), context), (object, user), words, shared);
    }

    /// Notes that somebody has failed to log in.
    pub(crate) fn note_failed_login(
        &self,
        session: &Session,
        (user, means): (&[u8], Means),
        words: &[&[u8]],
        shared: &Shared,
    ) {
        self.denied.logins.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let context = if session.transactions.is_running { Context::Transaction } else { session.context() };
        let event = || Event::FailedLogin(means);
        shared.audit.note(&session.client, user, event, audit::Kind::Logins);
        self.note(&session.client, (Cause::Login, context), (words[0], user.to_vec()), words, shared);
    }

    /// Notes that somebody has come with a certificate that names nobody.
    pub(crate) fn note_unknown_certificate(&self, client: &Client, name: &[u8], shared: &Shared) {
        self.denied.certificates.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let event = || Event::FailedLogin(Means::Certificate);
        shared.audit.note(client, name, event, audit::Kind::Logins);
        let context = (Cause::Certificate, Context::TopLevel);
        self.note(client, context, (b"", name.to_vec()), &[], shared);
    }

    fn note(
        &self,
        client: &Client,
        (cause, context): (Cause, Context),
        (object, user): (&[u8], Vec<u8>),
        words: &[&[u8]],
        shared: &Shared,
    ) {
        let now = now();
        let mut line = Vec::new();
        let argument_bytes = words.iter().map(|word| word.len()).sum();
        describe(client, shared.engine.table(), now, argument_bytes, &mut line);
        line.pop();
        let incident = Incident {
            id: 0,
            count: 0,
            cause,
            context,
            object: object.to_vec(),
            user,
            client: line,
            created: now,
            updated: now,
        };
        let count_max = shared.config.number(table::ACLLOG_MAX_LEN);
        self.incidents.add(incident, usize::try_from(count_max).unwrap_or(usize::MAX));
    }
}

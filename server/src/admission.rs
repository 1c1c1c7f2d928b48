//! What stands between a request and its command: authentication, pauses, replies that are not wanted, and
//! names that no command has.
//!
//! Few clients meet any of it. A session looks once per window whether it is [guarded](Session::is_guarded);
//! if not, its requests take the short way.

use crate::acl::Acl;
use crate::attention::Concern;
use crate::clients::{Flag, PauseMode, PauseReason};
use crate::commands::{Handler, scripting};
use crate::log;
use crate::memory_limit::{self, OUT_OF_MEMORY};
use crate::monitors::Moment;
use crate::observation::{By, Called};
use crate::persistence;
use crate::quorum::{LACKS_REPLICAS, Quorum};
use crate::replication;
use crate::server::{Shared, now};
use crate::session::{Flow, Hold, Output, Session};
use crate::tokens::Pass;
use crate::tracking;
use crate::window::Requests;
use spinel_resp::{Limits, Protocol};
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandId;
use spinel_storage::engine::{Prepared, Turn};
use spinel_storage::{DbIndex, Error, UnixMillis};
use std::sync::Arc;
use std::time::Duration;

const LOADING: Error = Error::Text("LOADING Redis is loading the dataset in memory");

/// How long a session waits until it looks again whether the data set is loaded.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

const UNAUTHENTICATED: Error = Error::Text("NOAUTH Authentication required.");

/// What a client is told before its connection is closed.
const EXPIRED: Error = Error::Text("NOAUTH The token by which this connection was let in has expired.");

/// What a client is told that monitors; Redis takes it for a replica.
const NO_KEYS_FOR_MONITORS: Error = Error::Text("ERR Replica can't interact with the keyspace");

/// Which replies a client wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReplyMode {
    All,
    /// All but the next one.
    AllButNext,
    None,
}

/// Whether the client is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entrance {
    Open,
    /// A password was asked for when the client came, and it has not said it.
    NeedsPassword,
    /// It came by a token, which is good until then.
    Until(UnixMillis),
}

impl Entrance {
    /// For who comes now.
    pub(crate) fn of(acl: &Acl) -> Entrance {
        if acl.is_open() { Entrance::Open } else { Entrance::NeedsPassword }
    }
}

/// What is decided about a request.
enum Decision {
    Run,
    /// It becomes part of the transaction.
    Queue,
    Refuse(Error),
    /// Not now.
    Hold,
    /// Not before the data set is loaded.
    HoldWhileLoading,
}

impl Session {
    /// Whether requests have to be looked at one by one.
    #[inline]
    pub(crate) fn is_guarded(&self, shared: &Shared, now: UnixMillis) -> bool {
        self.entrance != Entrance::Open
            || self.identity.account.is_restricted()
            || self.transactions.current.is_some()
            || self.reply_mode != ReplyMode::All
            || self.listener.is_some()
            || self.tracking.is_some()
            || shared.clients.pause.until() > now
            || shared.memory_limit.is_exceeded()
            || shared.persistence.has_failed()
            || shared.attention.is_on_each()
    }

    /// Whether the client has to say a password first. Who came when none was needed stays in.
    pub(crate) fn must_authenticate(&self, shared: &Shared) -> bool {
        self.entrance == Entrance::NeedsPassword && !shared.acl.is_open()
    }

    /// The client has said the password.
    pub(crate) fn let_in(&mut self) {
        self.entrance = Entrance::Open;
        self.client.show_pass(None);
    }

    /// The client has shown a token.
    pub(crate) fn let_in_by(&mut self, pass: Pass) {
        self.entrance = Entrance::Until(pass.until);
        self.client.show_pass(Some(pass));
    }

    /// Whether the token by which the client came is good for nothing any more.
    fn has_expired(&self, now: UnixMillis) -> bool {
        matches!(self.entrance, Entrance::Until(end) if end <= now)
    }

    /// What the client may announce.
    pub(crate) fn limits(&self, shared: &Shared) -> Limits {
        let bulk_bytes_max = shared.bulk_bytes_max();
        let authenticated = !self.must_authenticate(shared);
        Limits { bulk_bytes_max, authenticated, ..Limits::DEFAULT }
    }

    /// Makes the session as it was when the connection began.
    pub(crate) fn reset(&mut self, shared: &Shared) {
        self.stop_listening(shared);
        self.stop_tracking(shared);
        self.stop_monitoring(shared);
        self.db = DbIndex(0);
        self.protocol = Protocol::Resp2;
        self.reply_mode = ReplyMode::All;
        self.entrance = Entrance::of(&shared.acl);
        self.become_user(Arc::clone(shared.acl.default()));
        self.client.show_pass(None);
        self.client.rename(|names| names.name = Box::default());
        self.is_untouching = false;
        self.ask_quorum(Quorum::NONE, shared);
        for flag in [Flag::NoEvict, Flag::NoTouch] {
            self.client.set(flag, false);
        }
    }

    /// Runs one request of a guarded session. Returns whether it is done with: not if it is held back.
    pub(crate) fn run_guarded(
        &mut self,
        words: &[&[u8]],
        turn: &mut Turn<'_>,
        shared: &Shared,
        output: &mut Output<'_>,
    ) -> bool {
        self.deliver_now(output.reply);
        let (position, mode) = (output.reply.position(), self.reply_mode);
        match shared.engine.prepare(words) {
            Err(error) => self.refuse(&error, words, shared, output),
            Ok(prepared) => match self.decide(&prepared, words, turn, shared) {
                Decision::Run => {
                    match self.derived_refusal(prepared.id, words, self.db, shared) {
                        None => self.execute_tracked(&prepared, words, turn, shared, output),
                        Some(error) => self.refuse(&error, words, shared, output),
                    }
                    self.forget_caching(prepared.id, shared);
                }
                Decision::Queue => {
                    self.last = Some(prepared.id);
                    if let Err(error) = self.queue(&prepared, words, (shared, &mut *output.reply)) {
                        self.refuse(&error, words, shared, output);
                    }
                }
                Decision::Refuse(error) => self.refuse(&error, words, shared, output),
                Decision::Hold => {
                    self.flow = Flow::Hold;
                    return false;
                }
                Decision::HoldWhileLoading => {
                    self.hold = Hold::Penalty(LOOK_AGAIN);
                    self.flow = Flow::Hold;
                    return false;
                }
            },
        }
        if std::mem::take(&mut self.transactions.is_over) {
            self.end_transaction(turn);
        }
        if mode != ReplyMode::All && mode == self.reply_mode {
            output.reply.truncate(position);
            self.drop_replies(position);
            if mode == ReplyMode::AllButNext {
                self.reply_mode = ReplyMode::All;
            }
        }
        if self.flow == Flow::Continue {
            self.deliver_now(output.reply);
        }
        true
    }

    /// Runs a command, and tells a tracking client what it has changed itself.
    fn execute_tracked(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        turn: &mut Turn<'_>,
        shared: &Shared,
        output: &mut Output<'_>,
    ) {
        let (client, pubsub) = (self.client.id, &shared.pubsub);
        let is_tracked = self.tracking.is_some();
        let mut run = || self.execute(prepared, words, turn, shared, output);
        if is_tracked { tracking::run(client, &pubsub.tracking, &pubsub.limits, run) } else { run() }
    }

    /// Answers a batch while a script has the keyspace for itself for too long: hardly anything runs.
    #[cold]
    pub(crate) fn run_while_busy(
        &mut self,
        requests: &Requests<'_>,
        output: &mut Output<'_>,
        shared: &Shared,
    ) -> Flow {
        self.done = 0;
        while self.done < requests.len() && self.flow == Flow::Continue {
            let words = requests.get(self.done);
            self.done += 1;
            if let Err(error) = self.run_beside_script(words, output, shared) {
                self.refuse(&error, words, shared, output);
            }
        }
        self.flow
    }

    /// Runs a request that may run while a script takes too long, or says why it may not.
    fn run_beside_script(
        &mut self,
        words: &[&[u8]],
        Output { reply, meter }: &mut Output<'_>,
        shared: &Shared,
    ) -> Result<(), Error> {
        let id = shared.engine.prepare(words)?.id;
        let flags = shared.engine.table().row(id).command.flags;
        if !flags.contains(Flags::NO_AUTH) && self.has_expired(now()) {
            self.flow = Flow::Close;
            return Err(EXPIRED);
        }
        if !flags.contains(Flags::NO_AUTH) && self.must_authenticate(shared) {
            return Err(UNAUTHENTICATED);
        }
        if let Some(denial) = self.denial(id, words, self.context(), shared) {
            return Err(self.denial_error(id, denial, shared));
        }
        let Some(Handler::Host(handler)) =
            shared.host_handler(id).filter(|_| flags.contains(Flags::ALLOW_BUSY))
        else {
            return Err(scripting::busy(&shared.scripts));
        };
        let called = Called { id, words, by: By::Client };
        self.audit(called, shared);
        let call_at = reply.position();
        let measured = meter.measure(id, |meter| {
            self.call_host(handler, (id, now()), words, shared, Output { reply, meter })
        });
        let reply_bytes = reply.position().saturating_sub(call_at);
        self.show_to_monitors(called, self.db, Moment::After, shared);
        self.observe(called, (measured.nanoseconds, reply_bytes), meter, shared);
        Ok(())
    }

    fn decide(&mut self, prepared: &Prepared, words: &[&[u8]], turn: &Turn<'_>, shared: &Shared) -> Decision {
        let (id, now) = (prepared.id, turn.now());
        let mut flags = shared.engine.table().row(id).command.flags;
        // EXEC does what its commands do.
        if let Some(transaction) = &self.transactions.current
            && is_exec(flags)
        {
            flags = flags.with(transaction.flags);
        }
        if !flags.contains(Flags::NO_AUTH) && self.has_expired(now) {
            self.flow = Flow::Close;
            return Decision::Refuse(EXPIRED);
        }
        if !flags.contains(Flags::NO_AUTH) && self.must_authenticate(shared) {
            return Decision::Refuse(UNAUTHENTICATED);
        }
        // What may be in no transaction is told so when it is queued, whoever calls it.
        let is_misplaced = flags.contains(Flags::NO_MULTI) && self.transactions.current.is_some();
        if !is_misplaced && let Some(denial) = self.denial(id, words, self.context(), shared) {
            return Decision::Refuse(self.denial_error(id, denial, shared));
        }
        if turn.is_outside()
            && let Some(decision) = self.decide_while_loading(id, words, shared)
        {
            return decision;
        }
        let needs_memory = flags.contains(Flags::DENYOOM) && shared.memory_limit.is_exceeded();
        if needs_memory && memory_limit::measure(shared) {
            return Decision::Refuse(OUT_OF_MEMORY);
        }
        // PING is refused, too, so that whoever watches over the server notices.
        let is_refused = flags.contains(Flags::WRITE) || shared.engine.table().row(id).command.name == "ping";
        if is_refused
            && shared.persistence.has_failed()
            && let Some(error) = persistence::refusal(shared)
        {
            return Decision::Refuse(error);
        }
        let may_write = flags.contains(Flags::WRITE) || flags.contains(Flags::MAY_REPLICATE);
        if may_write && let Some(decision) = self.decide_by_role((id, flags), words, shared) {
            return decision;
        }
        if self.only_listens() && !flags.contains(Flags::LISTENS) {
            let name = shared.engine.table().row(id).command.name;
            return Decision::Refuse(Error::Made(format!(
                "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                 allowed in this context"
            )));
        }
        if !flags.contains(Flags::STALE) && shared.attention.has(Concern::StaleData) {
            return Decision::Refuse(replication::PRIMARY_DOWN);
        }
        let uses_keys = may_write || flags.contains(Flags::READONLY);
        if uses_keys && self.client.has(Flag::Monitor) {
            return Decision::Refuse(NO_KEYS_FOR_MONITORS);
        }
        match shared.clients.pause.mode(now) {
            Some(PauseMode::Everything) => Decision::Hold,
            Some(PauseMode::Writes) if may_write => Decision::Hold,
            _ => self.decide_by_quotas((id, flags), words, now, shared),
        }
    }

    /// What is decided about a command that may write because of the server's primary, or of its replicas.
    fn decide_by_role(
        &self,
        (id, flags): (CommandId, Flags),
        words: &[&[u8]],
        shared: &Shared,
    ) -> Option<Decision> {
        // Whose business writes are is being decided: whoever it is told afterwards is told right.
        if shared.clients.pause.is_for(PauseReason::Failover) {
            return Some(Decision::Hold);
        }
        if !flags.contains(Flags::WRITE) {
            return None;
        }
        if shared.attention.has(Concern::LackingReplicas) && self.lacks_replicas_now(id, words, shared) {
            return Some(Decision::Refuse(LACKS_REPLICAS));
        }
        shared.upstream.refuses_writes().then_some(Decision::Refuse(replication::READ_ONLY))
    }

    /// Whether too few replicas are there for a command that runs or is queued now, which writes.
    fn lacks_replicas_now(&self, id: CommandId, words: &[&[u8]], shared: &Shared) -> bool {
        match self.transactions.current.as_ref().and_then(|transaction| transaction.db) {
            // What is queued is behind a SELECT, and EXEC writes to more than one database.
            Some(_) if is_exec(shared.engine.table().row(id).command.flags) => {
                self.lacks_replicas_anywhere(shared)
            }
            db => self.lacks_replicas(id, words, db.unwrap_or(self.db), shared),
        }
    }

    /// Whether a command that may run does so now or is queued, unless a quota refuses it.
    fn decide_by_quotas(
        &self,
        (id, flags): (CommandId, Flags),
        words: &[&[u8]],
        now: UnixMillis,
        shared: &Shared,
    ) -> Decision {
        let transaction = self.transactions.current.as_ref().filter(|_| !flags.contains(Flags::IMMEDIATE));
        // What is queued may be behind a SELECT.
        let db = transaction.and_then(|transaction| transaction.db).unwrap_or(self.db);
        match self.quota_refusal((id, flags), words, (db, now), shared) {
            Some(error) => Decision::Refuse(error),
            None if transaction.is_some() => Decision::Queue,
            None => Decision::Run,
        }
    }

    /// Why a command does not run while a data set is loaded, if it doesn't.
    ///
    /// What is half loaded is seen by nobody: so also of the commands that may run, only those do that use no keys.
    #[cold]
    fn decide_while_loading(&self, id: CommandId, words: &[&[u8]], shared: &Shared) -> Option<Decision> {
        let command = &shared.engine.table().row(id).command;
        let flags = command.flags;
        let transaction = self.transactions.current.as_ref().filter(|_| is_exec(flags));
        let has_condition = is_exec(flags) && words.len() > 1;
        if has_condition
            || !may_run_while_loading(id, words, shared)
            || transaction.is_some_and(|transaction| !transaction.may_run_while_loading)
        {
            return Some(Decision::Refuse(LOADING));
        }
        // What it watches since before the load can't be looked at.
        let ends_watch = flags.contains(Flags::IMMEDIATE) || command.name == "unwatch";
        (ends_watch && !self.transactions.watch.is_empty()).then_some(Decision::HoldWhileLoading)
    }

    /// The error a client is told about a request that no command takes: of what it may not use, it learns
    /// nothing.
    fn explain(&self, error: &Error, words: &[&[u8]], shared: &Shared) -> Error {
        let table = shared.engine.table();
        let is_guarded =
            words.len() > 1 && table.by_name(words[0]).is_some_and(|id| table.row(id).is_guarded);
        if is_guarded && !self.may_debug { Error::Guarded } else { error.clone() }
    }

    /// Replies why a request does not run.
    ///
    /// The first line of an HTTP request, or its `Host` header, means that a web page makes a browser talk to
    /// this server: then nothing of what follows may run.
    #[cold]
    pub(crate) fn refuse(
        &mut self,
        error: &Error,
        words: &[&[u8]],
        shared: &Shared,
        output: &mut Output<'_>,
    ) {
        if [&b"post"[..], b"host:"].iter().any(|name| words[0].eq_ignore_ascii_case(name)) {
            log::warning!(
                "Possible SECURITY ATTACK detected: {} sent the start of an HTTP request, as a web page does that \
                 wants a browser to run commands here. The connection was dropped.",
                self.client.peer.address
            );
            self.flow = Flow::Drop;
            return;
        }
        let table = shared.engine.table();
        let container = table.by_name(words[0]);
        let mut error = self.explain(error, words, shared);
        if container.is_some_and(|id| is_exec(table.row(id).command.flags)) {
            self.transactions.is_over = true;
            error = discarded(&error);
        } else if let Some(transaction) = &mut self.transactions.current {
            transaction.is_doomed = true;
        }
        let text = error.text();
        output.meter.statistics.count_error(&text);
        let id = container.map(|id| words.get(1).and_then(|name| table.subcommand(id, name)).unwrap_or(id));
        self.last = id.filter(|_| !matches!(error, Error::UnknownSubcommand(_)));
        if let Some(id) = self.last {
            output.meter.statistics.command(id).rejected.add(1);
        }
        output.reply.error_bytes(&error.bytes());
    }
}

/// Whether a command may run while a data set is loaded.
pub(crate) fn may_run_while_loading(id: CommandId, words: &[&[u8]], shared: &Shared) -> bool {
    let flags = shared.engine.table().row(id).command.flags;
    flags.contains(Flags::LOADING) && !shared.engine.uses_keys(id, words)
}

/// Whether these are the flags of EXEC: of the commands that run at once inside a transaction only it takes its time.
fn is_exec(flags: Flags) -> bool {
    flags.contains(Flags::IMMEDIATE) && !flags.contains(Flags::FAST)
}

/// The error of an EXEC that was refused because of another one.
fn discarded(error: &Error) -> Error {
    let bytes = error.bytes();
    let reason = bytes.strip_prefix(b"ERR ").unwrap_or(&bytes);
    Error::quoting(&[b"EXECABORT Transaction discarded because of: ", reason])
}

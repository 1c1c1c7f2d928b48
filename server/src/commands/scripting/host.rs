//! What a script can do: the commands it calls, the time it may take.

use super::run::Run;
use crate::acl::Context;
use crate::attention::Concern;
use crate::clients::Flag;
use crate::commands::Handler;
use crate::hotkeys;
use crate::info;
use crate::log;
use crate::memory_limit::{self, OUT_OF_MEMORY};
use crate::monitors::Moment;
use crate::observation::{By, Called};
use crate::persistence;
use crate::quorum::LACKS_REPLICAS;
use crate::replication;
use crate::server::Shared;
use crate::session::{Output, Session};
use crate::statistics::Meter;
use spinel_resp::ReplyWriter;
use spinel_scripting::{Call, Host, LogLevel, Tick};
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandId;
use spinel_storage::command::{Command, Group, Run as Runner};
use spinel_storage::engine::{Author, Claim, Outcome, Prepared, Setting, Turn};
use spinel_storage::{Error, UnixMillis};
use std::sync::atomic::Ordering;
use std::time::Duration;

const UNKNOWN: Error = Error::Text("ERR Unknown Redis command called from script");
const WRONG_WORDS: Error = Error::Text("ERR Wrong number of args calling Redis command from script");
const NOT_ALLOWED: Error = Error::Text("ERR This Redis command is not allowed from script");
const READ_ONLY: Error = Error::Text("ERR Write commands are not allowed from read-only scripts.");

/// How long a script that has taken too long runs before others have their turn.
const SLICE: Duration = Duration::from_millis(10);

/// The server, as a running script reaches it.
pub(super) struct ScriptHost<'h, 'e> {
    pub(super) session: &'h mut Session,
    pub(super) turn: &'h mut Turn<'e>,
    pub(super) claim: &'h mut Claim<'e>,
    pub(super) meter: &'h mut Meter,
    pub(super) shared: &'h Shared,
    pub(super) run: &'h mut Run,
    /// The words that called the script.
    pub(super) words: &'h [&'h [u8]],
}

impl Host for ScriptHost<'_, '_> {
    fn call(&mut self, call: &Call<'_>, reply: &mut ReplyWriter) {
        let words = call.words();
        match self.check(words) {
            Ok(prepared) => self.execute(&prepared, words, reply),
            Err(error) => {
                reply.error_bytes(&error.bytes());
                self.meter.statistics.count_error(&error.text());
            }
        }
    }

    fn tick(&mut self) -> Tick {
        let elapsed = self.run.started.elapsed();
        if elapsed < self.run.limit {
            return Tick::GoOn;
        }
        if !self.run.is_busy {
            self.run.is_busy = true;
            // Whoever finds the keyspace busy must find out by what.
            self.shared.scripts.begin(self.run.as_others_see_it(self.words));
            self.turn.set_busy(self.claim);
            log::warning!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the script \
                 using the {} command.",
                elapsed.as_millis(),
                self.run.kill_command()
            );
        }
        if self.run.has_written {
            self.shared.scripts.note_write();
        }
        if self.shared.scripts.is_to_end() {
            return Tick::Kill;
        }
        if !self.run.may_be_suspended || elapsed < self.run.slice_end {
            return Tick::GoOn;
        }
        self.run.slice_end = elapsed + SLICE;
        Tick::Suspend
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        super::write_log(level, text);
    }

    fn acl_check(&mut self, words: &[&[u8]]) -> Option<bool> {
        let table = self.shared.engine.table();
        let id = table.find_called(words)?;
        let (identity, names) = (&mut self.session.identity, self.shared.acl.names(table));
        Some(
            !identity.account.is_restricted() || identity.user().check(id, words, self.run.db, names).is_ok(),
        )
    }

    fn cpu_time(&mut self) -> Duration {
        let info::CpuTimes { user, system } = info::cpu_times();
        user + system
    }
}

impl ScriptHost<'_, '_> {
    /// Whether the script may call a command that is not for scripts: for tests, and only if it neither changes its client
    /// nor needs what the script has.
    fn is_trusted_with(&self, command: &Command) -> bool {
        let is_harmless = match command.run {
            Runner::Data(_) => true,
            Runner::Host => command.group == Group::Server,
            Runner::Container => false,
        };
        is_harmless
            && !command.flags.contains(Flags::NO_MULTI)
            && self.shared.are_scripts_trusted.load(Ordering::Relaxed)
    }

    /// Finds a command and says whether the script may call it.
    fn check(&mut self, words: &[&[u8]]) -> Result<Prepared, Error> {
        let prepared = self.shared.engine.prepare(words).map_err(|error| match error {
            Error::WrongArity(_) => WRONG_WORDS,
            _ => UNKNOWN,
        })?;
        let row = self.shared.engine.table().row(prepared.id);
        let flags = row.command.flags;
        let is_denied = flags.contains(Flags::NOSCRIPT) && !self.is_trusted_with(row.command);
        if is_denied || row.is_guarded && !self.session.may_debug {
            return Err(NOT_ALLOWED);
        }
        if let Some(denial) =
            self.session.denial_in(prepared.id, words, (Context::Script, self.run.db), self.shared)
        {
            let error = self.session.denial_error(prepared.id, denial, self.shared);
            let bytes = error.bytes();
            let reason = bytes.strip_prefix(b"NOPERM ").unwrap_or(&bytes);
            return Err(Error::quoting(&[b"ERR ACL failure in script: ", reason]));
        }
        if let Some(error) = self.session.derived_refusal(prepared.id, words, self.run.db, self.shared) {
            return Err(error);
        }
        let writes = flags.contains(Flags::WRITE);
        if (writes || flags.contains(Flags::MAY_REPLICATE)) && self.run.is_read_only {
            return Err(READ_ONLY);
        }
        let may_be_refused = flags.contains(Flags::DENYOOM) && !self.run.allows_oom && !self.run.has_written;
        let is_exceeded = may_be_refused && self.shared.memory_limit.is_exceeded();
        if is_exceeded && memory_limit::measure(self.shared) {
            return Err(OUT_OF_MEMORY);
        }
        if !self.run.allows_oom && !self.run.has_written {
            let place = (self.run.db, self.turn.now());
            let refusal = self.session.memory_quota_refusal((prepared.id, flags), words, place, self.shared);
            if let Some(error) = refusal {
                return Err(error);
            }
        }
        if writes
            && self.shared.persistence.has_failed()
            && let Some(error) = persistence::refusal(self.shared)
        {
            return Err(error);
        }
        if writes
            && self.shared.attention.has(Concern::LackingReplicas)
            && !self.session.client.has(Flag::Primary)
            && self.session.lacks_replicas(prepared.id, words, self.run.db, self.shared)
        {
            return Err(LACKS_REPLICAS);
        }
        if writes && self.shared.upstream.refuses_writes() && !self.session.client.has(Flag::Primary) {
            return Err(replication::READ_ONLY);
        }
        self.run.has_written |= writes;
        Ok(prepared)
    }

    fn execute(&mut self, prepared: &Prepared, words: &[&[u8]], reply: &mut ReplyWriter) {
        let ScriptHost { session, turn, claim, meter, shared, run, .. } = self;
        let author = Author { client: session.client.id, is_script: true };
        let setting = Setting { db: run.db, author, ..session.setting() };
        let called = Called { id: prepared.id, words, by: By::Script };
        session.charge_quotas(prepared.id, run.db, shared);
        session.audit(called, shared);
        let call_at = reply.position();
        let measured = meter.measure(prepared.id, |meter| {
            match turn.execute_claimed(claim, prepared, setting, words, reply) {
                Outcome::Done | Outcome::Waiting(_) => None,
                Outcome::Failed(error) => Some(error),
                Outcome::ForHost => {
                    let id = (prepared.id, turn.now());
                    execute_host(id, words, (session, run), shared, Output { reply, meter })
                }
            }
        });
        if shared.attention.has(Concern::Quorum) {
            session.note_write(prepared.id, words, setting.db, shared);
        }
        let reply_bytes = reply.position().saturating_sub(call_at);
        session.show_to_monitors(called, run.db, Moment::After, shared);
        hotkeys::sample(called, (run.db, turn.now()), meter, shared);
        session.observe(called, (measured.nanoseconds, reply_bytes), meter, shared);
        session.note_reads(prepared.id, words, shared);
    }
}

/// Runs a command of the host in the database of the script, which the client does not follow.
fn execute_host(
    (id, now): (CommandId, UnixMillis),
    words: &[&[u8]],
    (session, run): (&mut Session, &mut Run),
    shared: &Shared,
    output: Output<'_>,
) -> Option<Error> {
    let handler = shared.host_handler(id).expect("every host command has a handler");
    let Handler::Host(handler) = handler else {
        output.reply.error_bytes(&NOT_ALLOWED.bytes());
        return Some(NOT_ALLOWED);
    };
    let clients_db = std::mem::replace(&mut session.db, run.db);
    let was_running = std::mem::replace(&mut session.transactions.is_running, true);
    let failure = session.call_host(handler, (id, now), words, shared, output);
    session.transactions.is_running = was_running;
    run.db = std::mem::replace(&mut session.db, clients_db);
    failure
}

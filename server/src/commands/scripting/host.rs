//! What a script can do: the commands it calls, the time it may take.

use super::run::Run;
use crate::commands::Handler;
use crate::info;
use crate::log;
use crate::memory_limit::{self, OUT_OF_MEMORY};
use crate::server::Shared;
use crate::session::{Output, Session};
use crate::statistics::Meter;
use spinel_resp::ReplyWriter;
use spinel_scripting::{Call, Host, LogLevel, Tick};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::engine::{Claim, Outcome, Prepared, Setting, Turn};
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
}

impl Host for ScriptHost<'_, '_> {
    fn call(&mut self, call: &Call<'_>, reply: &mut ReplyWriter) {
        let words = call.words();
        let failure = match self.check(words) {
            Ok(prepared) => self.execute(&prepared, words, reply),
            Err(error) => {
                reply.error_bytes(&error.bytes());
                self.meter.statistics.count_error(&error.text());
                None
            }
        };
        if let Some((prepared, error)) = failure {
            self.meter.count_failure(prepared.id, &error);
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
            self.shared.scripts.begin(self.run.as_others_see_it());
            self.turn.set_busy(self.claim);
            log::warning(&format!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the script \
                 using the {} command.",
                elapsed.as_millis(),
                self.run.kill_command()
            ));
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
        self.shared.engine.prepare(words).is_ok().then_some(true)
    }

    fn cpu_time(&mut self) -> Duration {
        info::cpu_time()
    }
}

impl ScriptHost<'_, '_> {
    /// Finds a command and says whether the script may call it.
    fn check(&mut self, words: &[&[u8]]) -> Result<Prepared, Error> {
        let prepared = self.shared.engine.prepare(words).map_err(|error| match error {
            Error::WrongArity(_) => WRONG_WORDS,
            _ => UNKNOWN,
        })?;
        let row = self.shared.engine.table().row(prepared.id);
        let flags = row.command.flags;
        if flags.contains(Flags::NOSCRIPT) || row.is_guarded && !self.session.may_debug {
            return Err(NOT_ALLOWED);
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
        self.run.has_written |= writes;
        Ok(prepared)
    }

    fn execute(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Option<(Prepared, Error)> {
        let setting = Setting { db: self.run.db, ..self.session.setting() };
        let is_brief = self.meter.is_brief(prepared.id);
        if !is_brief {
            self.meter.start();
        }
        let failure = match self.turn.execute_claimed(self.claim, prepared, setting, words, reply) {
            Outcome::Done | Outcome::Waiting(_) => None,
            Outcome::Failed(error) => Some(error),
            Outcome::ForHost => self.execute_host(prepared, words, reply),
        };
        self.session.note_reads(prepared.id, words, self.shared);
        if is_brief {
            self.meter.count(prepared.id, 1);
        } else {
            self.meter.stop(prepared.id);
        }
        failure.map(|error| (*prepared, error))
    }

    /// Runs a command of the host in the database of the script, which the client does not follow.
    fn execute_host(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Option<Error> {
        let handler = self.shared.host_handler(prepared.id).expect("every host command has a handler");
        let Handler::Host(handler) = handler else {
            reply.error_bytes(&NOT_ALLOWED.bytes());
            return Some(NOT_ALLOWED);
        };
        let clients_db = std::mem::replace(&mut self.session.db, self.run.db);
        let was_running = std::mem::replace(&mut self.session.transactions.is_running, true);
        let output = Output { reply, meter: self.meter };
        let failure = self.session.call_host(handler, prepared.id, words, self.shared, output);
        self.session.transactions.is_running = was_running;
        self.run.db = std::mem::replace(&mut self.session.db, clients_db);
        failure
    }
}

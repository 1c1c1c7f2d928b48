//! Running scripts and functions: alone in the keyspace, and after too long a time in slices.

use super::host::ScriptHost;
use crate::attention::Concern;
use crate::clients::Flag;
use crate::commands::InTurn;
use crate::config::table;
use crate::quorum::LACKS_REPLICAS;
use crate::replication;
use crate::scripts::{Current, Kind};
use crate::server::{Shared, now};
use crate::session::{Flow, Hold, Session};
use crate::worker::Desk;
use spinel_resp::ReplyWriter;
use spinel_scripting::{Flags, Function, Job, Progress, Running, Script};
use spinel_storage::engine::Suspended;
use spinel_storage::engine::wait::Served;
use spinel_storage::{DbIndex, Error};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be run.
#[derive(Clone)]
pub(super) enum Code {
    Script(Arc<Script>),
    Function(Arc<Function>),
}

impl Code {
    pub(super) fn flags(&self) -> Flags {
        match self {
            Code::Script(script) => script.flags(),
            Code::Function(function) => function.flags(),
        }
    }

    fn job<'j>(&'j self, keys: Words<'j>, arguments: Words<'j>) -> Job<'j> {
        match self {
            Code::Script(script) => Job::Script { script, keys, arguments },
            Code::Function(function) => Job::Function { function, keys, arguments },
        }
    }
}

/// One run of a script.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub(super) struct Run {
    code: Code,
    pub(super) started: Instant,
    /// For how long it has everything for itself.
    pub(super) limit: Duration,
    /// When its present slice ends, after that.
    pub(super) slice_end: Duration,
    pub(super) may_be_suspended: bool,
    /// Whether others know that it has taken too long.
    pub(super) is_busy: bool,
    pub(super) is_read_only: bool,
    /// Whether it may need more memory than there is.
    pub(super) allows_oom: bool,
    /// Whether it has called a command that writes.
    pub(super) has_written: bool,
    pub(super) db: DbIndex,
}

impl Run {
    /// `words` called it.
    pub(super) fn as_others_see_it(&self, words: &[&[u8]]) -> Current {
        let (kind, name) = match &self.code {
            Code::Script(script) => (Kind::Script, script.sha().as_bytes().to_vec()),
            Code::Function(function) => (Kind::Function, function.name().to_vec()),
        };
        let words = words.iter().map(|word| word.to_vec()).collect();
        Current { kind, name, words, started: self.started }
    }

    /// The command that ends it.
    pub(super) fn kill_command(&self) -> &'static str {
        match self.code {
            Code::Script(_) => "SCRIPT KILL",
            Code::Function(_) => "FUNCTION KILL",
        }
    }
}

/// Runs code.
pub(super) fn run<'a>(
    call: &mut InTurn<'a, '_>,
    code: Code,
    (keys, arguments): (Words<'a>, Words<'a>),
    is_read_only: bool,
) -> Result<(), Error> {
    let flags = code.flags();
    let writes_nothing = flags.are_declared() && flags.has(Flags::NO_WRITES);
    if is_read_only && flags.are_declared() && !writes_nothing {
        return Err(Error::Text("ERR Can not execute a script with write flag using *_ro command."));
    }
    let is_to_write = flags.are_declared() && !writes_nothing && !call.session.client.has(Flag::Primary);
    if is_to_write && call.shared.upstream.refuses_writes() {
        return Err(replication::READ_ONLY);
    }
    let may_lack = is_to_write && call.shared.attention.has(Concern::LackingReplicas);
    if may_lack && call.session.lacks_replicas_in(call.session.db, call.shared) {
        return Err(LACKS_REPLICAS);
    }
    let allows_oom = flags.are_declared() && (flags.has(Flags::ALLOW_OOM) || writes_nothing);
    let is_refused = flags.are_declared() && !allows_oom && call.shared.memory_limit.is_exceeded();
    if is_refused && crate::memory_limit::measure(call.shared) {
        return Err(Error::Text(
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
        ));
    }
    let limit = call.shared.config.number(table::BUSY_REPLY_THRESHOLD).max(0);
    let limit = Duration::from_millis(limit.unsigned_abs());
    let mut run = Run {
        code,
        started: call.meter.started_last(),
        limit,
        slice_end: Duration::ZERO,
        may_be_suspended: call.claim.is_none(),
        is_busy: false,
        is_read_only: is_read_only || writes_nothing,
        allows_oom,
        has_written: false,
        db: call.session.db,
    };
    let code = run.code.clone();
    let (job, words) = (code.job(keys, arguments), call.args.words());
    if let Some(claim) = call.claim.as_deref_mut() {
        let shared = call.shared;
        let (session, turn, meter) = (&mut *call.session, &mut *call.turn, &mut *call.meter);
        let mut host = ScriptHost { session, turn, claim, meter, shared, run: &mut run, words };
        let progress = shared.scripts.interpreter().run(job, &mut host, call.reply);
        debug_assert!(matches!(progress, Progress::Finished), "it is never suspended");
        end(shared, &run);
        return Ok(());
    }
    call.session.transactions.moment = None;
    let mut claim = call.turn.claim_all();
    let shared = call.shared;
    let (session, turn, meter) = (&mut *call.session, &mut *call.turn, &mut *call.meter);
    let mut host = ScriptHost { session, turn, claim: &mut claim, meter, shared, run: &mut run, words };
    let progress = shared.scripts.interpreter().run(job, &mut host, call.reply);
    match progress {
        Progress::Finished => {
            end(shared, &run);
            call.turn.release(claim);
        }
        Progress::Suspended(running) => {
            let claim = call.turn.suspend(claim, &shared.engine);
            call.session.hold = Hold::Script(Box::new(SuspendedScript { running, claim, run }));
            call.session.flow = Flow::Hold;
        }
    }
    Ok(())
}

pub(super) type Words<'a> = &'a [&'a [u8]];

/// Reads the number of keys, the keys and what follows them. `no_number` is the error where there is no number.
pub(super) fn keys_and_arguments<'a>(
    call: &mut InTurn<'a, '_>,
    no_number: Error,
) -> Result<(Words<'a>, Words<'a>), Error> {
    let count = call.args.integer_or(no_number);
    call.args.check()?;
    if count > call.args.remaining() as i64 {
        return Err(Error::Text("ERR Number of keys can't be greater than number of args"));
    }
    let count = usize::try_from(count).map_err(|_| Error::Text("ERR Number of keys can't be negative"))?;
    Ok(call.args.rest().split_at(count))
}

/// Tells others that a script that had taken too long has ended.
fn end(shared: &Shared, run: &Run) {
    if run.is_busy {
        shared.scripts.end();
    }
}

/// A script that has taken too long, between two of its slices.
pub(crate) struct SuspendedScript {
    running: Running,
    claim: Suspended,
    run: Run,
}

impl SuspendedScript {
    /// Runs another slice: the reply if the script has ended with it, or else the script.
    pub(crate) fn go_on(
        self,
        session: &mut Session,
        desk: &mut Desk,
        shared: &Shared,
    ) -> Result<Served, Box<SuspendedScript>> {
        let SuspendedScript { running, claim, mut run } = self;
        let mut reply = ReplyWriter::new(session.protocol());
        let (mut turn, mut claim) = desk.executor.resume(claim, now());
        let meter = &mut desk.meter;
        // Others know already what runs.
        let words = &[];
        let mut host =
            ScriptHost { session, turn: &mut turn, claim: &mut claim, meter, shared, run: &mut run, words };
        match running.resume(&mut host, &mut reply) {
            Progress::Finished => {
                end(shared, &run);
                turn.release(claim);
                if run.has_written && shared.attention.has(Concern::Quorum) {
                    session.note_writes(shared);
                }
                Ok(Served { reply: reply.bytes().to_vec(), failure: None })
            }
            Progress::Suspended(running) => {
                let claim = turn.suspend(claim, &shared.engine);
                Err(Box::new(SuspendedScript { running, claim, run }))
            }
        }
    }
}

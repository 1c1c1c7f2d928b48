//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

mod condition;

use super::{InTurn, TurnRow};
use crate::acl::{Context, Reason};
use crate::admission::may_run_while_loading;
use crate::attention::Concern;
use crate::clients::Class;
use crate::config::table;
use crate::hotkeys;
use crate::monitors::Moment;
use crate::observation::{By, Called};
use crate::server::Shared;
use crate::session::{Flow, Output, Session};
use crate::transaction::{OnFailure, Transaction};
use condition::Condition;
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::{KeySpec, KeyUse};
use spinel_storage::command::table::CommandId;
use spinel_storage::command::{Command, Group};
use spinel_storage::engine::{Claim, Outcome, Prepared, Turn};
use std::sync::atomic::Ordering;

const FLAGS: Flags = Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE);
const BRIEF: Flags = FLAGS.with(Flags::FAST).with(Flags::ALLOW_BUSY);
const ROW: Command = Command { group: Group::Transactions, ..Command::ROW };

/// The rows of this family.
pub(super) const COMMANDS: &[TurnRow] = &[
    (
        Command {
            name: "multi",
            usage: "mode=[ATOMIC]",
            flags: BRIEF.with(Flags::IMMEDIATE),
            since: "1.2.0",
            about: "Begins a transaction; if it is atomic, all is undone when a command of it fails.",
            ..ROW
        },
        multi,
    ),
    (
        Command {
            name: "exec",
            usage: "condition=[IFEQ equal=(key value)|IFNE different=(key value)|NX absent:key|XX present:key]...",
            flags: FLAGS.with(Flags::SKIP_SLOWLOG).with(Flags::IMMEDIATE),
            since: "1.2.0",
            cost: "Depends on the commands of the transaction",
            about: "Runs the commands of the transaction as one, if the keys are as the conditions say.",
            ..ROW
        },
        exec,
    ),
    (
        Command {
            name: "discard",
            flags: BRIEF.with(Flags::IMMEDIATE),
            since: "2.0.0",
            cost: "O(N) where N is the number of commands and of watched keys",
            about: "Forgets the transaction.",
            ..ROW
        },
        discard,
    ),
    (
        Command {
            name: "watch",
            usage: "key...",
            keys: &[KeySpec::from(1, 1, KeyUse::READ_ONLY)],
            flags: BRIEF.with(Flags::IMMEDIATE),
            since: "2.2.0",
            cost: "O(1) for each key",
            about: "Lets the next transaction run only if keys are not changed until then.",
            ..ROW
        },
        watch,
    ),
    (
        Command {
            name: "unwatch",
            flags: BRIEF,
            since: "2.2.0",
            cost: "O(N) where N is the number of watched keys",
            about: "Forgets which keys are watched.",
            ..ROW
        },
        unwatch,
    ),
];

const DIRTY: Error = Error::Text("EXECABORT Transaction discarded because of previous errors.");
const BAD_EXEC: Error =
    Error::Text("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command");

fn multi(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let on_failure = match call.args.rest() {
        [] => OnFailure::GoOn,
        [mode] if mode.eq_ignore_ascii_case(b"atomic") => OnFailure::Undo,
        _ => return Err(Error::WrongArity("multi")),
    };

    if call.session.transactions.current.is_some() {
        return Err(Error::Text("ERR MULTI calls can not be nested"));
    }
    call.session.transactions.begin(on_failure);
    call.session.show_transaction();

    call.reply.ok();
    Ok(())
}

fn discard(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    if call.session.transactions.current.is_none() {
        return Err(Error::Text("ERR DISCARD without MULTI"));
    }
    call.session.end_transaction(call.turn);

    call.reply.ok();
    Ok(())
}

fn watch(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let keys = call.args.rest();

    if call.session.transactions.current.is_some() {
        return Err(Error::Text("ERR WATCH inside MULTI is not allowed"));
    }
    // Where the next transaction fails already, there is nothing more to watch for.
    if !call.session.transactions.watch.has_changed() {
        let db = call.session.db;
        call.turn.watch(&mut call.session.transactions.watch, db, keys);
    }
    call.session.show_watch();

    call.reply.ok();
    Ok(())
}

fn unwatch(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    call.session.unwatch(call.turn);

    call.reply.ok();
    Ok(())
}

fn exec(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let Some(transaction) = call.session.transactions.current.take() else {
        return Err(if call.args.remaining() > 0 { BAD_EXEC } else { Error::Text("ERR EXEC without MULTI") });
    };
    let conditions = Condition::parse_all(&mut call.args).map_err(|_| BAD_EXEC);
    let conditions = conditions.and_then(|conditions| may_read(call, conditions));

    let result = match conditions {
        Err(error) => Err(error),
        Ok(_) if transaction.is_doomed => Err(DIRTY),
        Ok(conditions) => run(call, &transaction, &conditions),
    };
    transaction.end();
    call.session.end_transaction(call.turn);
    result
}

/// The conditions, if the user may read the keys that they are about.
fn may_read<'c>(
    call: &mut InTurn<'_, '_>,
    conditions: Vec<Condition<'c>>,
) -> Result<Vec<Condition<'c>>, Error> {
    let (session, words) = (&mut *call.session, call.args.words());
    let Some(exec) = session.last else { return Ok(conditions) };
    match conditions
        .iter()
        .find_map(|condition| session.reading_denial(exec, words, condition.key, call.shared))
    {
        Some(error) => Err(error),
        None => Ok(conditions),
    }
}

/// Runs the commands if nothing speaks against it.
fn run(
    call: &mut InTurn<'_, '_>,
    transaction: &Transaction,
    conditions: &[Condition<'_>],
) -> Result<(), Error> {
    let (words, db) = (transaction.words(), call.session.db);
    let has_expired = call.turn.has_expired(&call.session.transactions.watch);
    let steps = transaction.commands(&words).map(|(prepared, words)| (prepared, db, words));
    let keys = conditions.iter().map(|condition| (db, condition.key));
    let mut claim = call.turn.claim(steps, keys);
    let is_as_expected = !has_expired
        && !call.session.transactions.watch.has_changed()
        && conditions.iter().all(|condition| condition.holds(call.turn, &mut claim, db));
    if !is_as_expected {
        call.turn.release(claim);
        call.reply.null_array();
        return Ok(());
    }

    call.session.transactions.is_running = true;
    call.session.transactions.moment = None;
    let result = match transaction.on_failure {
        OnFailure::GoOn => {
            run_all(call, transaction, &words, &mut claim);
            call.turn.release(claim);
            Ok(())
        }
        OnFailure::Undo => run_or_undo(call, transaction, &words, claim),
    };
    call.session.transactions.is_running = false;
    result
}

/// Runs the commands one after the other. Returns the first error.
fn run_all<'e>(
    call: &mut InTurn<'_, 'e>,
    transaction: &Transaction,
    words: &[&[u8]],
    claim: &mut Claim<'e>,
) -> Option<Error> {
    let mut first_error = None;
    let shared = call.shared;
    let is_subscriber = call.session.client.class() == Class::PubSub;
    let limits = &call.shared.pubsub.limits;
    let start = call.reply.position();
    call.reply.array(transaction.len());
    for (prepared, words) in transaction.commands(words) {
        if let Some(error) = now_denied(call.session, prepared.id, words, shared) {
            call.reply.error_bytes(&error.bytes());
            call.meter.statistics.command(prepared.id).rejected.add(1);
            call.meter.statistics.count_error(&error.text());
            first_error = first_error.or(Some(error));
            continue;
        }
        let setting = call.session.setting();
        let called = Called { id: prepared.id, words, by: By::Client };
        call.session.audit(called, call.shared);
        call.session.show_to_monitors(called, call.session.db, Moment::Before, call.shared);
        let call_at = call.reply.position();
        let measured = call.meter.measure(prepared.id, |meter| {
            match call.turn.execute_claimed(claim, prepared, setting, words, call.reply) {
                Outcome::Done | Outcome::Waiting(_) => None,
                Outcome::Failed(error) => Some(error),
                Outcome::ForHost => {
                    let output = Output { reply: call.reply, meter };
                    let place = (&mut *call.turn, Some(&mut *claim));
                    call.session.execute_host(prepared.id, words, place, call.shared, output)
                }
            }
        });
        if shared.attention.has(Concern::Quorum) {
            call.session.note_write(prepared.id, words, call.session.db, shared);
        }
        let reply_bytes = call.reply.position().saturating_sub(call_at);
        call.session.show_to_monitors(called, call.session.db, Moment::After, call.shared);
        let place = (call.session.db, call.turn.now());
        hotkeys::sample(called, place, call.meter, call.shared);
        call.session.observe(called, (measured.nanoseconds, reply_bytes), call.meter, call.shared);
        call.session.note_reads(prepared.id, words, call.shared);
        first_error = first_error.or(measured.failure);
        let is_over = limits.are_over(is_subscriber, call.reply.len() - start);
        if is_over || call.session.flow == Flow::Overflow {
            // All commands run, but their replies are not kept for a client that will not get them.
            call.reply.truncate(start);
            call.session.flow = Flow::Overflow;
        }
    }
    first_error
}

/// The error of a command that may no longer be called, though it was queued.
fn now_denied(session: &mut Session, id: CommandId, words: &[&[u8]], shared: &Shared) -> Option<Error> {
    let Some(denial) = session.denial(id, words, Context::Transaction, shared) else {
        return session.derived_refusal(id, words, session.db, shared);
    };
    let reason = match denial.reason {
        Reason::Database => "no permission",
        Reason::Command => "no permission to execute the command or subcommand",
        Reason::Key => "no permission to touch the specified keys",
        Reason::Channel => "no permission to access one of the channels used as arguments",
    };
    Some(Error::Made(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no \
         longer allowed for the following reason: {reason}"
    )))
}

/// Runs the commands, and undoes them if one fails.
fn run_or_undo<'e>(
    call: &mut InTurn<'_, 'e>,
    transaction: &Transaction,
    words: &[&[u8]],
    mut claim: Claim<'e>,
) -> Result<(), Error> {
    let setting = call.session.setting();
    call.turn.keep_former(&mut claim, setting);
    let Some(error) = run_all(call, transaction, words, &mut claim) else {
        call.turn.release(claim);
        return Ok(());
    };
    call.turn.roll_back(claim, setting);
    Err(Error::quoting(&[b"EXECABORT Transaction undone because of: ", &error.bytes()]))
}

impl Session {
    /// Forgets the transaction and what is watched for it.
    pub(crate) fn end_transaction(&mut self, turn: &mut Turn<'_>) {
        if let Some(transaction) = self.transactions.current.take() {
            transaction.end();
        }
        self.unwatch(turn);
        self.show_transaction();
    }

    /// Forgets which keys are watched.
    fn unwatch(&mut self, turn: &mut Turn<'_>) {
        if !self.transactions.watch.is_empty() {
            turn.unwatch(&mut self.transactions.watch);
            self.show_watch();
        }
    }

    /// Lets others see what is watched.
    fn show_watch(&self) {
        self.client.show_watch(&self.transactions.watch);
    }

    /// Lets others see how far the transaction is.
    fn show_transaction(&self) {
        let current = self.transactions.current.as_ref();
        let queued = current.map_or(-1, |transaction| transaction.len() as i64);
        let queued_bytes = current.map_or(0, |transaction| transaction.memory_bytes());
        self.client.queued.store(queued, Ordering::Relaxed);
        self.client.queued_bytes.store(queued_bytes, Ordering::Relaxed);
    }

    /// Adds a command to the transaction, or says why it can't be one of it.
    pub(crate) fn queue(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        (shared, reply): (&Shared, &mut ReplyWriter),
    ) -> Result<(), Error> {
        let row = shared.engine.table().row(prepared.id);
        if row.is_guarded && !self.may_debug {
            return Err(Error::Guarded);
        }
        if row.command.flags.contains(Flags::NO_MULTI) {
            return Err(Error::Text("ERR Command not allowed inside a transaction"));
        }
        let transaction = self.transactions.current.as_mut().expect("a transaction has begun");
        if transaction.on_failure == OnFailure::Undo && !row.can_be_undone() {
            return Err(Error::Text(
                "ERR Command not allowed inside an atomic transaction, as it can't be undone",
            ));
        }
        // What will not run need not be kept.
        if !transaction.is_doomed && !self.transactions.watch.has_changed() {
            transaction.may_run_while_loading &= may_run_while_loading(prepared.id, words, shared);
            transaction.add(prepared, row.command.flags, words);
            if row.command.name == "select" {
                let number = words.get(1).and_then(|word| spinel_resp::parse_integer(word));
                let db = number.and_then(|number| shared.engine.keyspace().db(number));
                transaction.db = db.or(transaction.db);
            }
        }
        let limit = shared.config.number(table::CLIENT_QUERY_BUFFER_LIMIT);
        if transaction.memory_bytes() as i64 > limit {
            return Err(Error::Text("ERR Transaction is larger than client-query-buffer-limit"));
        }
        self.show_transaction();
        reply.raw(b"+QUEUED\r\n");
        Ok(())
    }
}

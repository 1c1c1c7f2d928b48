//! Saving the data set: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF.

use super::{HostCall, HostRow, InTurn, TurnRow};
use crate::persistence::{Cancelled, Kind, Request, Work};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
use spinel_storage::engine::wait::Otherwise;

const ADMIN: Flags = Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::NO_ASYNC_LOADING);
const ROW: Command = Command { group: Group::Server, flags: ADMIN, ..Command::ROW };

const IN_PROGRESS: Error = Error::Text("ERR Background save already in progress");
const REWRITING: Error = Error::Text("ERR Background append only file rewriting already in progress");
const OTHER_IN_PROGRESS: Error = Error::Text(
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a \
     BGSAVE whenever possible.",
);
const NOTHING_TO_CANCEL: Error =
    Error::Text("ERR Background saving is currently not in progress or scheduled");

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[(
    Command {
        name: "lastsave",
        flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST).with(Flags::FOR_ADMIN),
        about: "Tells when the data set was last saved, in Unix seconds.",
        tips: &["nondeterministic_output"],
        ..ROW
    },
    last_save,
)];

/// The rows whose handlers stop all writes for a moment.
pub(super) const TURN_COMMANDS: &[TurnRow] = &[
    (Command { name: "bgrewriteaof", about: "Writes the log anew, in the background.", ..ROW }, rewrite_log),
    (
        Command {
            name: "bgsave",
            usage: "schedule=[SCHEDULE]",
            about: "Saves the data set in the background.",
            ..ROW
        },
        save_in_background,
    ),
    (
        Command {
            name: "save",
            flags: ADMIN.with(Flags::NO_MULTI),
            cost: "O(N) where N is the number of keys",
            about: "Saves the data set and replies when it is done.",
            ..ROW
        },
        save,
    ),
];

fn last_save(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.integer(call.shared.persistence.saves().last.0 / 1000);
    Ok(())
}

fn save(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let persistence = &call.shared.persistence;
    let waiter = call.shared.engine.wait_idly(call.session.protocol(), None, Otherwise::Null);
    let answer = std::sync::Arc::clone(&waiter);
    let request = Request::answered(Kind::Save, move |outcome| {
        match outcome {
            Ok(()) => answer.answer(spinel_resp::ReplyWriter::ok),
            Err(_) => answer.fail(Error::Text("ERR")),
        };
    });
    persistence.begin(call.shared, call.turn, request).map_err(|_| IN_PROGRESS)?;

    call.session.wait_for(waiter);
    Ok(())
}

/// What BGSAVE is asked for.
#[derive(PartialEq, Eq)]
enum When {
    Now,
    /// As soon as nothing else is written.
    Scheduled,
    /// Never: what was begun or scheduled ends.
    Cancelled,
}

fn read_when(words: &[&[u8]]) -> Result<When, Error> {
    match words {
        [] => Ok(When::Now),
        [word] if word.eq_ignore_ascii_case(b"schedule") => Ok(When::Scheduled),
        [word] if word.eq_ignore_ascii_case(b"cancel") => Ok(When::Cancelled),
        _ => Err(Error::Syntax),
    }
}

fn save_in_background(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let when = read_when(call.args.rest())?;
    let persistence = &call.shared.persistence;
    // A transaction's commands are one write, of which a snapshot must have all or nothing.
    let is_in_transaction = call.claim.is_some();

    let reply = match (when, persistence.running()) {
        (When::Cancelled, _) => match persistence.cancel_save() {
            Some(Cancelled::Running) => "Background saving cancelled",
            Some(Cancelled::Scheduled) => "Scheduled background saving cancelled",
            None => return Err(NOTHING_TO_CANCEL),
        },
        (_, Some(Work::Save)) => return Err(IN_PROGRESS),
        (When::Now, Some(Work::Rewrite | Work::Backup)) if !is_in_transaction => {
            return Err(OTHER_IN_PROGRESS);
        }
        (_, running) if running.is_some() || is_in_transaction => {
            persistence.schedule(Kind::Save);
            "Background saving scheduled"
        }
        _ => {
            let request = Request::unanswered(Kind::Save);
            persistence.begin(call.shared, call.turn, request).map_err(|_| IN_PROGRESS)?;
            "Background saving started"
        }
    };
    call.reply.simple(reply);
    Ok(())
}

fn rewrite_log(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let persistence = &call.shared.persistence;
    let reply = match persistence.running() {
        Some(Work::Rewrite) => return Err(REWRITING),
        running if running.is_some() || call.claim.is_some() => {
            persistence.schedule(Kind::Rewrite);
            "Background append only file rewriting scheduled"
        }
        _ => {
            let request = Request::unanswered(Kind::Rewrite);
            persistence.begin(call.shared, call.turn, request).map_err(|_| REWRITING)?;
            "Background append only file rewriting started"
        }
    };
    call.reply.simple(reply);
    Ok(())
}

//! Connections and sessions.

use super::{HostCall, HostRow, InTurn, TurnRow, hello};
use crate::session::Flow;
use spinel_resp::Protocol;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Databases, Group};

/// Flags of commands that open, close and prepare a connection.
const ENTRANCE: Flags = Flags::NOSCRIPT
    .with(Flags::LOADING)
    .with(Flags::STALE)
    .with(Flags::FAST)
    .with(Flags::NO_AUTH)
    .with(Flags::ALLOW_BUSY);
const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE).with(Flags::FAST);
const ROW: Command = Command { group: Group::Connection, ..Command::ROW };

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "auth",
            usage: "[username] password",
            flags: ENTRANCE.with(Flags::SECRET),
            cost: "O(N) where N is the number of passwords the user has",
            about: "Proves who the client is.",
            ..ROW
        },
        hello::auth,
    ),
    (Command { name: "echo", usage: "message", flags: ANYTIME, about: "Returns the message.", ..ROW }, echo),
    (
        Command {
            name: "hello",
            usage: "arguments=[protover:integer [AUTH auth=(username password)] [SETNAME clientname]]",
            flags: ENTRANCE.with(Flags::SECRET_PARTS),
            since: "6.0.0",
            about: "Chooses the protocol and tells about the server.",
            ..ROW
        },
        hello::hello,
    ),
    (
        Command {
            name: "ping",
            usage: "[message]",
            flags: Flags::FAST.with(Flags::LISTENS),
            about: "Answers, with the message if there is one.",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            ..ROW
        },
        ping,
    ),
    (
        Command {
            name: "quit",
            flags: ENTRANCE.with(Flags::LENIENT).with(Flags::LISTENS).with(Flags::IMMEDIATE),
            about: "Closes the connection after the replies before it.",
            deprecated: Some(("7.2.0", "just closing the connection")),
            ..ROW
        },
        quit,
    ),
    (
        Command {
            name: "select",
            databases: Databases::At(&[1]),
            usage: "index",
            flags: ANYTIME,
            about: "Chooses the database.",
            ..ROW
        },
        select,
    ),
];

/// The row whose handler uses the keyspace.
pub(super) const TURN_COMMANDS: &[TurnRow] = &[(
    Command {
        name: "reset",
        flags: ENTRANCE.with(Flags::LISTENS).with(Flags::IMMEDIATE),
        since: "6.2.0",
        about: "Makes the connection as it was when it began.",
        ..ROW
    },
    reset,
)];

fn echo(call: &mut HostCall<'_>) -> Result<(), Error> {
    let message = call.args.word();

    call.reply.bulk(message);
    Ok(())
}

fn ping(call: &mut HostCall<'_>) -> Result<(), Error> {
    let words = call.args.rest();
    match words {
        [] | [_] if call.session.only_listens() => {
            call.reply.array(2);
            call.reply.bulk(b"pong");
            call.reply.bulk(words.first().copied().unwrap_or_default());
        }
        [] => call.reply.simple("PONG"),
        [message] => call.reply.bulk(message),
        _ => return Err(Error::WrongArity("ping")),
    }
    Ok(())
}

fn quit(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.session.flow = Flow::Close;
    // It is not shown what it calls itself any more.
    call.session.stop_monitoring(call.shared);
    call.reply.ok();
    Ok(())
}

fn reset(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    call.session.end_transaction(call.turn);
    call.session.reset(call.shared);
    call.session.speak(Protocol::Resp2, call.reply);

    call.reply.simple("RESET");
    Ok(())
}

fn select(call: &mut HostCall<'_>) -> Result<(), Error> {
    let number = call.args.integer_between(i32::MIN.into(), i32::MAX.into());
    call.args.finish()?;

    let keyspace = call.shared.engine.keyspace();
    call.session.db = keyspace.db(number).ok_or(Error::DbIndexOutOfRange)?;

    call.reply.ok();
    Ok(())
}

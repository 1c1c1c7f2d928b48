//! Connections and sessions.

use super::{HostCall, HostRow};
use crate::session::Flow;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};

const ROW: Command = Command { group: Group::Connection, ..Command::ROW };

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "ping",
            usage: "[message]",
            flags: Flags::FAST,
            about: "Answers, with the message if there is one.",
            ..ROW
        },
        ping,
    ),
    (
        Command {
            name: "quit",
            flags: Flags::FAST.with(Flags::NO_AUTH),
            about: "Closes the connection after the replies before it.",
            ..ROW
        },
        quit,
    ),
    (
        Command { name: "select", usage: "index", flags: Flags::FAST, about: "Chooses the database.", ..ROW },
        select,
    ),
];

fn ping(call: &mut HostCall<'_>) -> Result<(), Error> {
    match call.args.rest() {
        [] => call.reply.simple("PONG"),
        [message] => call.reply.bulk(message),
        _ => return Err(Error::WrongArity("ping")),
    }
    Ok(())
}

fn quit(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.session.flow = Flow::Close;
    call.reply.ok();
    Ok(())
}

fn select(call: &mut HostCall<'_>) -> Result<(), Error> {
    let number = call.args.integer();
    call.args.finish()?;

    let keyspace = call.shared.engine.keyspace();
    call.session.db = keyspace.db(number).ok_or(Error::DbIndexOutOfRange)?;

    call.reply.ok();
    Ok(())
}

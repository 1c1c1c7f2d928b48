//! Host commands: those about connections, settings and the process rather than keys.

mod command;
mod connection;

use crate::server::Shared;
use crate::session::Session;
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::Command;
use spinel_storage::command::args::Args;

/// Runs a host command.
pub(crate) type HostHandler = fn(&mut HostCall<'_>) -> Result<(), Error>;

/// A row with its handler.
pub(crate) type HostRow = (Command, HostHandler);

/// What a host command is given.
pub(crate) struct HostCall<'c> {
    pub(crate) args: Args<'c>,
    pub(crate) session: &'c mut Session,
    pub(crate) reply: &'c mut ReplyWriter,
    pub(crate) shared: &'c Shared,
}

/// The rows of all host commands.
pub(crate) fn all() -> impl Iterator<Item = (&'static Command, &'static HostHandler)> {
    [command::COMMANDS, connection::COMMANDS]
        .into_iter()
        .flatten()
        .map(|(command, handler)| (command, handler))
}

//! Host commands: those about connections, settings and the process rather than keys.

mod art;
mod client;
mod command;
mod config;
mod connection;
mod hello;
mod process;
pub(crate) mod roster;

use crate::config::table::Key;
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

impl HostCall<'_> {
    /// Whether a setting with the choices no, yes and local allows this client what it guards.
    pub(crate) fn is_allowed(&self, guard: Key) -> bool {
        const NO: i64 = 0;
        const LOCAL: i64 = 2;
        match self.shared.config.number(guard) {
            NO => false,
            LOCAL => self.session.is_local,
            _ => true,
        }
    }
}

/// The rows of all host commands.
fn all() -> impl Iterator<Item = (&'static Command, &'static HostHandler)> {
    [client::COMMANDS, command::COMMANDS, config::COMMANDS, connection::COMMANDS, process::COMMANDS]
        .into_iter()
        .flatten()
        .map(|(command, handler)| (command, handler))
}

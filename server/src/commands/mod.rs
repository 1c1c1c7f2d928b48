//! Host commands: those about connections, settings and the process rather than keys.

mod art;
mod client;
mod command;
mod config;
mod connection;
mod debug;
mod hello;
mod info;
mod process;
mod pubsub;
pub(crate) mod roster;
mod wait;

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
        self.shared.config.allows(guard, self.session.is_local)
    }
}

/// The rows that the engine runs though they are the server's.
fn data() -> &'static [Command] {
    debug::DATA_COMMANDS
}

/// The rows of all host commands.
fn all() -> impl Iterator<Item = (&'static Command, &'static HostHandler)> {
    [
        client::COMMANDS,
        command::COMMANDS,
        config::COMMANDS,
        connection::COMMANDS,
        debug::COMMANDS,
        info::COMMANDS,
        process::COMMANDS,
        pubsub::COMMANDS,
        wait::COMMANDS,
    ]
    .into_iter()
    .flatten()
    .map(|(command, handler)| (command, handler))
}

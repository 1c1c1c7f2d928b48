//! Host commands: those about connections, settings and the process rather than keys.

mod acl;
mod art;
mod backup;
mod cache;
mod cache_stats;
mod client;
mod command;
mod config;
mod connection;
mod debug;
mod failover;
mod following;
mod hello;
mod hotkeys;
mod info;
mod latency;
mod memory;
mod module;
mod persistence;
mod process;
mod pubsub;
mod replication;
pub(crate) mod roster;
pub(crate) mod scripting;
mod slowlog;
mod transaction;
mod wait;

pub(crate) use hello::Login;
pub(crate) use replication::succeed;

use crate::config::table::Key;
use crate::server::Shared;
use crate::session::Session;
use crate::statistics::Meter;
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::Command;
use spinel_storage::command::args::Args;
use spinel_storage::engine::{Claim, Turn};

/// Runs a host command.
pub(crate) type HostHandler = fn(&mut HostCall<'_>) -> Result<(), Error>;

/// Runs a host command that uses the keyspace itself.
pub(crate) type TurnHandler = fn(&mut InTurn<'_, '_>) -> Result<(), Error>;

/// Who runs a host command.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Host(HostHandler),
    InTurn(TurnHandler),
}

/// A row with its handler.
pub(crate) type HostRow = (Command, HostHandler);

/// A row with its handler, which uses the keyspace itself.
pub(crate) type TurnRow = (Command, TurnHandler);

/// What a host command is given.
pub(crate) struct HostCall<'c> {
    pub(crate) args: Args<'c>,
    pub(crate) session: &'c mut Session,
    pub(crate) reply: &'c mut ReplyWriter,
    pub(crate) shared: &'c Shared,
}

/// What a host command is given that uses the keyspace itself.
pub(crate) struct InTurn<'c, 'e> {
    pub(crate) args: Args<'c>,
    pub(crate) session: &'c mut Session,
    pub(crate) turn: &'c mut Turn<'e>,
    /// What the command has for itself already, if it is one of a transaction.
    pub(crate) claim: Option<&'c mut Claim<'e>>,
    pub(crate) reply: &'c mut ReplyWriter,
    pub(crate) meter: &'c mut Meter,
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
fn all() -> impl Iterator<Item = (&'static Command, Handler)> {
    let rows = [
        acl::COMMANDS,
        backup::COMMANDS,
        cache_stats::COMMANDS,
        client::COMMANDS,
        command::COMMANDS,
        config::COMMANDS,
        connection::COMMANDS,
        debug::COMMANDS,
        failover::COMMANDS,
        hotkeys::COMMANDS,
        following::COMMANDS,
        info::COMMANDS,
        latency::COMMANDS,
        memory::COMMANDS,
        module::COMMANDS,
        persistence::COMMANDS,
        process::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        slowlog::COMMANDS,
        wait::COMMANDS,
    ]
    .into_iter()
    .chain(scripting::COMMANDS.iter().copied())
    .flatten()
    .map(|(command, handler)| (command, Handler::Host(*handler)));
    let in_turn = [
        backup::TURN_COMMANDS,
        cache::TURN_COMMANDS,
        connection::TURN_COMMANDS,
        persistence::TURN_COMMANDS,
        transaction::COMMANDS,
    ]
    .into_iter()
    .chain(scripting::TURN_COMMANDS.iter().copied())
    .flatten();
    rows.chain(in_turn.map(|(command, handler)| (command, Handler::InTurn(*handler))))
}

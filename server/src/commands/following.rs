//! Copying another server, or no longer.

use super::{HostCall, HostRow};
use crate::log;
use crate::replication::Address;
use crate::replication::poison::{self, Poisoned};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
use spinel_storage::engine::wait::Otherwise;
use std::sync::Arc;

const ROW: Command = Command {
    usage: "args=<host-port=(host port:integer)|no-one=(NO ONE)>",
    group: Group::Server,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::STALE).with(Flags::NO_ASYNC_LOADING),
    cost: "O(1)",
    ..Command::ROW
};

const OF_REPLICA: Error = Error::Text("ERR Command is not valid when client is a replica.");
const FAILING_OVER: Error = Error::Text("ERR REPLICAOF not allowed while failing over.");
const NO_PORT: Error = Error::Text("ERR Invalid master port");

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "replicaof",
            since: "5.0.0",
            about: "Makes the server a copy of another one, or its own master.",
            ..ROW
        },
        replicate,
    ),
    (
        Command {
            name: "slaveof",
            since: "1.0.0",
            deprecated: Some(("5.0.0", "`REPLICAOF`")),
            about: "Makes the server a copy of another one, or its own master.",
            ..ROW
        },
        replicate,
    ),
];

fn replicate(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (host, port) = (call.args.word(), call.args.word());
    call.args.finish()?;
    if call.shared.replication.failover.is_on() {
        return Err(FAILING_OVER);
    }
    if call.session.replica.is_some() {
        return Err(OF_REPLICA);
    }
    let (upstream, client) = (&call.shared.upstream, &call.session.client);
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        log::notice!(
            "MASTER MODE enabled (user request from 'id={} addr={}')",
            client.id,
            client.peer.address
        );
        return lead(call);
    }
    let address = Address::of(host, port).ok_or(NO_PORT)?;
    if Poisoned::of(&call.shared.config).has(&address) {
        return Err(poison::refusal(&address));
    }

    let name = address.to_string();
    if upstream.follow(address, call.shared) {
        log::notice!(
            "REPLICAOF {name} enabled (user request from 'id={} addr={}')",
            client.id,
            client.peer.address
        );
        call.reply.ok();
    } else {
        log::notice!(
            "REPLICAOF would result into synchronization with the master we are already connected with. No operation \
             performed."
        );
        call.reply.simple("OK Already connected to specified master");
    }
    Ok(())
}

/// Who is told that the server is its own master may write.
fn lead(call: &mut HostCall<'_>) -> Result<(), Error> {
    let waiter = call.shared.engine.wait_idly(call.session.protocol(), None, Otherwise::Null);
    let may_wait = !call.session.transactions.is_running;
    let told = may_wait.then(|| Arc::clone(&waiter));
    if call.shared.upstream.lead(call.shared, told) && may_wait {
        call.session.wait_for(waiter);
    } else {
        call.reply.ok();
    }
    Ok(())
}

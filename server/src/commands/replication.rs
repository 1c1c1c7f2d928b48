//! Replication: how a connection becomes a replica, and what a server says of its part.

use super::{HostCall, HostRow};
use crate::clients::Flag;
use crate::log;
use crate::replication::{self, Filter};
use crate::server::Shared;
use crate::session::Session;
use spinel_replication::{Answer, Asked};
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
use spinel_storage::engine::wait::Otherwise;
use std::sync::Arc;

const ADMIN: Flags = Flags::ADMIN.with(Flags::NOSCRIPT);
const ROW: Command = Command { group: Group::Server, ..Command::ROW };

const PENDING_OUTPUT: Error = Error::Text("ERR SYNC and PSYNC are invalid with pending output");
const SYNTAX: Error = Error::Text("ERR syntax error");

/// A longer address is refused.
const ADDRESS_BYTES_MAX: usize = 45;

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "psync",
            usage: "replicationid offset:integer [FAILOVER]",
            flags: ADMIN.with(Flags::NO_ASYNC_LOADING).with(Flags::NO_MULTI),
            since: "2.8.0",
            cost: "",
            about: "Makes the connection a replica, which goes on where it was or begins with a snapshot.",
            ..ROW
        },
        psync,
    ),
    (
        Command {
            name: "replconf",
            usage: "[option:string]...",
            flags: ADMIN.with(Flags::LOADING).with(Flags::STALE).with(Flags::ALLOW_BUSY),
            since: "3.0.0",
            about: "Tells a primary about its replica.",
            ..ROW
        },
        replconf,
    ),
    (
        Command {
            name: "role",
            flags: Flags::NOSCRIPT
                .with(Flags::LOADING)
                .with(Flags::STALE)
                .with(Flags::FAST)
                .with(Flags::FOR_ADMIN),
            since: "2.8.12",
            about: "Tells the server's part in replication.",
            ..ROW
        },
        role,
    ),
    (
        Command {
            name: "sync",
            flags: ADMIN.with(Flags::NO_ASYNC_LOADING).with(Flags::NO_MULTI),
            cost: "",
            about: "Makes the connection a replica that begins with a snapshot.",
            ..ROW
        },
        sync,
    ),
];

fn psync(call: &mut HostCall<'_>) -> Result<(), Error> {
    let id = call.args.word();
    let wanted = call.args.integer();
    call.args.check()?;
    let asked = Asked::psync(id, wanted);
    if call.args.accept("FAILOVER") && call.session.replica.is_none() {
        return take_over(call, asked, id);
    }
    attach(call, &asked, false)
}

fn sync(call: &mut HostCall<'_>) -> Result<(), Error> {
    attach(call, &Asked::NOTHING, true)
}

/// The primary hands over: this server takes its place, and has it as a replica then.
fn take_over(call: &mut HostCall<'_>, asked: Asked, id: &[u8]) -> Result<(), Error> {
    let (shared, client) = (call.shared, &call.session.client);
    log::notice!("Failover request received for replid {}.", String::from_utf8_lossy(id).escape_debug());
    if !shared.upstream.is_replica() {
        return Err(Error::Text("ERR PSYNC FAILOVER can't be sent to a master."));
    }
    if asked.id != Some(shared.replication.id()) {
        return Err(Error::Text("ERR PSYNC FAILOVER replid must match my replid."));
    }
    if call.reply.position() > 0 {
        return Err(PENDING_OUTPUT);
    }
    log::notice!(
        "MASTER MODE enabled (failover request from 'id={} addr={}')",
        client.id,
        client.peer.address
    );
    // What the primary has sent runs first.
    let waiter = shared.engine.wait_idly(call.session.protocol(), None, Otherwise::Null);
    if !shared.upstream.lead_silently(shared, Arc::clone(&waiter)) {
        // Somebody else has made it a primary just now.
        return attach(call, &asked, false);
    }
    call.session.successor = Some(asked);
    call.session.wait_for(waiter);
    Ok(())
}

/// Makes the connection of a former primary a replica, after the server has taken its place.
pub(crate) fn succeed(session: &mut Session, asked: &Asked, reply: &mut ReplyWriter, shared: &Shared) {
    if let Err(error) = attach_session(session, asked, reply, (shared, false)) {
        reply.error_bytes(&error.bytes());
    }
}

fn attach(call: &mut HostCall<'_>, asked: &Asked, is_silent: bool) -> Result<(), Error> {
    attach_session(call.session, asked, call.reply, (call.shared, is_silent))
}

fn attach_session(
    session: &mut Session,
    asked: &Asked,
    reply: &mut ReplyWriter,
    (shared, is_silent): (&Shared, bool),
) -> Result<(), Error> {
    // Who is one already gets no answer, as in Redis.
    if session.replica.is_some() {
        return Ok(());
    }
    let replication = &shared.replication;
    if replication.failover.is_on() {
        return Err(replication::NO_REPLICAS_NOW);
    }
    if shared.upstream.is_down() {
        return Err(Error::Text("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    if reply.position() > 0 {
        return Err(PENDING_OUTPUT);
    }
    let introduction = session.introduction.take().map(|known| *known).unwrap_or_default();
    let takes_name = introduction.takes_name;
    let client = &session.client;
    client.set(Flag::Replica, true);
    let (sender, answer) = replication.attach((client, introduction), asked, is_silent, shared);
    session.replica = Some(Box::new(sender));
    if answer == Answer::Continue {
        let name = replication.id();
        let text = if takes_name { format!("+CONTINUE {name}\r\n") } else { "+CONTINUE\r\n".to_owned() };
        reply.raw(text.as_bytes());
    }
    Ok(())
}

fn replconf(call: &mut HostCall<'_>) -> Result<(), Error> {
    if !call.args.remaining().is_multiple_of(2) {
        return Err(SYNTAX);
    }
    while call.args.remaining() > 0 {
        let option = call.args.word();
        match &*option.to_ascii_lowercase() {
            // Who has nothing to answer for says so without being asked: there is no reply.
            b"ack" => return acknowledge(call),
            b"getack" => return Ok(()),
            name => introduce(call, name, option)?,
        }
    }
    call.reply.ok();
    Ok(())
}

/// Takes one word that a replica says of itself.
fn introduce(call: &mut HostCall<'_>, name: &[u8], option: &[u8]) -> Result<(), Error> {
    let known = call.session.introduction.get_or_insert_default();
    match name {
        b"listening-port" => {
            let port = call.args.integer();
            call.args.check()?;
            known.port = u16::try_from(port).unwrap_or(0);
        }
        b"ip-address" => {
            let address = call.args.word();
            if address.len() > ADDRESS_BYTES_MAX {
                let length = address.len();
                let text = format!(
                    "ERR REPLCONF ip-address provided by replica instance is too long: {length} bytes"
                );
                return Err(Error::Made(text));
            }
            known.address = (!address.is_empty()).then(|| address.into());
        }
        b"capa" => match &*call.args.word().to_ascii_lowercase() {
            b"eof" => known.finds_end = true,
            b"psync2" => known.takes_name = true,
            _ => {}
        },
        b"rdb-only" => {
            let is_on = call.args.integer();
            call.args.check()?;
            known.only_snapshot = is_on == 1;
        }
        b"rdb-filter-only" => {
            let parts = call.args.word().to_ascii_lowercase();
            let mut filter = Filter::Nothing;
            for part in parts.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty()) {
                if part != b"functions" {
                    return Err(Error::quoting(&[b"ERR Unsupported rdb-filter-only option: ", part]));
                }
                filter = Filter::Functions;
            }
            known.filter = filter;
        }
        // What Valkey and Redis 8 say beside, and what asks for nothing that is to be had here.
        b"version" | b"rdb-channel" => {
            call.args.word();
        }
        _ => return Err(Error::quoting(&[b"ERR Unrecognized REPLCONF option: ", option])),
    }
    Ok(())
}

/// `ACK offset [FACK offset]`.
fn acknowledge(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.session.replica.is_none() {
        return Ok(());
    }
    let offset = call.args.integer();
    let durable = call.args.accept("FACK").then(|| call.args.integer());
    if call.args.check().is_ok()
        && let Ok(offset) = u64::try_from(offset)
    {
        let durable = durable.and_then(|durable| u64::try_from(durable).ok());
        call.shared.replication.acknowledge(&call.session.client, offset, durable);
    }
    Ok(())
}

fn role(call: &mut HostCall<'_>) -> Result<(), Error> {
    replication::role(call.shared, call.reply);
    Ok(())
}

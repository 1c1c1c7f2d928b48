//! CLIENT LIST, INFO and KILL.

use super::super::HostCall;
use crate::clients::filter::{Filter, Known, Purpose};
use crate::clients::{Client, describe};
use crate::server::now;
use crate::session::Flow;
use spinel_storage::Error;

pub(super) fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    let filter = read_filter(call, Purpose::List)?;
    let now = now();

    let mut text = Vec::new();
    for client in call.shared.clients.all() {
        let is_me = client.id == call.session.client.id;
        if filter.matches(&client, now) && !(is_me && filter.skips_me == Some(true)) {
            append(call, &client, &mut text);
        }
    }
    call.reply.verbatim("txt", &text);
    Ok(())
}

pub(super) fn info(call: &mut HostCall<'_>) -> Result<(), Error> {
    let mut text = Vec::new();
    append(call, &call.session.client, &mut text);
    call.reply.verbatim("txt", &text);
    Ok(())
}

fn append(call: &HostCall<'_>, client: &Client, text: &mut Vec<u8>) {
    let is_me = client.id == call.session.client.id;
    let argument_bytes = if is_me { call.args.words().iter().map(|word| word.len()).sum() } else { 0 };
    describe(client, call.shared.engine.table(), now(), argument_bytes, text);
}

fn read_filter(call: &mut HostCall<'_>, purpose: Purpose) -> Result<Filter, Error> {
    let databases = call.shared.engine.keyspace().databases();
    let acl = &call.shared.acl;
    let known = Known { databases, has_user: &|name| acl.account(name).is_some() };
    Filter::read(&mut call.args, purpose, &known)
}

/// The old form names an address and replies OK; the new form filters and counts.
pub(super) fn kill(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() == 1 {
        return kill_address(call);
    }
    let filter = read_filter(call, Purpose::Kill)?;
    let now = now();

    let mut count = 0;
    for client in call.shared.clients.all() {
        let is_me = client.id == call.session.client.id;
        if filter.matches(&client, now) && !(is_me && filter.skips_me.unwrap_or(true)) {
            end(call, &client);
            count += 1;
        }
    }
    call.reply.integer(count);
    Ok(())
}

fn kill_address(call: &mut HostCall<'_>) -> Result<(), Error> {
    let address = call.args.word();

    let mut clients = call.shared.clients.all().into_iter();
    let client = clients
        .find(|client| client.peer.address.as_bytes() == address)
        .ok_or(Error::Text("ERR No such client"))?;
    end(call, &client);

    call.reply.ok();
    Ok(())
}

/// Closes a connection; one's own after the reply.
fn end(call: &mut HostCall<'_>, client: &Client) {
    if client.id == call.session.client.id {
        call.session.flow = Flow::Close;
    } else {
        call.shared.clients.kill(client, &call.shared.engine);
    }
}

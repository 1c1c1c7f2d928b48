//! SUBSCRIBE, UNSUBSCRIBE and their kin.
//!
//! Every name is confirmed by a message of its own. Confirmations are pushes: a client that wants no replies gets
//! them all the same, by its mailbox.

use super::super::HostCall;
use crate::admission::ReplyMode;
use crate::pubsub::{Kind, Listener};
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use std::sync::Arc;

pub(super) fn subscribe(call: &mut HostCall<'_>) -> Result<(), Error> {
    add(call, Kind::Channel);
    Ok(())
}

pub(super) fn subscribe_to_patterns(call: &mut HostCall<'_>) -> Result<(), Error> {
    add(call, Kind::Pattern);
    Ok(())
}

pub(super) fn subscribe_to_shard_channels(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.session.transactions.is_running {
        return Err(Error::Text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    add(call, Kind::ShardChannel);
    Ok(())
}

pub(super) fn unsubscribe(call: &mut HostCall<'_>) -> Result<(), Error> {
    remove(call, Kind::Channel);
    Ok(())
}

pub(super) fn unsubscribe_from_patterns(call: &mut HostCall<'_>) -> Result<(), Error> {
    remove(call, Kind::Pattern);
    Ok(())
}

pub(super) fn unsubscribe_from_shard_channels(call: &mut HostCall<'_>) -> Result<(), Error> {
    remove(call, Kind::ShardChannel);
    Ok(())
}

/// What a confirmation calls itself, of a subscription and of its end.
fn words(kind: Kind) -> (&'static [u8], &'static [u8]) {
    match kind {
        Kind::Channel => (b"subscribe", b"unsubscribe"),
        Kind::Pattern => (b"psubscribe", b"punsubscribe"),
        Kind::ShardChannel => (b"ssubscribe", b"sunsubscribe"),
    }
}

/// How many subscriptions a confirmation tells of: channels and patterns count together.
fn total(listener: Option<&Listener>, kind: Kind) -> usize {
    let counts = listener.map(Listener::counts).unwrap_or_default();
    match kind {
        Kind::Channel | Kind::Pattern => counts.channels + counts.patterns,
        Kind::ShardChannel => counts.shard_channels,
    }
}

fn add(call: &mut HostCall<'_>, kind: Kind) {
    for name in call.args.rest() {
        // The confirmation comes before the first message, also where both take the way by the mailbox.
        let is_new = call.session.listener.as_ref().is_none_or(|listener| !listener.has(kind, name));
        let total = total(call.session.listener.as_deref(), kind) + usize::from(is_new);
        confirm(call, words(kind).0, Some(name), total);
        call.session.listener().add(kind, name, &call.shared.pubsub);
    }
}

fn remove(call: &mut HostCall<'_>, kind: Kind) {
    let named: Vec<Arc<[u8]>> = match call.args.rest() {
        [] => call.session.listener.as_ref().map(|listener| listener.all(kind)).unwrap_or_default(),
        names => names.iter().map(|name| (*name).into()).collect(),
    };
    let mut totals = Vec::with_capacity(named.len());
    for name in &named {
        if let Some(listener) = &mut call.session.listener {
            listener.remove(kind, name, &call.shared.pubsub);
        }
        totals.push(total(call.session.listener.as_deref(), kind));
    }
    // What was sent before the end of a subscription comes before its confirmation.
    call.session.deliver(call.reply);
    for (name, total) in named.iter().zip(totals) {
        confirm(call, words(kind).1, Some(name), total);
    }
    if named.is_empty() {
        let total = total(call.session.listener.as_deref(), kind);
        confirm(call, words(kind).1, None, total);
    }
    call.session.stop_listening_to_nothing();
}

fn confirm(call: &mut HostCall<'_>, word: &[u8], name: Option<&[u8]>, total: usize) {
    let write = |reply: &mut ReplyWriter| {
        reply.push(3);
        reply.bulk(word);
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.integer(total as i64);
    };
    if call.session.reply_mode == ReplyMode::All {
        write(call.reply);
    } else {
        let mut own = ReplyWriter::new(call.session.protocol());
        write(&mut own);
        call.session.client.open_mailbox().put_own(own.bytes());
    }
}

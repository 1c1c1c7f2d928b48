//! What a session does about messages of others.

use super::Listener;
use crate::admission::ReplyMode;
use crate::server::Shared;
use crate::session::Session;
use spinel_resp::{Protocol, ReplyWriter};

impl Session {
    /// What the client listens to; nothing to start with.
    pub(crate) fn listener(&mut self) -> &mut Listener {
        let protocol = self.protocol;
        let client = &self.client;
        self.listener.get_or_insert_with(|| {
            let mailbox = client.open_mailbox();
            mailbox.set_protocol(protocol);
            Box::new(Listener::new(mailbox))
        })
    }

    /// Lets requests take the short way again once the client listens to nothing.
    pub(crate) fn stop_listening_to_nothing(&mut self) {
        if self.listener.as_ref().is_some_and(|listener| !listener.counts().is_any()) {
            self.listener = None;
        }
    }

    /// Whether the client may only listen: RESP2 can't tell messages from replies.
    pub(crate) fn only_listens(&self) -> bool {
        self.protocol == Protocol::Resp2 && self.listener.is_some()
    }

    /// Writes the messages that have come, between two replies. A client that wants no replies, or is getting those
    /// of a transaction, gets them later.
    pub(crate) fn deliver(&self, reply: &mut ReplyWriter) {
        if self.reply_mode == ReplyMode::All && !self.transactions.is_running {
            self.deliver_now(reply);
        }
    }

    /// Writes the messages that have come. If there were too many, the connection will find out.
    pub(crate) fn deliver_now(&self, reply: &mut ReplyWriter) {
        if let Some(Ok(bytes)) = self.client.mailbox().map(|mailbox| mailbox.take()) {
            reply.raw(&bytes);
        }
    }

    /// Changes the protocol of replies and messages. Messages that came before are written in the old one.
    pub(crate) fn speak(&mut self, protocol: Protocol, reply: &mut ReplyWriter) {
        self.protocol = protocol;
        self.client.speak(protocol);
        self.deliver(reply);
        reply.set_protocol(protocol);
    }

    /// Ends all subscriptions.
    pub(crate) fn stop_listening(&mut self, shared: &Shared) {
        if let Some(mut listener) = self.listener.take() {
            listener.remove_all(&shared.pubsub);
        }
    }
}

//! The subscribers of one channel or pattern.

use super::mailbox::{HardLimits, Mailbox};
use super::message::Message;
use std::sync::Arc;

/// Mailboxes in the order of their clients' numbers: a new client, the common case, is added at the end, and any
/// other is found without looking at all.
#[derive(Default)]
pub(super) struct Subscribers(Vec<Arc<Mailbox>>);

impl Subscribers {
    /// Adds a subscriber that is not there yet.
    pub(super) fn add(&mut self, mailbox: &Arc<Mailbox>) {
        if self.0.is_empty() {
            // Most channels have one subscriber.
            self.0.reserve_exact(1);
        }
        let place = self.place(mailbox.client).unwrap_or_else(|place| place);
        self.0.insert(place, Arc::clone(mailbox));
    }

    /// Removes a subscriber.
    pub(super) fn remove(&mut self, mailbox: &Mailbox) {
        if let Ok(place) = self.place(mailbox.client) {
            self.0.remove(place);
        }
    }

    fn place(&self, client: u64) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.client < client => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&client, |mailbox| mailbox.client),
        }
    }

    /// Whether a client is among them.
    pub(super) fn has(&self, client: u64) -> bool {
        self.place(client).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a message into all mailboxes and returns how many took it.
    pub(super) fn send(&self, message: &Message, limits: &HardLimits) -> usize {
        self.0.iter().filter(|mailbox| mailbox.put(message, limits)).count()
    }
}

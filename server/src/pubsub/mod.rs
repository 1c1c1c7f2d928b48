//! Pub/Sub: who listens to which channels and patterns, and how messages get to them.
//!
//! ```text
//! PUBLISH ─→ channel's stripe (locked) ─→ mailbox of each subscriber ─→ its connection, when it is woken
//!                  └─→ patterns that match ─→ mailboxes of theirs
//! ```
//!
//! A publisher never touches the sockets of others. It encodes a message once, appends it to the mailboxes of the
//! subscribers, and wakes the connections whose mailbox was empty. All messages of one channel pass the lock of
//! its stripe, so that all subscribers see them in the same order.
//!
//! Locks are taken in this order: those of the engine, stripe, patterns, mailbox. Who holds one waits for nothing else.

mod channels;
mod listener;
mod mailbox;
mod message;
pub(crate) mod notifications;
mod patterns;
mod session;
mod subscribers;

pub(crate) use listener::Listener;
pub(crate) use mailbox::{Counts, HardLimits, Mailbox, TrackingState};
pub(crate) use message::Message;

use crate::tracking::Tracking;
use channels::Channels;
use notifications::Notifications;
use patterns::Patterns;
use spinel_storage::engine::{Audience, Author};
use spinel_storage::keyspace::news::{Item, News};
use spinel_storage::pattern::{Case, matches};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use subscribers::Subscribers;

/// Whether a pattern matches a channel, or a key that somebody has a right to. What has no name is matched only by its like,
/// not by `*`.
pub(crate) fn is_match(pattern: &[u8], channel: &[u8]) -> bool {
    if channel.is_empty() { pattern.is_empty() } else { matches(pattern, channel, Case::Sensitive) }
}

/// What a client subscribes to. Each kind has names of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    ShardChannel,
}

/// The registry of all subscriptions, and of who wants to know what becomes of keys.
#[derive(Default)]
pub(crate) struct PubSub {
    channels: Channels,
    shard_channels: Channels,
    patterns: Patterns,
    /// Clients with a subscription of any kind.
    clients: AtomicUsize,
    pub(crate) limits: HardLimits,
    notifications: Notifications,
    pub(crate) tracking: Tracking,
}

impl Audience for PubSub {
    fn hear(&self, news: &News, author: Author) {
        self.tracking.hear(news, author, &self.limits);
        for item in news.iter() {
            match item {
                Item::Event(db, key, event) => self.publish_event(db, key, event),
                Item::Parts(db, key, event, parts) => self.publish_parts((db, key), event, parts),
                Item::Changed(..) | Item::Lapsed(..) | Item::Emptied(_) => {}
            }
        }
    }

    fn hear_reads(&self, keys: &[Box<[u8]>], author: Author) {
        self.tracking.hear_reads(keys, author.client, &self.limits);
    }
}

impl PubSub {
    /// Sends a message to those who listen to a channel, or to a pattern that matches it. Returns how many
    /// messages were sent.
    pub(crate) fn publish(&self, channel: &[u8], text: &[u8]) -> usize {
        if self.channels.is_empty() && self.patterns.is_empty() {
            return 0;
        }
        self.channels.with(channel, |subscribers| {
            let direct = subscribers.map_or(0, |subscribers| {
                subscribers.send(&Message::of(&[b"message", channel, text]), &self.limits)
            });
            direct + self.patterns.publish(channel, text, &self.limits)
        })
    }

    /// As [`publish`](Self::publish), to a shard channel, of which there are no patterns.
    pub(crate) fn publish_to_shard(&self, channel: &[u8], text: &[u8]) -> usize {
        if self.shard_channels.is_empty() {
            return 0;
        }
        self.shard_channels.with(channel, |subscribers| {
            subscribers.map_or(0, |subscribers| {
                subscribers.send(&Message::of(&[b"smessage", channel, text]), &self.limits)
            })
        })
    }

    /// Tells what was gathered while the calling thread ran commands.
    pub(crate) fn end_round(&self) {
        self.tracking.end_round(&self.limits);
    }

    /// How many different names of a kind somebody listens to.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel => self.channels.len(),
            Kind::ShardChannel => self.shard_channels.len(),
            Kind::Pattern => self.patterns.len(),
        }
    }

    /// How many clients listen to anything.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// How many clients listen to a channel; those who listen to a pattern don't count.
    pub(crate) fn subscribers(&self, kind: Kind, channel: &[u8]) -> usize {
        self.channels_of(kind).with(channel, |subscribers| subscribers.map_or(0, Subscribers::len))
    }

    /// What of a kind somebody listens to and matches a pattern.
    pub(crate) fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        match kind {
            Kind::Pattern => self.patterns.texts(pattern),
            _ => self.channels_of(kind).names(pattern),
        }
    }

    /// Whether a client listens to a name.
    pub(crate) fn listens(&self, kind: Kind, name: &[u8], client: u64) -> bool {
        let has = |subscribers: Option<&Subscribers>| subscribers.is_some_and(|all| all.has(client));
        match kind {
            Kind::Pattern => self.patterns.with(name, has),
            _ => self.channels_of(kind).with(name, has),
        }
    }

    fn channels_of(&self, kind: Kind) -> &Channels {
        if kind == Kind::ShardChannel { &self.shard_channels } else { &self.channels }
    }

    fn add(&self, kind: Kind, name: &Arc<[u8]>, mailbox: &Arc<Mailbox>) {
        match kind {
            Kind::Pattern => self.patterns.add(name, mailbox),
            _ => self.channels_of(kind).add(name, mailbox),
        }
    }

    fn remove(&self, kind: Kind, name: &[u8], mailbox: &Mailbox) {
        match kind {
            Kind::Pattern => self.patterns.remove(name, mailbox),
            _ => self.channels_of(kind).remove(name, mailbox),
        }
    }
}

//! A session's side of its subscriptions.

use super::mailbox::{Counts, Mailbox};
use super::{Kind, PubSub};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

type Names = BTreeSet<Arc<[u8]>>;

/// What a client listens to. A session has one only while it listens to something.
pub(crate) struct Listener {
    mailbox: Arc<Mailbox>,
    channels: Names,
    patterns: Names,
    shard_channels: Names,
}

impl Listener {
    /// Starts without subscriptions.
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Listener {
        Listener { mailbox, channels: Names::new(), patterns: Names::new(), shard_channels: Names::new() }
    }

    fn names(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::ShardChannel => &self.shard_channels,
        }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::ShardChannel => &mut self.shard_channels,
        }
    }

    /// Whether a name is listened to.
    pub(crate) fn has(&self, kind: Kind, name: &[u8]) -> bool {
        self.names(kind).contains(name)
    }

    /// Listens to a name. Messages may come from now on.
    pub(crate) fn add(&mut self, kind: Kind, name: &[u8], registry: &PubSub) {
        if self.names(kind).contains(name) {
            return;
        }
        let name: Arc<[u8]> = name.into();
        self.names_mut(kind).insert(Arc::clone(&name));
        let counts = self.counts();
        if counts.channels + counts.patterns + counts.shard_channels == 1 {
            registry.clients.fetch_add(1, Ordering::Relaxed);
        }
        self.mailbox.set_counts(counts);
        registry.add(kind, &name, &self.mailbox);
    }

    /// Stops listening to a name, if it was listened to. No message comes from now on.
    pub(crate) fn remove(&mut self, kind: Kind, name: &[u8], registry: &PubSub) {
        if !self.names_mut(kind).remove(name) {
            return;
        }
        registry.remove(kind, name, &self.mailbox);
        let counts = self.counts();
        if !counts.is_any() {
            registry.clients.fetch_sub(1, Ordering::Relaxed);
        }
        self.mailbox.set_counts(counts);
    }

    /// Stops listening to anything.
    pub(crate) fn remove_all(&mut self, registry: &PubSub) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::ShardChannel] {
            for name in self.all(kind) {
                self.remove(kind, &name, registry);
            }
        }
    }

    /// All names of a kind.
    pub(crate) fn all(&self, kind: Kind) -> Vec<Arc<[u8]>> {
        self.names(kind).iter().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            channels: self.channels.len(),
            patterns: self.patterns.len(),
            shard_channels: self.shard_channels.len(),
        }
    }
}

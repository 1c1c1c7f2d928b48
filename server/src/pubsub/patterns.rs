//! Patterns and who listens to channels that match them.

use super::is_match;
use super::mailbox::{HardLimits, Mailbox};
use super::message::Message;
use super::subscribers::Subscribers;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

/// Every message is compared with every pattern, so publishers share the lock.
#[derive(Default)]
pub(super) struct Patterns {
    by_text: RwLock<BTreeMap<Arc<[u8]>, Subscribers>>,
    /// How many there are: while there is none, publishing takes no lock for them.
    count: AtomicUsize,
}

impl Patterns {
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message to who listens to patterns that match its channel. Returns how many were sent; a client
    /// gets one per pattern.
    pub(super) fn publish(&self, channel: &[u8], text: &[u8], limits: &HardLimits) -> usize {
        if self.is_empty() {
            return 0;
        }
        let patterns = self.by_text.read().unwrap_or_else(PoisonError::into_inner);
        let matching = patterns.iter().filter(|(pattern, _)| is_match(pattern, channel));
        let send = |(pattern, subscribers): (&Arc<[u8]>, &Subscribers)| {
            subscribers.send(&Message::of(&[b"pmessage", pattern, channel, text]), limits)
        };
        matching.map(send).sum()
    }

    /// Does something with the subscribers of a pattern, if it has any, while they can't change.
    pub(super) fn with<T>(&self, pattern: &[u8], act: impl FnOnce(Option<&Subscribers>) -> T) -> T {
        act(self.by_text.read().unwrap_or_else(PoisonError::into_inner).get(pattern))
    }

    /// The patterns that somebody listens to and that match another; all without one.
    pub(super) fn texts(&self, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let is_meant = |text: &&Arc<[u8]>| pattern.is_none_or(|pattern| is_match(pattern, text));
        let patterns = self.by_text.read().unwrap_or_else(PoisonError::into_inner);
        patterns.keys().filter(is_meant).cloned().collect()
    }

    pub(super) fn add(&self, pattern: &Arc<[u8]>, mailbox: &Arc<Mailbox>) {
        let mut patterns = self.lock();
        patterns.entry(Arc::clone(pattern)).or_default().add(mailbox);
        self.count.store(patterns.len(), Ordering::Release);
    }

    pub(super) fn remove(&self, pattern: &[u8], mailbox: &Mailbox) {
        let mut patterns = self.lock();
        let Some(subscribers) = patterns.get_mut(pattern) else { return };
        subscribers.remove(mailbox);
        if subscribers.is_empty() {
            patterns.remove(pattern);
        }
        self.count.store(patterns.len(), Ordering::Release);
    }

    fn lock(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<[u8]>, Subscribers>> {
        self.by_text.write().unwrap_or_else(PoisonError::into_inner)
    }
}

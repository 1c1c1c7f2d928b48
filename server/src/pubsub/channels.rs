//! Channels and who listens to them, cut into stripes with a lock each.

use super::is_match;
use super::mailbox::Mailbox;
use super::subscribers::Subscribers;
use std::array;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Two workers rarely want the same of so many.
const STRIPES: usize = 64;

type Stripe = HashMap<Arc<[u8]>, Subscribers>;

pub(super) struct Channels {
    stripes: [Mutex<Stripe>; STRIPES],
    hasher: RandomState,
    /// How many channels have subscribers.
    count: AtomicUsize,
}

impl Default for Channels {
    fn default() -> Channels {
        Channels {
            stripes: array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
        }
    }
}

impl Channels {
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does something with the subscribers of a channel, if it has any, while they can't change.
    pub(super) fn with<T>(&self, channel: &[u8], act: impl FnOnce(Option<&Subscribers>) -> T) -> T {
        act(self.stripe(channel).get(channel))
    }

    pub(super) fn add(&self, channel: &Arc<[u8]>, mailbox: &Arc<Mailbox>) {
        let mut stripe = self.stripe(channel);
        let subscribers = stripe.entry(Arc::clone(channel)).or_default();
        if subscribers.is_empty() {
            self.count.fetch_add(1, Ordering::Release);
        }
        subscribers.add(mailbox);
    }

    pub(super) fn remove(&self, channel: &[u8], mailbox: &Mailbox) {
        let mut stripe = self.stripe(channel);
        let Some(subscribers) = stripe.get_mut(channel) else { return };
        subscribers.remove(mailbox);
        if subscribers.is_empty() {
            stripe.remove(channel);
            self.count.fetch_sub(1, Ordering::Release);
            shrink(&mut stripe);
        }
    }

    /// The channels that match a pattern; all without one.
    pub(super) fn names(&self, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let is_meant = |name: &&Arc<[u8]>| pattern.is_none_or(|pattern| is_match(pattern, name));
        let mut names = Vec::with_capacity(self.len());
        for stripe in &self.stripes {
            names.extend(lock(stripe).keys().filter(is_meant).cloned());
        }
        names
    }

    fn stripe(&self, channel: &[u8]) -> MutexGuard<'_, Stripe> {
        lock(&self.stripes[self.hasher.hash_one(channel) as usize % STRIPES])
    }
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives memory back after many channels have gone.
fn shrink(stripe: &mut Stripe) {
    const KEPT: usize = 64;
    if stripe.capacity() > KEPT && stripe.len() < stripe.capacity() / 8 {
        stripe.shrink_to(stripe.len() * 2);
    }
}

//! Clients that were sent away and may still stand in queues.
//!
//! Who sends a client away may push what it waits for right afterwards, before the thread of that client has heard of it
//! and taken it out of the queues. What would be taken for it then would be lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The numbers of these clients.
#[derive(Default)]
pub(super) struct Departed {
    clients: Mutex<BTreeSet<u64>>,
    /// How many they are: mostly none, which costs one load to find out.
    count: AtomicUsize,
}

impl Departed {
    pub(super) fn add(&self, client: u64) {
        let mut clients = self.lock();
        clients.insert(client);
        self.count.store(clients.len(), Ordering::Release);
    }

    pub(super) fn remove(&self, client: u64) {
        if self.count.load(Ordering::Acquire) > 0 {
            let mut clients = self.lock();
            clients.remove(&client);
            self.count.store(clients.len(), Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn has(&self, client: u64) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.lock().contains(&client)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Giving memory back while nobody waits.

use spinel_types::{Large, Values};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Fewer keys or elements than this are dropped at once: faster than handing them to a thread.
const WORTH_HANDING_OVER: usize = 1000;

/// Counts the keys whose memory is given back later.
#[derive(Clone, Default)]
pub struct Reclaim {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pending: AtomicU64,
    freed: AtomicU64,
    queue: Mutex<Queue>,
}

/// What is to be dropped, and whether a thread is about it. The thread ends with the work.
#[derive(Default)]
struct Queue {
    garbage: Vec<Garbage>,
    is_running: bool,
}

/// Something whose drop takes long.
enum Garbage {
    Database(Vec<Values>),
    Value(Large),
}

impl Garbage {
    fn keys(&self) -> u64 {
        match self {
            Garbage::Database(shards) => shards.iter().map(|values| values.table().len() as u64).sum(),
            Garbage::Value(_) => 1,
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Garbage::Database(shards) => {
                let elements = |values: &Values| values.table().len() + values.large_elements();
                shards.iter().map(elements).sum::<usize>() < WORTH_HANDING_OVER
            }
            Garbage::Value(large) => large.len() < WORTH_HANDING_OVER,
        }
    }
}

impl Reclaim {
    /// How many removed keys still wait for their memory to be given back.
    pub fn pending(&self) -> u64 {
        self.shared.pending.load(Ordering::Relaxed)
    }

    /// How many keys had their memory given back later than they were removed.
    pub fn freed(&self) -> u64 {
        self.shared.freed.load(Ordering::Relaxed)
    }

    pub(crate) fn reset_freed(&self) {
        self.shared.freed.store(0, Ordering::Relaxed);
    }

    /// Drops the contents of databases.
    pub(crate) fn databases(&self, shards: Vec<Values>) {
        let garbage = Garbage::Database(shards);
        self.shared.pending.fetch_add(garbage.keys(), Ordering::Relaxed);
        if garbage.is_small() {
            self.shared.drop_counted(garbage);
        } else {
            self.hand_over(garbage);
        }
    }

    /// Drops what hung off an entry, if something did.
    #[inline]
    pub(crate) fn value(&self, large: Option<Large>) {
        if let Some(large) = large.map(Garbage::Value).filter(|garbage| !garbage.is_small()) {
            self.shared.pending.fetch_add(1, Ordering::Relaxed);
            self.hand_over(large);
        }
    }

    fn hand_over(&self, garbage: Garbage) {
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.garbage.push(garbage);
        if std::mem::replace(&mut queue.is_running, true) {
            return;
        }
        drop(queue);
        let shared = Arc::clone(&self.shared);
        let is_refused = thread::Builder::new().name("reclaim".into()).spawn(move || shared.work()).is_err();
        if is_refused {
            // The system has no thread left, so the caller does it.
            self.shared.work();
        }
    }
}

impl Shared {
    /// Drops what is in the queue until nothing is.
    fn work(&self) {
        loop {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(garbage) = queue.garbage.pop() else {
                queue.is_running = false;
                return;
            };
            drop(queue);
            self.drop_counted(garbage);
        }
    }

    fn drop_counted(&self, garbage: Garbage) {
        let keys = garbage.keys();
        drop(garbage);
        self.pending.fetch_sub(keys, Ordering::Relaxed);
        self.freed.fetch_add(keys, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::{Fields, HashSeed, Parity};

    fn values(keys: u64) -> Values {
        let mut values = Values::new(HashSeed::new(1, 2));
        for key in 0..keys {
            let key = &key.to_le_bytes()[..];
            let hash = values.table().hash(key);
            let fields = Fields { kind: 1, value: b"", stamp: None, clock: 0, parity: Parity::Even };
            values.put_inline(hash, None, key, &fields);
        }
        values
    }

    #[test]
    fn few_keys_are_freed_at_once_and_many_soon() {
        let reclaim = Reclaim::default();
        reclaim.databases(vec![values(3), values(4)]);
        assert_eq!((reclaim.pending(), reclaim.freed()), (0, 7));
        for _ in 0..3 {
            reclaim.databases(vec![values(WORTH_HANDING_OVER as u64)]);
        }
        while reclaim.pending() > 0 {
            thread::yield_now();
        }
        assert_eq!(reclaim.freed(), 7 + 3 * WORTH_HANDING_OVER as u64);
    }
}

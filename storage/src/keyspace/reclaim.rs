//! Giving memory back while nobody waits.

use spinel_types::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Tables with fewer keys than this in all are dropped at once: faster than starting a thread.
const KEYS_WORTH_A_THREAD: u64 = 1000;

/// Counts the keys whose memory is given back later.
#[derive(Clone, Default, Debug)]
pub struct Reclaim {
    counts: Arc<Counts>,
}

#[derive(Default, Debug)]
struct Counts {
    pending: AtomicU64,
    freed: AtomicU64,
}

impl Reclaim {
    /// How many removed keys still wait for their memory to be given back.
    pub fn pending(&self) -> u64 {
        self.counts.pending.load(Ordering::Relaxed)
    }

    /// How many keys had their memory given back later than they were removed.
    pub fn freed(&self) -> u64 {
        self.counts.freed.load(Ordering::Relaxed)
    }

    pub(crate) fn reset_freed(&self) {
        self.counts.freed.store(0, Ordering::Relaxed);
    }

    /// Drops tables on a thread that ends with the work. Where the system has no thread left, the caller does it.
    pub(crate) fn later(&self, tables: Vec<Table>) {
        let keys: u64 = tables.iter().map(|table| table.len() as u64).sum();
        self.counts.pending.fetch_add(keys, Ordering::Relaxed);
        let batch = Batch { tables, counts: Arc::clone(&self.counts) };
        if keys >= KEYS_WORTH_A_THREAD {
            // A refused closure is dropped here, and the batch with it.
            let _ = thread::Builder::new().name("reclaim".into()).spawn(move || drop(batch));
        }
    }
}

/// Tables whose memory is given back when the batch is dropped.
struct Batch {
    tables: Vec<Table>,
    counts: Arc<Counts>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        for table in self.tables.drain(..) {
            let keys = table.len() as u64;
            drop(table);
            self.counts.pending.fetch_sub(keys, Ordering::Relaxed);
            self.counts.freed.fetch_add(keys, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::{Fields, HashSeed};

    fn table(keys: u64) -> Table {
        let mut table = Table::new(HashSeed::new(1, 2));
        for key in 0..keys {
            let key = key.to_le_bytes();
            table.insert(
                table.hash(&key[..]),
                &key[..],
                &Fields { kind: 1, value: b"", stamp: None, clock: 0 },
            );
        }
        table
    }

    #[test]
    fn few_keys_are_freed_at_once_and_many_soon() {
        let reclaim = Reclaim::default();
        reclaim.later(vec![table(3), table(4)]);
        assert_eq!((reclaim.pending(), reclaim.freed()), (0, 7));
        reclaim.later(vec![table(KEYS_WORTH_A_THREAD)]);
        while reclaim.pending() > 0 {
            thread::yield_now();
        }
        assert_eq!(reclaim.freed(), 7 + KEYS_WORTH_A_THREAD);
    }
}

//! Which clients have read which keys, so that they may keep the values.
//!
//! A key is in the table from when a client reads it until it changes. Keys are those of all databases together.
//! The table is cut into stripes by hash, each behind a lock, and holds a bounded number of keys: beyond it, any
//! key of the same stripe goes, and its readers are told that it has changed.

use std::array;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const STRIPES: usize = 32;

type Stripe = HashMap<Box<[u8]>, Readers>;

/// The numbers of clients. Most keys have one reader.
#[derive(Debug)]
pub(super) enum Readers {
    One(u64),
    Several(Vec<u64>),
}

impl Readers {
    /// Adds a client; whether it was not there.
    fn add(&mut self, client: u64) -> bool {
        match self {
            Readers::One(reader) if *reader == client => false,
            Readers::One(reader) => {
                *self = Readers::Several(vec![*reader, client]);
                true
            }
            Readers::Several(readers) => match readers.binary_search(&client) {
                Ok(_) => false,
                Err(place) => {
                    readers.insert(place, client);
                    true
                }
            },
        }
    }

    pub(super) fn as_slice(&self) -> &[u64] {
        match self {
            Readers::One(reader) => std::slice::from_ref(reader),
            Readers::Several(readers) => readers,
        }
    }
}

pub(super) struct Table {
    stripes: [Mutex<Stripe>; STRIPES],
    hasher: RandomState,
    keys: AtomicUsize,
    items: AtomicUsize,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            stripes: array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            keys: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
        }
    }
}

impl Table {
    /// Notes that a client reads a key. Returns a key that had to make room, with its readers.
    pub(super) fn add(&self, key: &[u8], client: u64, keys_max: usize) -> Option<(Box<[u8]>, Readers)> {
        let mut stripe = self.stripe(key);
        if let Some(readers) = stripe.get_mut(key) {
            if readers.add(client) {
                if let Readers::Several(readers) = readers {
                    readers.sort_unstable();
                }
                self.items.fetch_add(1, Ordering::Relaxed);
            }
            return None;
        }
        let evicted = (keys_max > 0 && self.keys() >= keys_max).then(|| self.evict(&mut stripe)).flatten();
        stripe.insert(key.into(), Readers::One(client));
        self.keys.fetch_add(1, Ordering::Relaxed);
        self.items.fetch_add(1, Ordering::Relaxed);
        evicted
    }

    /// Takes a key that has changed, with its readers.
    pub(super) fn take(&self, key: &[u8]) -> Option<Readers> {
        let readers = self.stripe(key).remove(key)?;
        self.count_out(&readers);
        Some(readers)
    }

    /// Forgets all keys.
    pub(super) fn clear(&self) {
        for stripe in &self.stripes {
            let keys = std::mem::take(&mut *lock(stripe));
            for readers in keys.values() {
                self.count_out(readers);
            }
        }
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// How many pairs of a key and a client there are.
    pub(super) fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    fn evict(&self, stripe: &mut Stripe) -> Option<(Box<[u8]>, Readers)> {
        let key = stripe.keys().next()?.clone();
        let readers = stripe.remove(&key)?;
        self.count_out(&readers);
        Some((key, readers))
    }

    fn count_out(&self, readers: &Readers) {
        self.keys.fetch_sub(1, Ordering::Relaxed);
        self.items.fetch_sub(readers.as_slice().len(), Ordering::Relaxed);
    }

    fn stripe(&self, key: &[u8]) -> MutexGuard<'_, Stripe> {
        lock(&self.stripes[self.hasher.hash_one(key) as usize % STRIPES])
    }
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_noted_once_and_taken_together() {
        let table = Table::default();
        for client in [7, 3, 7, 5, 3] {
            assert!(table.add(b"k", client, 0).is_none());
        }
        assert_eq!((table.keys(), table.items()), (1, 3));
        assert_eq!(table.take(b"k").map(|readers| readers.as_slice().to_vec()), Some(vec![3, 5, 7]));
        assert!(table.take(b"k").is_none());
        assert_eq!((table.keys(), table.items()), (0, 0));
    }

    #[test]
    fn a_full_table_forgets_a_key_for_a_new_one() {
        let table = Table::default();
        let names: Vec<Vec<u8>> = (0..1000).map(|number: u32| number.to_string().into()).collect();
        let evicted = names.iter().filter(|name| table.add(name, 1, 100).is_some()).count();
        assert!(table.keys() <= 100 + STRIPES, "{}", table.keys());
        assert_eq!(table.keys() + evicted, 1000);
        table.clear();
        assert_eq!((table.keys(), table.items()), (0, 0));
    }
}

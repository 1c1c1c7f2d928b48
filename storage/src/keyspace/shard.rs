//! One shard: keys with their values, and who cares for them. Stamps are expiry times in Unix milliseconds, clocks
//! access clocks.

use super::interest::{Change, Interest};
use spinel_types::{Copies, HashSeed, Values};

/// The keys whose hashes fall into one shard of a database.
pub struct Shard {
    pub(crate) values: Values,
    /// Who watches keys or waits for them; nothing while nobody does.
    pub(crate) interest: Option<Box<Interest>>,
    /// What entries had at the cut of a running snapshot, until the snapshot gets it.
    pub(crate) kept: Option<Box<Copies>>,
}

impl Shard {
    pub(crate) const fn new(seed: HashSeed) -> Shard {
        Shard { values: Values::new(seed), interest: None, kept: None }
    }

    /// Whether anybody waits for a key of this shard.
    #[inline]
    pub(crate) fn has_waiters(&self) -> bool {
        self.interest.as_ref().is_some_and(|interest| interest.has_waiters())
    }

    /// Tells who watches a key that it has changed.
    #[inline]
    pub(crate) fn tell_watchers(&self, key: &[u8]) {
        if let Some(interest) = &self.interest {
            interest.changed(key);
        }
    }

    /// Tells who watches a key that its time had come, or that of a part of its value, and says whether anybody waits for
    /// the key.
    pub(crate) fn lapse(&self, key: &[u8]) -> bool {
        self.interest.as_ref().is_some_and(|interest| {
            interest.gone(key, Change::Written);
            interest.is_awaited(key)
        })
    }

    /// Changes who cares.
    pub(crate) fn with_interest(&mut self, change: impl FnOnce(&mut Interest)) {
        let interest = self.interest.get_or_insert_default();
        change(interest);
        if interest.is_empty() {
            self.interest = None;
        }
    }

    /// Tells who watches a key that is there that it is gone, or another one.
    pub(crate) fn rouse_watchers(&self, seed: HashSeed) {
        let Some(interest) = &self.interest else { return };
        for key in interest.watched().filter(|key| self.values.table().find(seed.hash(key), key).is_some()) {
            interest.gone(key, Change::Emptied);
        }
    }
}

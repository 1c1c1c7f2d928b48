//! The shards that a command of several keys, or several commands that run as one, hold together.

use super::shard::Shard;
use super::view::ShardId;
use super::{Keyspace, shard_of};
use std::sync::MutexGuard;

/// Shards held together, in ascending order.
pub(crate) struct Union<'e> {
    keyspace: &'e Keyspace,
    shards: Vec<(ShardId, MutexGuard<'e, Shard>)>,
    /// Whether the gate is closed, so that more may be locked in any order.
    is_alone: bool,
}

impl<'e> Union<'e> {
    /// Locks shards, in ascending order. The caller holds the gate and no shard.
    pub(crate) fn lock(keyspace: &'e Keyspace, mut ids: Vec<ShardId>) -> Union<'e> {
        ids.sort_unstable();
        ids.dedup();
        let lock = |id: ShardId| (id, keyspace.lock(id.0, id.1));
        Union { keyspace, shards: ids.into_iter().map(lock).collect(), is_alone: false }
    }

    /// Holds nothing yet; with the gate closed, each shard is locked when it is asked for.
    pub(crate) fn alone(keyspace: &'e Keyspace) -> Union<'e> {
        Union { keyspace, shards: Vec::new(), is_alone: true }
    }

    /// Unlocks all shards.
    pub(crate) fn unlock(&mut self) {
        self.shards.clear();
    }

    /// The shard of a key.
    pub(crate) fn of_key(&mut self, db: super::DbIndex, key: &[u8]) -> &mut Shard {
        let shard = shard_of(self.keyspace.hash(key));
        self.shard_mut((db, shard))
    }

    fn place(&self, id: ShardId) -> Result<usize, usize> {
        self.shards.binary_search_by_key(&id, |(held, _)| *held)
    }
}

/// What commands see of a [`Union`]: shards, whatever the lifetime of their locks.
pub(crate) trait Shards {
    /// A shard; with the gate closed, it is locked if need be.
    fn shard_mut(&mut self, id: ShardId) -> &mut Shard;

    /// A shard that was asked for before.
    fn shard(&self, id: ShardId) -> &Shard;
}

impl Shards for Union<'_> {
    fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        let place = self.place(id).unwrap_or_else(|place| {
            assert!(self.is_alone, "a command touches only keys its specifications name");
            self.shards.insert(place, (id, self.keyspace.lock(id.0, id.1)));
            place
        });
        &mut self.shards[place].1
    }

    fn shard(&self, id: ShardId) -> &Shard {
        &self.shards[self.place(id).expect("it was locked to look at it")].1
    }
}

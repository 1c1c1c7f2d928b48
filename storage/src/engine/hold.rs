//! Shards locked ahead for single-key commands that will run soon, so that memory is loaded meanwhile.

use super::execute::{Prepared, Turn};
use crate::keyspace::shard::Shard;
use crate::keyspace::{DbIndex, SHARDS, shard_of};
use spinel_types::Slot;
use std::sync::MutexGuard;

/// The shards a thread holds for commands to come, all of one database.
#[derive(Default)]
pub struct Holds<'e> {
    db: DbIndex,
    /// One bit per shard: whether it is among those held.
    is_held: [u64; SHARDS / 64],
    shards: Vec<(usize, MutexGuard<'e, Shard>)>,
}

/// Says which of the [`Holds`] is a command's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldIndex(usize);

impl Holds<'_> {
    /// Makes room for the shards of this many commands.
    pub fn with_capacity(commands: usize) -> Self {
        Holds { shards: Vec::with_capacity(commands), ..Holds::default() }
    }

    /// Guesses where a command's entry is and asks for its address to be loaded. The bucket, asked for when
    /// the hold was taken, should be in the cache by now.
    #[inline]
    pub fn guess(&self, hold: HoldIndex, prepared: &Prepared) -> Option<Slot> {
        self.shards[hold.0].1.values.table().guess(prepared.hash)
    }

    /// Asks for an entry to be loaded. Its address, asked for by [`guess`](Holds::guess), should be in the
    /// cache by now.
    #[inline]
    pub fn prefetch_entry(&self, hold: HoldIndex, slot: Slot) {
        self.shards[hold.0].1.values.table().prefetch_entry(slot);
    }

    /// Unlocks all shards.
    pub fn release(&mut self) {
        self.is_held = [0; SHARDS / 64];
        self.shards.clear();
    }

    #[inline]
    pub(super) fn shard(&mut self, hold: HoldIndex) -> &mut Shard {
        &mut self.shards[hold.0].1
    }

    #[inline]
    fn find(&self, shard: usize) -> Option<usize> {
        if self.is_held[shard / 64] >> (shard % 64) & 1 == 0 {
            return None;
        }
        self.shards.iter().position(|(held, _)| *held == shard)
    }
}

impl<'e> Turn<'e> {
    /// Locks the shard of a [single](Prepared::is_single) command ahead of its execution, unless somebody
    /// has it, and asks for the key's bucket to be loaded.
    ///
    /// Several shards may be held at once, because none is waited for. A command without a hold waits for
    /// its locks, so release all holds before one runs. All holds must be for the same database.
    #[inline]
    pub fn hold(&self, prepared: &Prepared, db: DbIndex, holds: &mut Holds<'e>) -> Option<HoldIndex> {
        debug_assert!(holds.shards.is_empty() || holds.db == db);
        let shard = shard_of(prepared.hash);
        let index = if let Some(index) = holds.find(shard) {
            index
        } else {
            let locked = self.engine.keyspace.try_lock(db, shard)?;
            holds.db = db;
            holds.is_held[shard / 64] |= 1 << (shard % 64);
            holds.shards.push((shard, locked));
            holds.shards.len() - 1
        };
        holds.shards[index].1.values.table().prefetch_bucket(prepared.hash);
        Some(HoldIndex(index))
    }
}

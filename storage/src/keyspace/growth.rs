//! By how much commands make the keyspace grow, counted while somebody wants to know.

use super::DbIndex;
use super::news::Observed;
use super::view::View;

/// From so many bytes on a thread adds what its commands took to the sum of all, which costs more than a small command.
const GROWTH_NOTED: i64 = 4096;

impl View<'_> {
    /// Takes the memory of a shard out of the account before it changes.
    pub(super) fn leave_memory(&mut self, db: DbIndex, hash: u64) {
        if self.observed.has(Observed::GROWTH) {
            self.chores.growth -= self.shard(db, hash).values.memory_bytes() as i64;
        }
    }

    /// Takes it into the account again.
    #[inline]
    pub(super) fn take_memory(&mut self, db: DbIndex, hash: u64) {
        if self.observed.has(Observed::GROWTH) {
            self.chores.growth += self.shard(db, hash).values.memory_bytes() as i64;
        }
    }

    /// Adds up how memory has grown, once it is worth it.
    pub(crate) fn note_growth(&mut self) {
        if self.chores.growth.abs() >= GROWTH_NOTED {
            self.scene.keyspace.note_growth(std::mem::take(&mut self.chores.growth));
        }
    }
}

//! Giving memory back that little lies in, shard by shard.

use super::{DbIndex, Keyspace, Location, SHARDS};

/// Entries that leave sparse pages under one hold of a shard's lock: at up to half a microsecond each, 64 µs.
const ENTRIES_PER_HOLD: usize = 128;
/// Pages that are looked at under one hold, at some nanoseconds each, and bytes that are copied: each some 30 µs.
const PER_HOLD: (usize, usize) = (1024, 128 << 10);
/// A shard with less to win is left alone.
const SPARE_BYTES_MIN: usize = 16 << 10;

/// Where work on the memory of all keys goes on: a shard of a database, and a page in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    shard: usize,
    page: usize,
}

impl Position {
    fn next_shard(self) -> Position {
        Position { shard: self.shard + 1, page: 0 }
    }
}

impl Keyspace {
    /// Moves entries of a shard out of sparse pages, if what is spare in its pages is more than one `share`-th of what is in
    /// use. How many were moved, and where to go on, `None` at the end. The caller is inside the gate.
    pub(crate) fn compact(&self, position: Position, share: usize) -> (usize, Option<Position>) {
        let Some((db, shard)) = self.at(position) else { return (0, None) };
        let values = &mut self.lock(db, shard).values;
        let spare = values.spare_bytes();
        let is_due = spare >= SPARE_BYTES_MIN && spare > values.table().memory_bytes() / share.max(1);
        let moved = if is_due { values.compact(ENTRIES_PER_HOLD) } else { 0 };
        (moved, Some(if moved >= ENTRIES_PER_HOLD { position } else { position.next_shard() }))
    }

    /// Puts pages of a shard into other memory if `is_misplaced` says so of where they lie; `moved` hears where they are
    /// then. Where to go on, `None` at the end. The caller is inside the gate.
    pub(crate) fn relocate(
        &self,
        position: Position,
        is_misplaced: impl FnMut(Location) -> bool,
        moved: impl FnMut(Location),
    ) -> Option<Position> {
        let (db, shard) = self.at(position)?;
        let next = self.lock(db, shard).values.relocate(position.page, PER_HOLD, is_misplaced, moved);
        Some(next.map_or(position.next_shard(), |page| Position { page, ..position }))
    }

    /// The database and the shard of a position; none behind the last one.
    fn at(&self, position: Position) -> Option<(DbIndex, usize)> {
        let db = u16::try_from(position.shard / SHARDS).ok().filter(|db| *db < self.databases())?;
        Some((DbIndex(db), position.shard % SHARDS))
    }
}

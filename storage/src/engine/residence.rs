//! Giving memory back that little lies in, between commands.

use super::execute::Turn;
use crate::keyspace::{Location, Position};

impl Turn<'_> {
    /// Moves entries of one shard out of pages of which little is in use, so that these go back to the allocator, if what is
    /// spare is more than one `share`-th of what is in use. How many were moved, and where to go on, `None` at the end of the
    /// last shard. Holds one shard, for less than a tenth of a millisecond. The turn holds none.
    ///
    /// Nobody sees a difference: what is stored, clocks and snapshots stay as they are.
    pub fn compact(&self, position: Position, share: usize) -> (usize, Option<Position>) {
        self.engine.keyspace.compact(position, share)
    }

    /// Puts pages of one shard, of entries and of the index, into memory that is allocated anew, where `is_misplaced` says so of
    /// the place they lie in; `moved` hears where they are then. Where to go on, `None` at the end of the last shard. Holds one
    /// shard, for less than a tenth of a millisecond unless a single page is that large. The turn holds none.
    ///
    /// What hangs off entries, as large collections do, stays where it is.
    pub fn relocate(
        &self,
        position: Position,
        is_misplaced: impl FnMut(Location) -> bool,
        moved: impl FnMut(Location),
    ) -> Option<Position> {
        self.engine.keyspace.relocate(position, is_misplaced, moved)
    }
}

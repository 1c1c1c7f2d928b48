//! Memory for nodes that no longer grow: several lie in one allocation.
//!
//! ```text
//! block   node │ node │ node │ … │ room        64 KiB
//! ```
//!
//! Allocators round 2 KiB up by an eighth at worst; of a block half a node is lost on average, 1 KiB of 64. As long as
//! all nodes together have less than 16 blocks, each has an allocation of its own: a block that is just begun would be
//! too large a part of them. A block is given back with its last node: streams lose their oldest entries first, and
//! those lie together.

use crate::pages::{Page, Pages};

/// The size of a block; in tests so small that short streams have some.
const BLOCK_BYTES: usize = if cfg!(test) { 1 << 10 } else { 64 << 10 };
/// From so many bytes on nodes lie in blocks.
const BLOCKS_BYTES_MIN: usize = 16 * BLOCK_BYTES;

/// Where a node lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    block: u32,
    at: u32,
    len: u32,
}

/// The memory of all sealed nodes of a stream.
#[derive(Default)]
pub(super) struct Blocks {
    all: Pages<u8, Use>,
    /// Places in `all` to be used again.
    vacant: Vec<u32>,
    /// The block that was made last; others get no further nodes.
    filling: u32,
    /// Bytes allocated by all blocks.
    bytes: usize,
}

/// How much of a block is in use.
#[derive(Clone, Copy, Default)]
struct Use {
    /// Bytes from its start on, those of removed nodes included.
    bytes: u32,
    nodes: u32,
}

impl Blocks {
    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes + self.all.row_bytes() + self.vacant.capacity() * size_of::<u32>()
    }

    /// The bytes of a node.
    pub(super) fn node(&self, spot: Spot) -> &[u8] {
        let (at, len) = (spot.at as usize, spot.len as usize);
        &self.all[spot.block as usize][at..at + len]
    }

    /// Copies a node into a block. O(its length) amortized.
    pub(super) fn put(&mut self, node: &[u8]) -> Spot {
        let has_room = |block: &Page<u8, Use>| block.len() - block.state.bytes as usize >= node.len();
        if !self.all.get(self.filling as usize).is_some_and(has_room) {
            let room = if self.bytes < BLOCKS_BYTES_MIN { 0 } else { BLOCK_BYTES };
            self.filling = self.add_block(room.max(node.len()));
        }
        let block = &mut self.all[self.filling as usize];
        let at = block.state.bytes;
        block[at as usize..at as usize + node.len()].copy_from_slice(node);
        block.state.bytes += node.len() as u32;
        block.state.nodes += 1;
        let len = u32::try_from(node.len()).expect("a listpack stays below 4 GiB");
        Spot { block: self.filling, at, len }
    }

    /// Makes second blocks with the same nodes; see [`Pages::share`].
    pub(super) fn share(&mut self) -> Blocks {
        Blocks { all: self.all.share(), vacant: self.vacant.clone(), ..*self }
    }

    fn add_block(&mut self, room: usize) -> u32 {
        let block = vec![0; room].into_boxed_slice();
        self.bytes += room;
        if let Some(place) = self.vacant.pop() {
            self.all.replace(place as usize, block);
            return place;
        }
        self.all.push(block, Use::default());
        (self.all.len() - 1) as u32
    }

    /// Gives a node other bytes; where it lies then. O(its length).
    pub(super) fn replace(&mut self, spot: Spot, node: &[u8]) -> Spot {
        if node.len() == spot.len as usize {
            let at = spot.at as usize;
            self.all[spot.block as usize][at..at + node.len()].copy_from_slice(node);
            return spot;
        }
        self.remove(spot);
        self.put(node)
    }

    /// Removes a node, and its block if it was the last one there. O(1).
    pub(super) fn remove(&mut self, spot: Spot) {
        let block = spot.block as usize;
        let used = self.all.state_mut(block);
        used.nodes -= 1;
        if used.nodes > 0 {
            return;
        }
        *used = Use::default();
        self.bytes -= self.all[block].len();
        // Without bytes it has no room, should it be the one that was filled.
        self.all.clear(block);
        self.vacant.push(spot.block);
        if self.vacant.len() == self.all.len() {
            *self = Blocks::default();
        }
    }

    /// Verifies that there is nothing but these nodes.
    #[cfg(test)]
    pub(super) fn check(&self, spots: impl Iterator<Item = Spot>) {
        let mut nodes = vec![0; self.all.len()];
        let mut ends = Vec::new();
        for spot in spots {
            nodes[spot.block as usize] += 1;
            ends.push((spot.block, spot.at, spot.at + spot.len));
        }
        ends.sort_unstable();
        assert!(ends.windows(2).all(|pair| pair[0].0 < pair[1].0 || pair[0].2 <= pair[1].1), "nodes overlap");
        assert!(self.all.iter().map(|block| block.state.nodes).eq(nodes));
        assert_eq!(self.all.iter().map(|block| block.len()).sum::<usize>(), self.bytes);
        assert_eq!(self.all.iter().filter(|block| block.state.nodes == 0).count(), self.vacant.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_kept_apart() {
        let (mut blocks, mut model) = (Blocks::default(), Vec::<(Spot, Vec<u8>)>::new());
        let mut state = 7_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % bound
        };
        let mut has_shared = false;
        for step in 0..30_000_usize {
            let node = vec![step as u8; 1 + below(700)];
            // Nodes become many and few in turns.
            let is_growing = step / 500 % 3 < 2;
            match below(8) {
                0..5 if is_growing => model.push((blocks.put(&node), node)),
                5 if !model.is_empty() => {
                    let at = below(model.len());
                    let spot = blocks.replace(model[at].0, &node);
                    model[at] = (spot, node);
                }
                _ if !model.is_empty() => blocks.remove(model.swap_remove(below(model.len())).0),
                _ => {}
            }
            if step % 16 == 0 {
                blocks.check(model.iter().map(|(spot, _)| *spot));
                assert!(model.iter().all(|(spot, node)| blocks.node(*spot) == node));
                has_shared |= blocks.all.iter().any(|block| block.state.nodes > 1);
            }
        }
        assert!(has_shared, "nodes share blocks");
        for (spot, _) in model {
            blocks.remove(spot);
        }
        assert_eq!(blocks.memory_bytes(), 0);
    }
}

//! Nodes by number, four to an allocation, so that growth moves no node and what is freed goes back soon.
//!
//! A node takes 1 KiB. Of blocks of that size an allocator keeps a twentieth for itself; of blocks of 4 KiB it does not.
//! Only the first four nodes have room for one, two and four, because most trees are small.

use std::ops::{Index, IndexMut};

const CHUNK_NODES: usize = 4;
const ALL_USED: u8 = (1 << CHUNK_NODES) - 1;

/// Up to four nodes side by side.
#[derive(Clone)]
struct Chunk<N> {
    nodes: Vec<N>,
    /// One bit per node that is in use.
    used: u8,
}

pub(super) struct Slab<N> {
    chunks: Vec<Chunk<N>>,
    /// Chunks with a vacancy.
    open: Vec<u32>,
    /// Nodes for which there is memory.
    room: usize,
}

impl<N> Slab<N> {
    pub(super) const fn new() -> Slab<N> {
        Slab { chunks: Vec::new(), open: Vec::new(), room: 0 }
    }

    pub(super) fn insert(&mut self, node: N) -> u32 {
        let number = self.open.last().copied().unwrap_or_else(|| {
            self.chunks.push(Chunk { nodes: Vec::new(), used: 0 });
            self.open.push(self.chunks.len() as u32 - 1);
            self.chunks.len() as u32 - 1
        });
        let chunk = &mut self.chunks[number as usize];
        let place = chunk.used.trailing_ones() as usize;
        if place < chunk.nodes.len() {
            chunk.nodes[place] = node;
        } else {
            let room = chunk.nodes.capacity();
            if place == room {
                chunk.nodes.reserve_exact(if number == 0 { place.max(1) } else { CHUNK_NODES });
                self.room += chunk.nodes.capacity() - room;
            }
            chunk.nodes.push(node);
        }
        chunk.used |= 1 << place;
        if chunk.used == ALL_USED {
            self.open.pop();
        }
        number * CHUNK_NODES as u32 + place as u32
    }

    pub(super) fn remove(&mut self, number: u32) {
        let (at, place) = place_of(number);
        let chunk = &mut self.chunks[at];
        debug_assert!(chunk.used >> place & 1 == 1, "the node is in use");
        if chunk.used == ALL_USED {
            self.open.push(at as u32);
        }
        chunk.used &= !(1 << place);
        if chunk.used == 0 {
            self.room -= chunk.nodes.capacity();
            chunk.nodes = Vec::new();
        }
    }

    /// How many nodes are in use. O(nodes).
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.used.count_ones() as usize).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.room * size_of::<N>()
            + self.chunks.capacity() * size_of::<Chunk<N>>()
            + self.open.capacity() * size_of::<u32>()
    }
}

impl<N: Clone> Clone for Slab<N> {
    fn clone(&self) -> Slab<N> {
        let chunks = self.chunks.clone();
        let room = chunks.iter().map(|chunk| chunk.nodes.capacity()).sum();
        Slab { chunks, open: self.open.clone(), room }
    }
}

/// The chunk of a node, and its place there.
#[inline]
fn place_of(number: u32) -> (usize, usize) {
    (number as usize / CHUNK_NODES, number as usize % CHUNK_NODES)
}

impl<N> Index<u32> for Slab<N> {
    type Output = N;

    #[inline]
    fn index(&self, number: u32) -> &N {
        let (at, place) = place_of(number);
        &self.chunks[at].nodes[place]
    }
}

impl<N> IndexMut<u32> for Slab<N> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut N {
        let (at, place) = place_of(number);
        &mut self.chunks[at].nodes[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::BTreeMap;

    #[test]
    fn nodes_keep_their_numbers_and_memory_goes_back() {
        let (mut slab, mut model, mut random) = (Slab::new(), BTreeMap::new(), Random::new(17));
        for step in 0..20_000_u64 {
            let grows = if step < 10_000 { 2 } else { 1 };
            if model.is_empty() || random.below(3) < grows {
                assert_eq!(model.insert(slab.insert(step), step), None, "the number was vacant");
            } else {
                let at = random.below(model.len());
                let number = *model.keys().nth(at).expect("below the number of nodes");
                slab.remove(number);
                model.remove(&number);
            }
            assert_eq!(slab.len(), model.len());
        }
        assert!(model.iter().all(|(number, node)| slab[*number] == *node));
        let copy = slab.clone();
        assert!(model.iter().all(|(number, node)| copy[*number] == *node));
        for number in model.keys() {
            slab.remove(*number);
        }
        assert_eq!((slab.len(), slab.room), (0, 0));
    }

    #[test]
    fn few_nodes_have_little_room() {
        let mut slab = Slab::new();
        for room in [1, 2, 4, 4, 8] {
            slab.insert([0_u8; 1024]);
            assert_eq!(slab.room, room);
        }
    }
}

//! Nodes by number, four to an allocation, so that growth moves no node and what is freed goes back soon.
//!
//! A node takes 1 KiB. Of blocks of that size an allocator keeps a twentieth for itself; of blocks of 4 KiB it does not.
//! Only the first four nodes have room for one, two and four, because most trees are small. Four nodes are also what
//! is copied when one of them is changed after the tree was shared.

use crate::pages::Pages;
use std::ops::{Index, IndexMut};

const CHUNK_NODES: usize = 4;
const ALL_USED: u8 = (1 << CHUNK_NODES) - 1;

/// Of each chunk, up to four nodes side by side, one bit per node that is in use.
type Used = u8;

pub(super) struct Slab<N> {
    chunks: Pages<N, Used>,
    /// Chunks with a vacancy.
    open: Vec<u32>,
    /// Nodes for which there is memory.
    room: usize,
}

impl<N> Slab<N> {
    pub(super) const fn new() -> Slab<N> {
        Slab { chunks: Pages::new(), open: Vec::new(), room: 0 }
    }

    pub(super) fn remove(&mut self, number: u32) {
        let (at, place) = place_of(number);
        let used = self.chunks.state_mut(at);
        debug_assert!(*used >> place & 1 == 1, "the node is in use");
        if *used == ALL_USED {
            self.open.push(at as u32);
        }
        *used &= !(1 << place);
        if *used == 0 {
            self.room -= self.chunks[at].len();
            self.chunks.clear(at);
        }
    }

    /// How many nodes are in use. O(nodes).
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.state.count_ones() as usize).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.room * size_of::<N>() + self.chunks.row_bytes() + self.open.capacity() * size_of::<u32>()
    }
}

impl<N: Copy> Slab<N> {
    pub(super) fn insert(&mut self, node: N) -> u32 {
        let number = self.open.last().copied().unwrap_or_else(|| {
            self.chunks.push(Box::default(), 0);
            self.open.push(self.chunks.len() as u32 - 1);
            self.chunks.len() as u32 - 1
        });
        let at = number as usize;
        let place = self.chunks[at].state.trailing_ones() as usize;
        if place == self.chunks[at].len() {
            self.widen(at, node);
        }
        let chunk = &mut self.chunks[at];
        chunk[place] = node;
        chunk.state |= 1 << place;
        if chunk.state == ALL_USED {
            self.open.pop();
        }
        number * CHUNK_NODES as u32 + place as u32
    }

    /// Makes room for one node and perhaps more.
    fn widen(&mut self, at: usize, filler: N) {
        let mut nodes = self.chunks.take(at).into_vec();
        let room = if at == 0 { (nodes.len() * 2).max(1) } else { CHUNK_NODES };
        self.room += room - nodes.len();
        nodes.reserve_exact(room - nodes.len());
        nodes.resize(room, filler);
        self.chunks.replace(at, nodes.into());
    }

    /// Makes a second slab with the same nodes; see [`Pages::share`].
    pub(super) fn share(&mut self) -> Slab<N> {
        Slab { chunks: self.chunks.share(), open: self.open.clone(), room: self.room }
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
        &self.chunks[at][place]
    }
}

impl<N: Copy> IndexMut<u32> for Slab<N> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut N {
        let (at, place) = place_of(number);
        &mut self.chunks[at][place]
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
        let copy = slab.share();
        for number in model.keys() {
            slab[*number] += 1;
            slab.remove(*number);
        }
        assert!(model.iter().all(|(number, node)| copy[*number] == *node));
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

//! Nodes by number: an allocation each, so that growth moves no node and what is freed goes back at once.

use std::ops::{Index, IndexMut};

#[derive(Clone)]
pub(super) struct Slab<N> {
    nodes: Vec<Option<Box<N>>>,
    vacant: Vec<u32>,
}

impl<N> Slab<N> {
    pub(super) const fn new() -> Slab<N> {
        Slab { nodes: Vec::new(), vacant: Vec::new() }
    }

    pub(super) fn insert(&mut self, node: N) -> u32 {
        let node = Some(Box::new(node));
        if let Some(number) = self.vacant.pop() {
            self.nodes[number as usize] = node;
            return number;
        }
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.nodes[number as usize] = None;
        self.vacant.push(number);
    }

    /// How many nodes are in use.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.vacant.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.len() * size_of::<N>()
            + self.nodes.capacity() * size_of::<Option<Box<N>>>()
            + self.vacant.capacity() * size_of::<u32>()
    }
}

impl<N> Index<u32> for Slab<N> {
    type Output = N;

    #[inline]
    fn index(&self, number: u32) -> &N {
        self.nodes[number as usize].as_ref().expect("the node is in use")
    }
}

impl<N> IndexMut<u32> for Slab<N> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut N {
        self.nodes[number as usize].as_mut().expect("the node is in use")
    }
}

//! Lists: elements in order, added and taken at both ends.
//!
//! ```text
//! compact   one listpack, in the entry of its key
//! large     nodes  [listpack][compressed]…[long text]…[listpack]      count, memory
//! ```
//!
//! A large list is a row of nodes: listpacks of a few kilobytes, and single texts too long for one. The row
//! itself is a ring buffer of 40 bytes per node, so that seeking an index reads consecutive memory. Inner nodes
//! may be compressed; where they are not, full nodes share allocations of a better size (`slab`).
//!
//! Which node an element goes to, when nodes split and merge, and when the forms change follows Redis exactly,
//! because `OBJECT ENCODING` shows it: a list becomes compact again when all that is left of it is one listpack
//! of half the size that makes a list large.
//!
//! Complexity: both ends O(1); an index O(nodes + elements of a node); insertions and removals beside that
//! O(bytes of a node), and O(nodes) where one comes or goes.
//!
//! Invariants (`List::check`): no node is empty; counts and sizes of nodes are those of their listpacks; the
//! `compress_depth` nodes at each end are not compressed.

mod change;
mod describe;
mod edit;
mod limits;
mod node;
mod slab;
mod stored;
mod view;
mod walk;

use std::collections::VecDeque;

pub use crate::direction::Direction;
pub use change::{ListMut, Taken};
pub use describe::NodeDescription;
pub use limits::ListLimits;
pub use stored::{NodeBytes, NodeKind};
pub use view::ListRef;

use node::Node;

/// One of a list's ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Where index 0 is.
    Head,
    /// Where index −1 is.
    Tail,
}

/// Where something is inserted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Nearer to the head.
    Before,
    /// Nearer to the tail.
    After,
}

/// A list in its large form.
pub struct List {
    nodes: VecDeque<Node>,
    len: usize,
    /// Memory of what the nodes point to.
    nodes_bytes: usize,
    limits: ListLimits,
}

impl List {
    /// Makes a list without elements. It keeps its limits.
    pub fn new(limits: ListLimits) -> List {
        List { nodes: VecDeque::new(), len: 0, nodes_bytes: 0, limits: limits.clamped() }
    }

    /// Makes a list of a listpack's elements.
    pub fn of_listpack(bytes: Vec<u8>, limits: ListLimits) -> List {
        let mut list = List::new(limits);
        let node = Node::of_listpack(bytes);
        if node.count() > 0 {
            list.len = node.count();
            list.insert_node(0, node);
        }
        list
    }

    /// Makes a second list with the same elements. Both share the bytes of their nodes, and copy a node's before the
    /// first edit. O(nodes).
    pub fn share(&mut self) -> List {
        List { nodes: self.nodes.iter_mut().map(Node::share).collect(), ..*self }
    }

    /// How many elements there are. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<List>() + self.nodes.capacity() * size_of::<Node>() + self.nodes_bytes
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The limits the list was made with.
    pub fn limits(&self) -> ListLimits {
        self.limits
    }

    /// Sets the length from which texts get a node of their own; see [`ListLimits::plain_min`].
    pub fn set_plain_min(&mut self, plain_min: usize) {
        self.limits.plain_min = plain_min;
    }

    /// The listpack of a list that has shrunk to what is compact again under these limits.
    pub fn compact_again(&self, limits: ListLimits) -> Option<Vec<u8>> {
        let only = self.nodes.front().filter(|node| self.nodes.len() == 1 && !node.is_plain())?;
        limits.is_compact_again(only.size(), only.count()).then(|| only.bytes().into_owned())
    }

    /// Panics unless all invariants hold. O(n).
    #[cfg(test)]
    pub fn check(&self) {
        let depth = self.limits.compress_depth as usize;
        for (index, node) in self.nodes.iter().enumerate() {
            let from_end = index.min(self.nodes.len() - 1 - index);
            node.check(depth > 0 && from_end >= depth);
        }
        assert_eq!(self.len, self.nodes.iter().map(Node::count).sum::<usize>());
        assert_eq!(self.nodes_bytes, self.nodes.iter().map(Node::memory_bytes).sum::<usize>());
    }

    fn insert_node(&mut self, index: usize, node: Node) {
        self.nodes_bytes += node.memory_bytes();
        self.nodes.insert(index, node);
    }

    fn remove_node(&mut self, index: usize) -> Node {
        let mut node = self.nodes.remove(index).expect("the node is there");
        self.nodes_bytes -= node.memory_bytes();
        if node.is_packed() {
            node.move_out();
            self.loosen(index);
        }
        if self.nodes.capacity() > 16 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
        node
    }

    /// Changes a node and keeps the accounts.
    #[inline]
    fn change<R>(&mut self, index: usize, change: impl FnOnce(&mut Node) -> R) -> R {
        let node = &mut self.nodes[index];
        let (bytes, was_packed) = (node.memory_bytes(), node.is_packed());
        let result = change(node);
        self.nodes_bytes = self.nodes_bytes - bytes + node.memory_bytes();
        if was_packed && !node.is_packed() {
            self.loosen(index);
        }
        result
    }
}

#[cfg(test)]
mod tests;

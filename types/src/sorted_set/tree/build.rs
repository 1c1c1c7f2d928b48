//! Trees made at once from items in order.

use super::node::{Branch, Node};
use super::slab::Slab;
use super::{Item, NONE, Tree};

impl Tree {
    /// Makes a tree of items that are in order. Its leaves are as full as the number of items allows. O(n).
    pub fn from_sorted(items: &[Item]) -> Tree {
        if items.is_empty() {
            return Tree::new();
        }
        let mut tree = Tree { len: items.len(), ..Tree::vacant() };
        let mut branches = layer(&mut tree.leaves, items);
        tree.link(NONE, &branches, NONE);
        while branches.len() > 1 {
            branches = layer(&mut tree.inners, &branches);
            tree.height += 1;
        }
        tree.root = branches[0].child;
        tree
    }

    fn vacant() -> Tree {
        Tree { leaves: Slab::new(), inners: Slab::new(), root: NONE, height: 0, len: 0 }
    }
}

/// Makes the fewest nodes that hold the parts, all about equally full.
fn layer<N: Node>(nodes: &mut Slab<N>, parts: &[N::Part]) -> Vec<Branch> {
    let count = parts.len().div_ceil(N::PARTS_MAX);
    let bound = |index: usize| parts.len() * index / count;
    let node = |index: usize| {
        let mut node = N::empty();
        node.fill(&parts[bound(index)..bound(index + 1)]);
        let number = nodes.insert(node);
        nodes[number].branch(number)
    };
    (0..count).map(node).collect()
}

//! How nodes stay well filled.
//!
//! There is one operation, [`Tree::spread`]: the parts of some neighbours are dealt anew to as many nodes, to
//! one more, or to fewer.
//!
//! ```text
//! make room   [84][84][60]   → [76][76][76]           the window of neighbours has room
//!             [84][84][80]   → [62][62][62][62]       it has not
//!             [84] at the end → [82][2]               items come in order
//! removal     [41][42][50]   → [66][67]
//! ```

use super::node::{Branch, Inner, Leaf, Node};
use super::slab::Slab;
use super::{HEIGHT_MAX, NONE, Path, Step, Tree};
use std::ops::Range;

/// Neighbours that share before a node is added or after it got too empty.
const WINDOW: usize = 3;
/// What stays in the old node, or moves to the new one, when items come in order. An inner node needs two.
const SPARE: usize = 2;

/// How a window's parts are dealt: the ends of the shares.
struct Shares {
    ends: [usize; WINDOW + 1],
    count: usize,
}

impl Shares {
    fn even(parts: usize, count: usize) -> Shares {
        let mut ends = [0; WINDOW + 1];
        for (index, end) in ends[..count].iter_mut().enumerate() {
            *end = parts * (index + 1) / count;
        }
        Shares { ends, count }
    }

    fn two(first: usize, parts: usize) -> Shares {
        let mut ends = [0; WINDOW + 1];
        (ends[0], ends[1]) = (first, parts);
        Shares { ends, count: 2 }
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }
}

impl Tree {
    /// Gets room in the leaf at a path, or makes progress towards it. Paths are stale afterwards.
    pub(super) fn make_room(&mut self, path: &Path) {
        self.make_room_at(path, 0);
    }

    fn make_room_at(&mut self, path: &Path, level: usize) {
        if level == self.height {
            self.grow_root();
            return;
        }
        let Step { inner, place } = path.steps[level];
        let in_order = if path.rank == self.len {
            Some(self.parts_max(level) - SPARE)
        } else {
            (path.rank == 0).then_some(SPARE)
        };
        let window = if in_order.is_some() { place..place + 1 } else { self.window(inner, place) };
        let parts = self.parts(level, inner, window.clone());
        let room = window.len() * self.parts_max(level);
        if in_order.is_none() && parts <= room - room / 16 {
            let shares = Shares::even(parts, window.len());
            self.spread(level, inner, window, &shares);
        } else if self.inners[inner].len() == Inner::PARTS_MAX {
            self.make_room_at(path, level + 1);
        } else {
            let even = || Shares::even(parts, window.len() + 1);
            let shares = in_order.map_or_else(even, |first| Shares::two(first, parts));
            self.spread(level, inner, window, &shares);
        }
    }

    /// Removes items of one leaf, from a path's place on, and keeps the nodes above well filled.
    pub(super) fn remove_run(&mut self, path: &Path, run: usize) {
        self.leaves[path.leaf].remove(path.place, run);
        self.len -= run;
        let mut child = path.leaf;
        for level in 0..self.height {
            let Step { inner, place } = path.steps[level];
            let len = self.child_len(level, child);
            if len < self.parts_max(level) / 2 && self.inners[inner].len() > 1 {
                let window = self.window(inner, place);
                let parts = self.parts(level, inner, window.clone());
                // An eighth stays free, so that the next insertions do not undo it.
                let count = parts.div_ceil(self.parts_max(level) * 7 / 8).clamp(1, window.len());
                self.spread(level, inner, window, &Shares::even(parts, count));
            } else {
                let first = if level == 0 { self.leaves[child].item(0) } else { self.inners[child].first(0) };
                let parent = &mut self.inners[inner];
                parent.counts[place] -= run as u32;
                parent.set_first(place, first);
            }
            child = inner;
        }
        self.shrink_root();
    }

    fn grow_root(&mut self) {
        let branch = match self.height {
            0 => self.leaves[self.root].branch(self.root),
            _ => self.inners[self.root].branch(self.root),
        };
        let mut root = Inner::empty();
        root.fill(&[branch]);
        self.root = self.inners.insert(root);
        self.height += 1;
        assert!(self.height <= HEIGHT_MAX, "slots are 32 bits wide");
    }

    fn shrink_root(&mut self) {
        while self.height > 0 && self.inners[self.root].len() == 1 {
            let child = self.inners[self.root].children[0];
            self.inners.remove(self.root);
            self.root = child;
            self.height -= 1;
        }
    }

    /// The children around one that share with it.
    fn window(&self, inner: u32, place: usize) -> Range<usize> {
        let len = self.inners[inner].len();
        let width = WINDOW.min(len);
        let start = place.saturating_sub(1).min(len - width);
        start..start + width
    }

    /// How many parts the nodes of a window have together.
    fn parts(&self, level: usize, inner: u32, window: Range<usize>) -> usize {
        let children = &self.inners[inner].children[window];
        children.iter().map(|child| self.child_len(level, *child)).sum()
    }

    pub(super) fn child_len(&self, level: usize, number: u32) -> usize {
        if level == 0 { self.leaves[number].len() } else { self.inners[number].len() }
    }

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    fn parts_max(&self, level: usize) -> usize {
        if level == 0 { Leaf::PARTS_MAX } else { Inner::PARTS_MAX }
    }

    /// Deals the parts of a window of children anew. The parent needs room for what is added.
    fn spread(&mut self, level: usize, inner: u32, window: Range<usize>, shares: &Shares) {
        let numbers = self.inners[inner].children[window.clone()].to_vec();
        let branches = if level == 0 {
            let previous = self.leaves[numbers[0]].previous;
            let next = self.leaves[numbers[numbers.len() - 1]].next;
            let branches = spread(&mut self.leaves, numbers, shares);
            self.link(previous, &branches, next);
            branches
        } else {
            spread(&mut self.inners, numbers, shares)
        };
        self.inners[inner].replace(window, &branches);
    }

    /// Chains leaves to each other and to those around them.
    pub(super) fn link(&mut self, mut previous: u32, leaves: &[Branch], next: u32) {
        for (index, branch) in leaves.iter().enumerate() {
            let leaf = &mut self.leaves[branch.child];
            leaf.previous = previous;
            leaf.next = leaves.get(index + 1).map_or(next, |branch| branch.child);
            if index == 0 && previous != NONE {
                self.leaves[previous].next = branch.child;
            }
            previous = branch.child;
        }
        if next != NONE {
            self.leaves[next].previous = previous;
        }
    }
}

/// Deals the parts of some nodes anew and says what their parent is to know.
fn spread<N: Node>(nodes: &mut Slab<N>, mut numbers: Vec<u32>, shares: &Shares) -> Vec<Branch> {
    let mut parts = Vec::with_capacity(numbers.len() * N::PARTS_MAX);
    for number in &numbers {
        let node = &nodes[*number];
        parts.extend((0..node.len()).map(|place| node.part(place)));
    }
    while numbers.len() > shares.count {
        nodes.remove(numbers.pop().expect("longer than the shares"));
    }
    while numbers.len() < shares.count {
        numbers.push(nodes.insert(N::empty()));
    }
    let branches = numbers.iter().enumerate().map(|(index, number)| {
        nodes[*number].fill(&parts[shares.range(index)]);
        nodes[*number].branch(*number)
    });
    branches.collect()
}

//! The order of a large sorted set: a counted B+ tree of scores and slots.
//!
//! ```text
//! inner node   first items of the children | how many items each has | their numbers       50 branches
//!                 │            │
//!              leaf ⇄        leaf ⇄ …      scores [f64; 84] | slots [u32; 84]              1 KiB
//!                                                              └─ the member, in the table beside the tree
//! ```
//!
//! Items are ordered by score, then by their members. The tree does not hold members: where two scores are
//! equal it asks its user for the order of both slots. A set whose scores differ never does, so a search reads
//! one column of one node per level: four levels hold ten million members.
//!
//! **Counts** in the branches make ranks and positions O(log n). **Leaves** are linked both ways, so ranges
//! are walked without the levels above.
//!
//! **Fill.** A full leaf first shares with its neighbours in the same parent, and only three full ones become
//! four; items that come in order leave full leaves behind. Random ones leave them five sixths full:
//! 12 bytes of item cost 14.5.
//!
//! All changes are O(log n), removing a range of k items O(log n + k), building from sorted items O(n).

mod balance;
mod build;
mod node;
mod slab;
#[cfg(test)]
mod tests;
mod walk;

use crate::arena::Slot;
use node::{Inner, Leaf, Node};
use slab::Slab;
use std::cmp::Ordering;
use std::ops::Range;
pub use walk::Walk;

/// No leaf.
const NONE: u32 = u32::MAX;

/// Inner levels at most: 2^32 items in leaves half full, with inner nodes half full, need six.
const HEIGHT_MAX: usize = 8;

/// A score and the slot of its member.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Item {
    /// Any number but NaN. Zero and minus zero are equal.
    pub score: f64,
    /// Where the member is.
    pub slot: Slot,
}

/// Scores and slots in the order of scores and members.
pub struct Tree {
    leaves: Slab<Leaf>,
    inners: Slab<Inner>,
    /// A leaf if `height` is 0, else an inner node.
    root: u32,
    height: usize,
    len: usize,
}

/// The way from the root to a place in a leaf.
pub struct Path {
    /// Indexed by level: the first is the leaf's parent.
    steps: [Step; HEIGHT_MAX],
    leaf: u32,
    place: usize,
    rank: usize,
}

#[derive(Clone, Copy)]
struct Step {
    inner: u32,
    place: usize,
}

impl Path {
    fn new() -> Path {
        Path { steps: [Step { inner: 0, place: 0 }; HEIGHT_MAX], leaf: NONE, place: 0, rank: 0 }
    }

    /// How many items come before.
    pub fn rank(&self) -> usize {
        self.rank
    }
}

impl Tree {
    /// Makes an empty tree of one leaf.
    pub fn new() -> Tree {
        let mut leaves = Slab::new();
        let root = leaves.insert(Leaf::empty());
        Tree { leaves, inners: Slab::new(), root, height: 0, len: 0 }
    }

    /// How many items there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Counts the items before a point, which `is_before` must tell apart from those after it. O(log n).
    #[inline]
    pub fn rank_of_point(&self, is_before: impl Fn(Item) -> bool) -> usize {
        self.seek(is_before).rank
    }

    /// Finds an item that is there. O(log n).
    #[inline]
    pub fn find(&self, item: Item, order: impl Fn(Slot, Slot) -> Ordering) -> Path {
        let mut path = self.seek_past(item, order);
        debug_assert!(path.place > 0 && self.leaves[path.leaf].item(path.place - 1).slot == item.slot);
        path.place -= 1;
        path.rank -= 1;
        path
    }

    /// The item of a rank. O(log n).
    pub fn item_at(&self, rank: usize) -> Option<Item> {
        (rank < self.len).then(|| {
            let path = self.path_to_rank(rank);
            self.leaves[path.leaf].item(path.place)
        })
    }

    /// Adds an item, whose member must not be there yet. O(log n).
    pub fn insert(&mut self, item: Item, order: impl Fn(Slot, Slot) -> Ordering) {
        let mut path = self.seek_past(item, &order);
        while self.leaves[path.leaf].is_full() {
            self.make_room(&path);
            path = self.seek_past(item, &order);
        }
        self.leaves[path.leaf].insert(path.place, item);
        self.len += 1;
        for step in &path.steps[..self.height] {
            self.inners[step.inner].counts[step.place] += 1;
        }
        if path.place == 0 {
            self.first_changed(&path);
        }
    }

    /// Removes an item that is there. O(log n).
    pub fn remove(&mut self, item: Item, order: impl Fn(Slot, Slot) -> Ordering) {
        let path = self.find(item, order);
        self.remove_run(&path, 1);
    }

    /// Removes the items of a range of ranks, telling each one's slot. O(log n + k).
    pub fn remove_range(&mut self, ranks: Range<usize>, mut removed: impl FnMut(Slot)) {
        debug_assert!(ranks.end <= self.len);
        let mut left = ranks.len();
        while left > 0 {
            let path = self.path_to_rank(ranks.start);
            let leaf = &self.leaves[path.leaf];
            let run = left.min(leaf.len() - path.place);
            leaf.slots()[path.place..path.place + run].iter().for_each(|slot| removed(*slot));
            self.remove_run(&path, run);
            left -= run;
        }
    }

    /// Gives an item that is there another score. O(log n), and nothing moves if its rank stays.
    pub fn rescore(&mut self, item: Item, score: f64, order: impl Fn(Slot, Slot) -> Ordering) {
        let path = self.find(item, &order);
        let moved = Item { score, slot: item.slot };
        if self.is_between_neighbours(&path, moved, &order) {
            self.replace(&path, moved);
        } else {
            self.remove_run(&path, 1);
            self.insert(moved, order);
        }
    }

    /// Tells that the member at a path has moved to another slot.
    pub fn relocate(&mut self, path: &Path, slot: Slot) {
        let item = Item { score: self.leaves[path.leaf].item(path.place).score, slot };
        self.replace(path, item);
    }

    /// Walks up from a rank, for at most `count` items. O(log n + k).
    pub fn forward(&self, rank: usize, count: usize) -> Walk<'_> {
        let path = self.path_to_rank(rank);
        Walk::forward(&self.leaves, path.leaf, path.place, count.min(self.len.saturating_sub(rank)))
    }

    /// Walks up from a point to the last item. O(log n + k).
    pub fn forward_from(&self, is_before: impl Fn(Item) -> bool) -> Walk<'_> {
        let path = self.seek(is_before);
        Walk::forward(&self.leaves, path.leaf, path.place, self.len - path.rank)
    }

    /// Walks down from a rank, for at most `count` items. O(log n + k).
    pub fn backward(&self, rank: usize, count: usize) -> Walk<'_> {
        let path = self.path_to_rank(rank);
        Walk::backward(&self.leaves, path.leaf, path.place, count.min(rank + 1))
    }

    /// Makes a second tree with the same items. Both share their nodes, four of which are copied before the first
    /// write to one of them. O(nodes).
    pub fn share(&mut self) -> Tree {
        Tree { leaves: self.leaves.share(), inners: self.inners.share(), ..*self }
    }

    /// Memory in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.leaves.memory_bytes() + self.inners.memory_bytes()
    }

    fn replace(&mut self, path: &Path, item: Item) {
        self.leaves[path.leaf].set(path.place, item);
        if path.place == 0 {
            self.first_changed(path);
        }
    }

    /// Whether an item belongs where the path leads, as far as the leaf alone can tell.
    fn is_between_neighbours(&self, path: &Path, item: Item, order: impl Fn(Slot, Slot) -> Ordering) -> bool {
        let leaf = &self.leaves[path.leaf];
        let compare = |place| {
            let other = leaf.item(place);
            let by_score = other.score.partial_cmp(&item.score).expect("scores are numbers");
            by_score.then_with(|| order(other.slot, item.slot))
        };
        let is_inside = path.place > 0 && path.place + 1 < leaf.len();
        is_inside && compare(path.place - 1).is_lt() && compare(path.place + 1).is_gt()
    }

    /// Finds where the items end that do not come after this one.
    #[inline]
    fn seek_past(&self, item: Item, order: impl Fn(Slot, Slot) -> Ordering) -> Path {
        let Item { score, slot } = item;
        self.seek(|other| match other.score.partial_cmp(&score) {
            Some(Ordering::Equal) => other.slot == slot || order(other.slot, slot).is_lt(),
            order => order == Some(Ordering::Less),
        })
    }

    #[inline]
    fn seek(&self, is_before: impl Fn(Item) -> bool) -> Path {
        let mut path = Path::new();
        let mut number = self.root;
        for level in (0..self.height).rev() {
            let inner = &self.inners[number];
            let (place, before) = inner.route(&is_before);
            path.steps[level] = Step { inner: number, place };
            path.rank += before;
            number = inner.children[place];
        }
        path.leaf = number;
        path.place = self.leaves[number].partition(is_before);
        path.rank += path.place;
        path
    }

    /// The way to the item of a rank; for the rank behind the last item, the end of the last leaf.
    fn path_to_rank(&self, rank: usize) -> Path {
        let mut path = Path { rank, ..Path::new() };
        let (mut number, mut left) = (self.root, rank);
        for level in (0..self.height).rev() {
            let inner = &self.inners[number];
            let (place, before) = inner.route_to_rank(left);
            path.steps[level] = Step { inner: number, place };
            left -= before;
            number = inner.children[place];
        }
        path.leaf = number;
        path.place = left;
        path
    }

    /// Tells the levels above that the first item of a path's leaf is another one.
    fn first_changed(&mut self, path: &Path) {
        let mut first = self.leaves[path.leaf].item(0);
        for step in &path.steps[..self.height] {
            let inner = &mut self.inners[step.inner];
            inner.set_first(step.place, first);
            if step.place > 0 {
                break;
            }
            first = inner.first(0);
        }
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

//! The two kinds of nodes: leaves of items, inner nodes of branches. Both keep their columns apart, so that a
//! search reads only scores until two of them are equal.

use super::Item;
use crate::arena::Slot;
use std::ops::Range;

/// Makes a leaf fill one allocation of 1 KiB.
pub(super) const LEAF_ITEMS: usize = 84;
/// Makes an inner node nearly fill one.
pub(super) const INNER_BRANCHES: usize = 50;

const _: () = assert!(size_of::<Leaf>() == 1024);
const _: () = assert!(size_of::<Inner>() <= 1024);

/// What balancing needs of a node, whatever its kind.
pub(super) trait Node: Copy {
    type Part: Copy;
    const PARTS_MAX: usize;

    fn empty() -> Self;
    fn len(&self) -> usize;
    fn part(&self, place: usize) -> Self::Part;
    /// Replaces all parts.
    fn fill(&mut self, parts: &[Self::Part]);
    /// The node as its parent knows it.
    fn branch(&self, number: u32) -> Branch;
}

/// What an inner node knows of a child.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// The first item below.
    pub(super) first: Item,
    /// How many items are below.
    pub(super) count: u32,
    /// Number of the child, a leaf at the lowest level and an inner node above.
    pub(super) child: u32,
}

#[derive(Clone, Copy)]
pub(super) struct Leaf {
    scores: [f64; LEAF_ITEMS],
    slots: [Slot; LEAF_ITEMS],
    len: u32,
    /// Neighbours in the order of items, [`super::NONE`] at the ends.
    pub(super) previous: u32,
    pub(super) next: u32,
}

#[derive(Clone, Copy)]
pub(super) struct Inner {
    scores: [f64; INNER_BRANCHES],
    slots: [Slot; INNER_BRANCHES],
    pub(super) counts: [u32; INNER_BRANCHES],
    pub(super) children: [u32; INNER_BRANCHES],
    len: u32,
}

impl Leaf {
    #[inline]
    pub(super) fn item(&self, place: usize) -> Item {
        Item { score: self.scores[place], slot: self.slots[place] }
    }

    /// How many items come before a point. O(log n).
    #[inline]
    pub(super) fn partition(&self, is_before: impl Fn(Item) -> bool) -> usize {
        partition(self.len(), |place| is_before(self.item(place)))
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == LEAF_ITEMS
    }

    pub(super) fn insert(&mut self, place: usize, item: Item) {
        let len = self.len();
        self.scores.copy_within(place..len, place + 1);
        self.slots.copy_within(place..len, place + 1);
        self.set(place, item);
        self.len += 1;
    }

    pub(super) fn set(&mut self, place: usize, item: Item) {
        self.scores[place] = item.score;
        self.slots[place] = item.slot;
    }

    pub(super) fn remove(&mut self, place: usize, count: usize) {
        let len = self.len();
        self.scores.copy_within(place + count..len, place);
        self.slots.copy_within(place + count..len, place);
        self.len -= count as u32;
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots[..self.len()]
    }
}

impl Node for Leaf {
    type Part = Item;
    const PARTS_MAX: usize = LEAF_ITEMS;

    fn empty() -> Leaf {
        Leaf {
            scores: [0.0; LEAF_ITEMS],
            slots: [filler(); LEAF_ITEMS],
            len: 0,
            previous: super::NONE,
            next: super::NONE,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len as usize
    }

    fn part(&self, place: usize) -> Item {
        self.item(place)
    }

    fn fill(&mut self, parts: &[Item]) {
        for (place, item) in parts.iter().enumerate() {
            self.set(place, *item);
        }
        self.len = parts.len() as u32;
    }

    fn branch(&self, number: u32) -> Branch {
        Branch { first: self.item(0), count: self.len, child: number }
    }
}

impl Inner {
    #[inline]
    pub(super) fn first(&self, place: usize) -> Item {
        Item { score: self.scores[place], slot: self.slots[place] }
    }

    #[inline]
    pub(super) fn set_first(&mut self, place: usize, item: Item) {
        self.scores[place] = item.score;
        self.slots[place] = item.slot;
    }

    /// The child in which a point lies, and how many items come before that child. O(branches).
    #[inline]
    pub(super) fn route(&self, is_before: impl Fn(Item) -> bool) -> (usize, usize) {
        let place = partition(self.len(), |place| is_before(self.first(place))).saturating_sub(1);
        (place, self.count_before(place))
    }

    /// The child that holds the item of a rank, and how many items come before that child.
    pub(super) fn route_to_rank(&self, rank: usize) -> (usize, usize) {
        let last = self.len() - 1;
        let (mut place, mut before) = (0, 0);
        while place < last && before + self.counts[place] as usize <= rank {
            before += self.counts[place] as usize;
            place += 1;
        }
        (place, before)
    }

    fn count_before(&self, place: usize) -> usize {
        self.counts[..place].iter().map(|count| *count as usize).sum()
    }

    /// Puts branches in the place of others.
    pub(super) fn replace(&mut self, window: Range<usize>, branches: &[Branch]) {
        let mut all: Vec<Branch> = (0..self.len()).map(|place| self.part(place)).collect();
        all.splice(window, branches.iter().copied());
        self.fill(&all);
    }
}

impl Node for Inner {
    type Part = Branch;
    const PARTS_MAX: usize = INNER_BRANCHES;

    fn empty() -> Inner {
        Inner {
            scores: [0.0; INNER_BRANCHES],
            slots: [filler(); INNER_BRANCHES],
            counts: [0; INNER_BRANCHES],
            children: [0; INNER_BRANCHES],
            len: 0,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len as usize
    }

    fn part(&self, place: usize) -> Branch {
        Branch { first: self.first(place), count: self.counts[place], child: self.children[place] }
    }

    fn fill(&mut self, parts: &[Branch]) {
        for (place, branch) in parts.iter().enumerate() {
            self.set_first(place, branch.first);
            self.counts[place] = branch.count;
            self.children[place] = branch.child;
        }
        self.len = parts.len() as u32;
    }

    fn branch(&self, number: u32) -> Branch {
        let count = self.count_before(self.len()) as u32;
        Branch { first: self.first(0), count, child: number }
    }
}

/// How many of `len` places come before a point.
#[inline]
fn partition(len: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Stands in places that hold no item.
fn filler() -> Slot {
    Slot::from_raw(1).expect("1 is not 0")
}

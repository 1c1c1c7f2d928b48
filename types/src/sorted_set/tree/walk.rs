//! Walks along the leaves.

use super::node::{Leaf, Node};
use super::slab::Slab;
use super::{Item, NONE};
use crate::direction::Direction;

/// Items in order or in reverse order. A step is O(1).
#[derive(Clone)]
pub struct Walk<'t> {
    leaves: &'t Slab<Leaf>,
    leaf: &'t Leaf,
    /// Forward, of the next item; backward, one more than that.
    place: usize,
    left: usize,
    direction: Direction,
}

impl<'t> Walk<'t> {
    pub(super) fn forward(leaves: &'t Slab<Leaf>, leaf: u32, place: usize, count: usize) -> Walk<'t> {
        Walk { leaves, leaf: &leaves[leaf], place, left: count, direction: Direction::Forwards }
    }

    pub(super) fn backward(leaves: &'t Slab<Leaf>, leaf: u32, place: usize, count: usize) -> Walk<'t> {
        Walk { leaves, leaf: &leaves[leaf], place: place + 1, left: count, direction: Direction::Backwards }
    }

    fn step_forward(&mut self) -> Item {
        if self.place == self.leaf.len() {
            debug_assert_ne!(self.leaf.next, NONE, "the count ends at the last item");
            self.leaf = &self.leaves[self.leaf.next];
            self.place = 0;
        }
        self.place += 1;
        self.leaf.item(self.place - 1)
    }

    fn step_backward(&mut self) -> Item {
        if self.place == 0 {
            debug_assert_ne!(self.leaf.previous, NONE, "the count ends at the first item");
            self.leaf = &self.leaves[self.leaf.previous];
            self.place = self.leaf.len();
        }
        self.place -= 1;
        self.leaf.item(self.place)
    }
}

impl Iterator for Walk<'_> {
    type Item = Item;

    #[inline]
    fn next(&mut self) -> Option<Item> {
        self.left = self.left.checked_sub(1)?;
        Some(match self.direction {
            Direction::Forwards => self.step_forward(),
            Direction::Backwards => self.step_backward(),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Walk<'_> {}

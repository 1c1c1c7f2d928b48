//! Reading a list in the form it has.

use std::ops::ControlFlow;

use super::node::{Wanted, position};
use super::{Direction, List};
use crate::listpack::{Element, Listpack};

/// A list, to be read in the form it has.
#[derive(Clone, Copy)]
pub enum ListRef<'a> {
    /// One listpack.
    Compact(Listpack<'a>),
    /// A row of nodes.
    Large(&'a List),
}

impl<'a> ListRef<'a> {
    /// How many elements there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListRef::Compact(pack) => pack.len(),
            ListRef::Large(list) => list.len(),
        }
    }

    /// The large form, if it has it.
    pub fn as_large(self) -> Option<&'a List> {
        match self {
            ListRef::Compact(_) => None,
            ListRef::Large(list) => Some(list),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Visits up to `count` elements until told to break: those from index `start` on, or backwards from the
    /// one of that index from the end. O(nodes + start in its node), then as visited.
    #[inline]
    pub fn visit<B>(
        self,
        (start, count): (usize, usize),
        direction: Direction,
        visit: impl FnMut(Element<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let pack = match self {
            ListRef::Compact(pack) => pack,
            ListRef::Large(list) => return list.visit(start, count, direction, visit),
        };
        match direction {
            Direction::Forwards => pack.range(start, count).try_for_each(visit),
            Direction::Backwards => {
                let end = pack.len().checked_sub(start).map_or(pack.start(), |end| position(pack, end));
                pack.between(pack.start(), end).rev().take(count).try_for_each(visit)
            }
        }
    }

    /// Visits elements as [`ListRef::visit`] does, all of them.
    #[inline]
    pub fn for_each(self, range: (usize, usize), direction: Direction, mut visit: impl FnMut(Element<'_>)) {
        let _ = self.visit(range, direction, |element| {
            visit(element);
            ControlFlow::<()>::Continue(())
        });
    }

    /// Visits the elements equal to one among the first `max` in a direction, with their indexes in that
    /// direction, until told to break. O(max).
    pub fn each_match<B>(
        self,
        element: Element<'_>,
        max: usize,
        direction: Direction,
        mut visit: impl FnMut(usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match self {
            ListRef::Compact(pack) => {
                Wanted::new(element).each_in(pack, max, direction, |index, _| visit(index))
            }
            ListRef::Large(list) => list.each_match(element, max, direction, visit),
        }
    }

    /// The index of the first element equal to one. O(elements).
    pub fn index_of(self, element: Element<'_>) -> Option<usize> {
        self.each_match(element, usize::MAX, Direction::Forwards, ControlFlow::Break).break_value()
    }
}

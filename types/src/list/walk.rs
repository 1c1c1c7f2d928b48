//! Reading a large list.

use std::ops::ControlFlow;

use super::node::Wanted;
use super::{Direction, List};
use crate::listpack::Element;

impl List {
    /// The node of an index, and the index in the node. O(nodes), from the nearer end.
    ///
    /// The index must be below the length.
    pub(super) fn seek(&self, index: usize) -> (usize, usize) {
        if index <= self.len / 2 {
            let mut left = index;
            for (at, node) in self.nodes.iter().enumerate() {
                match left.checked_sub(node.count()) {
                    None => return (at, left),
                    Some(rest) => left = rest,
                }
            }
        }
        let mut behind = self.len - index;
        for (at, node) in self.nodes.iter().enumerate().rev() {
            match node.count().checked_sub(behind) {
                Some(within) => return (at, within),
                None => behind -= node.count(),
            }
        }
        unreachable!("the counts of the nodes add up to the length")
    }

    /// Visits up to `count` elements until told to break: those from index `start` on, or backwards from the
    /// one of that index from the end. O(nodes + start in its node), then as visited.
    pub fn visit<B>(
        &self,
        start: usize,
        count: usize,
        direction: Direction,
        mut visit: impl FnMut(Element<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut left = count.min(self.len.saturating_sub(start));
        if left == 0 {
            return ControlFlow::Continue(());
        }
        let (mut at, mut within) = match direction {
            Direction::Forwards => self.seek(start),
            Direction::Backwards => {
                let (at, within) = self.seek(self.len - 1 - start);
                (at, self.nodes[at].count() - 1 - within)
            }
        };
        loop {
            let node = &self.nodes[at];
            node.visit((within, left), direction, &mut visit)?;
            left = left.saturating_sub(node.count() - within);
            if left == 0 {
                return ControlFlow::Continue(());
            }
            within = 0;
            at = if direction == Direction::Forwards { at + 1 } else { at - 1 };
        }
    }

    /// Visits the elements equal to one among the first `max` in a direction, with their indexes in that
    /// direction, until told to break. O(max).
    pub fn each_match<B>(
        &self,
        element: Element<'_>,
        max: usize,
        direction: Direction,
        mut visit: impl FnMut(usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let wanted = Wanted::new(element);
        let mut passed = 0;
        for turn in 0..self.nodes.len() {
            if passed >= max {
                break;
            }
            let node = match direction {
                Direction::Forwards => &self.nodes[turn],
                Direction::Backwards => &self.nodes[self.nodes.len() - 1 - turn],
            };
            node.each_match(&wanted, max - passed, direction, |index| visit(passed + index))?;
            passed += node.count();
        }
        ControlFlow::Continue(())
    }
}

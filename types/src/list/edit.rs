//! Changing a large list.

use super::node::{Node, Wanted, position};
use super::slab::NODES_MAX;
use super::{Direction, End, List, Side};
use crate::listpack::Element;

impl List {
    /// Adds an element at an end. O(1), amortised.
    pub fn push(&mut self, end: End, element: Element<'_>) {
        let text_len = element.len();
        let at_end = self.node_at(end);
        if let Some(index) = at_end.filter(|index| self.allows(*index, text_len)) {
            self.change(index, |node| {
                node.edit(|pack| match end {
                    End::Head => pack.prepend(element),
                    End::Tail => pack.append(element),
                });
            });
        } else {
            if let Some(index) = at_end {
                self.change(index, Node::shrink);
            }
            let index = if end == End::Head { 0 } else { self.nodes.len() };
            self.insert_node(index, Node::of(element, self.limits.is_plain(text_len)));
            if self.limits.compress_depth == 0 {
                self.pack(end);
            }
            self.settle(index);
        }
        self.len += 1;
    }

    /// Removes `count` elements from index `start` on, or as many as there are. O(nodes).
    pub fn remove_range(&mut self, start: usize, count: usize) {
        let mut left = count.min(self.len.saturating_sub(start));
        if left == 0 {
            return;
        }
        let (mut at, mut within) = self.seek(start);
        self.len -= left;
        let first = at;
        // Nodes that go as a whole go together.
        let (mut whole_from, mut whole_to) = (at, at);
        while left > 0 {
            let removed = left.min(self.nodes[at].count() - within);
            left -= removed;
            if removed == self.nodes[at].count() {
                whole_from = if whole_from == whole_to { at } else { whole_from };
                whole_to = at + 1;
            } else {
                self.change(at, |node| {
                    node.edit(|pack| pack.remove(position(pack.view(), within), removed));
                });
            }
            (at, within) = (at + 1, 0);
        }
        self.remove_nodes(whole_from, whole_to);
        self.settle(first);
    }

    /// Puts an element in the place of another.
    ///
    /// The index must be below the length.
    pub fn set(&mut self, index: usize, element: Element<'_>) {
        let (at, within) = self.seek(index);
        let is_plain = self.limits.is_plain(element.len());
        match (self.nodes[at].is_plain(), is_plain) {
            (false, false) => {
                self.change(at, |node| {
                    node.edit(|pack| pack.replace(position(pack.view(), within), element));
                });
                self.settle_node(at);
            }
            (true, true) => {
                self.remove_node(at);
                self.insert_node(at, Node::of(element, true));
            }
            (true, false) => {
                self.insert_in((at, within), Side::After, element);
                self.remove_node(at);
                self.settle(at);
            }
            (false, true) => self.set_plain((at, within), element),
        }
    }

    /// Puts a long text in the place of an element of a listpack, which is cut in two there.
    fn set_plain(&mut self, (at, within): (usize, usize), element: Element<'_>) {
        if within + 1 < self.nodes[at].count() {
            let tail = self.change(at, |node| node.split_off(within + 1));
            self.insert_node(at + 1, tail);
        }
        self.insert_node(at + 1, Node::of(element, true));
        if self.nodes[at].count() == 1 {
            self.remove_node(at);
            self.settle(at);
        } else {
            self.change(at, |node| {
                node.edit(|pack| pack.remove(position(pack.view(), within), 1));
            });
            self.merge_around(at + 1);
        }
    }

    /// Inserts an element beside the one of an index, which must be below the length. O(nodes).
    pub fn insert(&mut self, index: usize, side: Side, element: Element<'_>) {
        self.insert_in(self.seek(index), side, element);
        self.len += 1;
    }

    /// Inserts an element beside one of a node, without counting it: into the node, into its neighbour, into a
    /// node of its own, or between the halves of the node.
    fn insert_in(&mut self, (at, within): (usize, usize), side: Side, element: Element<'_>) {
        let text_len = element.len();
        let count = self.nodes[at].count();
        let (is_at_edge, neighbour, between) = match side {
            Side::Before => (within == 0, at.checked_sub(1), at),
            Side::After => (within + 1 == count, Some(at + 1), at + 1),
        };
        if self.allows(at, text_len) {
            let index = within + usize::from(side == Side::After);
            self.change(at, |node| {
                node.edit(|pack| pack.insert(position(pack.view(), index), element));
            });
            self.settle_node(at);
        } else if !is_at_edge {
            self.insert_between_halves((at, within), side, element);
        } else if let Some(neighbour) = neighbour.filter(|neighbour| self.allows(*neighbour, text_len)) {
            self.change(neighbour, |node| {
                node.edit(|pack| match side {
                    Side::Before => pack.append(element),
                    Side::After => pack.prepend(element),
                });
            });
            self.settle_node(neighbour);
        } else {
            self.insert_node(between, Node::of(element, self.limits.is_plain(text_len)));
            self.settle(between);
        }
    }

    /// Cuts a full listpack in two and inserts an element between: a short one joins the half without the
    /// element beside which it is inserted, and what fits together is merged.
    fn insert_between_halves(&mut self, (at, within): (usize, usize), side: Side, element: Element<'_>) {
        let cut = within + usize::from(side == Side::After);
        let mut tail = self.change(at, |node| node.split_off(cut));
        if self.limits.is_plain(element.len()) {
            self.insert_node(at + 1, tail);
            self.insert_node(at + 1, Node::of(element, true));
            self.settle(at + 1);
            return;
        }
        let centre = match side {
            Side::After => {
                tail.edit(|pack| pack.prepend(element));
                at
            }
            Side::Before => {
                self.change(at, |node| node.edit(|pack| pack.append(element)));
                at + 1
            }
        };
        self.insert_node(at + 1, tail);
        self.merge_around(centre);
    }

    /// Merges nodes around one where two fit into one: its two predecessors, its two successors, then itself
    /// with its predecessor and with its successor.
    fn merge_around(&mut self, mut centre: usize) {
        if centre >= 2 && self.merge(centre - 2) {
            centre -= 1;
        }
        self.merge(centre + 1);
        if centre >= 1 && self.merge(centre - 1) {
            centre -= 1;
        }
        self.merge(centre);
        self.settle(centre);
    }

    /// Merges a node with the next one, if they fit into one listpack.
    fn merge(&mut self, index: usize) -> bool {
        let (Some(one), Some(other)) = (self.nodes.get(index), self.nodes.get(index + 1)) else {
            return false;
        };
        if one.is_plain() || other.is_plain() {
            return false;
        }
        let (size, count) =
            (one.size() + other.size() - crate::listpack::EMPTY.len(), one.count() + other.count());
        if self.limits.exceeds(size, count) {
            return false;
        }
        let next = self.remove_node(index + 1);
        self.change(index, |node| node.append(&next));
        true
    }

    /// Removes elements equal to one, at most `max`, the first in a direction, and says how many. O(n).
    pub fn remove_matches(&mut self, element: Element<'_>, max: usize, direction: Direction) -> usize {
        let wanted = Wanted::new(element);
        let (mut left, turns) = (max, self.nodes.len());
        for turn in 0..turns {
            if left == 0 {
                break;
            }
            let at = if direction == Direction::Forwards { turn } else { turns - 1 - turn };
            left -= self.change(at, |node| node.remove_matches(&wanted, left, direction));
        }
        if left < max {
            self.len -= max - left;
            self.drop_empty_nodes();
            self.settle_all();
        }
        max - left
    }

    fn drop_empty_nodes(&mut self) {
        let bytes = &mut self.nodes_bytes;
        self.nodes.retain(|node| {
            if node.count() == 0 {
                *bytes -= node.memory_bytes();
            }
            node.count() > 0
        });
        (0..self.nodes.len()).step_by(NODES_MAX).for_each(|near| self.loosen(near));
    }

    fn remove_nodes(&mut self, from: usize, to: usize) {
        if to - from == 1 {
            self.remove_node(from);
            return;
        }
        let removed: usize = self.nodes.range(from..to).map(Node::memory_bytes).sum();
        self.nodes.drain(from..to);
        self.nodes_bytes -= removed;
        self.loosen(from);
    }

    fn node_at(&self, end: End) -> Option<usize> {
        let last = self.nodes.len().checked_sub(1)?;
        Some(if end == End::Head { 0 } else { last })
    }

    /// Whether a node has room for a text.
    fn allows(&self, index: usize, text_len: usize) -> bool {
        let Some(node) = self.nodes.get(index) else { return false };
        !node.is_plain()
            && !self.limits.is_plain(text_len)
            && !self.limits.refuses(node.size(), node.count(), text_len)
    }

    /// Compresses and decompresses nodes as their places ask for, after nodes around `changed` have changed,
    /// come or gone.
    pub(super) fn settle(&mut self, changed: usize) {
        let (depth, nodes) = (self.limits.compress_depth as usize, self.nodes.len());
        if depth == 0 {
            return;
        }
        // An edit touches at most three nodes on either side, and moves the borders of what is compressed
        // inwards by at most three.
        let head = depth.min(nodes) + 3;
        for range in [0..head, changed.saturating_sub(3)..changed + 4, nodes.saturating_sub(head)..nodes] {
            for index in range.start..range.end.min(nodes) {
                self.settle_node(index);
            }
        }
    }

    fn settle_all(&mut self) {
        (0..self.nodes.len()).for_each(|index| self.settle_node(index));
    }

    fn settle_node(&mut self, index: usize) {
        let depth = self.limits.compress_depth as usize;
        if depth > 0 {
            let is_inner = index.min(self.nodes.len() - 1 - index) >= depth;
            self.change(index, if is_inner { Node::compress } else { Node::decompress });
        }
    }
}

//! Large lists node by node: what files carry.

use super::node::Node;
use super::{End, List, ListLimits};
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack::{Element, Listpack};
use crate::owned::OwnedValue;

/// What a node's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeKind {
    /// One text.
    Text,
    /// A listpack.
    Listpack,
}

/// The bytes of one node as they lie in memory.
#[derive(Clone, Copy, Debug)]
pub enum NodeBytes<'a> {
    /// As they are.
    Plain(&'a [u8]),
    /// Compressed; how many bytes they become.
    Compressed(&'a [u8], usize),
}

/// The most elements of a node, which counts them in 16 bits.
const NODE_ELEMENTS_MAX: usize = u16::MAX as usize;

impl List {
    /// The bytes of all nodes, in order.
    pub fn stored_nodes(&self) -> impl Iterator<Item = (NodeKind, NodeBytes<'_>)> {
        self.nodes.iter().map(|node| {
            let kind = if node.is_plain() { NodeKind::Text } else { NodeKind::Listpack };
            (kind, node.stored_bytes())
        })
    }

    /// Adds a node behind the others: one text, or bytes that are known to be a listpack. An empty listpack adds
    /// nothing.
    pub fn push_node(&mut self, kind: NodeKind, bytes: Vec<u8>) {
        let node = match kind {
            NodeKind::Text => Node::of(Element::Text(&bytes), true),
            NodeKind::Listpack => match Listpack::new(&bytes).len() {
                0 => return,
                1..=NODE_ELEMENTS_MAX => Node::of_listpack(bytes),
                _ => return Listpack::new(&bytes).iter().for_each(|element| self.push(End::Tail, element)),
            },
        };
        if let Some(last) = self.nodes.back_mut() {
            last.shrink();
        }
        self.len += node.count();
        let index = self.nodes.len();
        self.insert_node(index, node);
        if self.limits().compress_depth == 0 {
            self.pack(End::Tail);
        }
        self.settle(index);
    }

    /// The list in the form that the limits ask for: what is one listpack within them is compact.
    pub fn into_value(self, limits: ListLimits) -> OwnedValue {
        let only = self.nodes.front().filter(|node| self.nodes.len() == 1 && !node.is_plain());
        match only.filter(|node| !limits.exceeds(node.size(), node.count())) {
            Some(node) => OwnedValue::Inline { kind: Kind::ListPack, bytes: node.bytes().into_owned() },
            None => OwnedValue::Large(Large::List(Box::new(self))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Direction, ListRef};
    use crate::lzf;

    fn elements(list: &List) -> Vec<Vec<u8>> {
        let mut elements = Vec::new();
        let all = (0, list.len());
        ListRef::Large(list).for_each(all, Direction::Forwards, |element| elements.push(element.to_vec()));
        elements
    }

    fn round_trip(list: &List) -> List {
        let mut copy = List::new(list.limits());
        for (kind, bytes) in list.stored_nodes() {
            let bytes = match bytes {
                NodeBytes::Plain(bytes) => bytes.to_vec(),
                NodeBytes::Compressed(bytes, size) => {
                    lzf::decompress(bytes, size).expect("it was compressed")
                }
            };
            copy.push_node(kind, bytes);
        }
        copy.check();
        copy
    }

    #[test]
    fn nodes_make_the_same_list() {
        for compress_depth in [0, 1] {
            let limits = ListLimits { compress_depth, ..ListLimits::default() };
            let mut list = List::new(limits);
            for number in 0..20_000_i64 {
                list.push(End::Tail, Element::Integer(number));
            }
            list.push(End::Tail, Element::Text(&b"x".repeat(20_000)));
            list.push(End::Tail, Element::Text(b"last"));
            let copy = round_trip(&list);
            assert_eq!((copy.len(), copy.nodes()), (list.len(), list.nodes()));
            assert!(elements(&copy) == elements(&list), "the same elements");
        }
    }

    #[test]
    fn nodes_with_too_many_elements_are_spread() {
        let mut bytes = crate::listpack::EMPTY.to_vec();
        crate::listpack::extend(&mut bytes, (0..70_000).map(|_| Element::Integer(1)));
        let mut list = List::new(ListLimits::default());
        list.push_node(NodeKind::Listpack, crate::listpack::EMPTY.to_vec());
        list.push_node(NodeKind::Listpack, bytes);
        list.check();
        assert_eq!(list.len(), 70_000);
    }

    #[test]
    fn short_lists_are_compact() {
        let limits = ListLimits { listpack_max: 2, ..ListLimits::default() };
        for (len, is_compact) in [(1, true), (2, true), (3, false)] {
            let mut list = List::new(limits);
            (0..len).for_each(|number| list.push(End::Tail, Element::Integer(number)));
            let value = list.into_value(limits);
            assert_eq!(matches!(value, OwnedValue::Inline { .. }), is_compact, "{len}");
        }
    }
}

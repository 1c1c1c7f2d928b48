//! How a large list lies in memory, for those who debug.

use std::borrow::Cow;
use std::fmt;

use super::List;

/// What is known of one node.
#[derive(Clone, Debug)]
pub struct NodeDescription<'a> {
    /// The bytes of its listpack, or its text.
    pub bytes: Cow<'a, [u8]>,
    /// How many elements it has.
    pub count: usize,
    /// Whether it is a text of its own.
    pub is_plain: bool,
    /// Whether it is compressed.
    pub is_compressed: bool,
}

impl List {
    /// Describes each node. O(bytes) where they are compressed.
    pub fn describe_nodes(&self) -> impl Iterator<Item = NodeDescription<'_>> {
        self.nodes.iter().map(|node| NodeDescription {
            bytes: node.bytes(),
            count: node.count(),
            is_plain: node.is_plain(),
            is_compressed: node.is_compressed(),
        })
    }

    /// Bytes of each node's listpack or text before compression.
    pub fn node_bytes(&self) -> impl Iterator<Item = usize> {
        self.nodes.iter().map(super::node::Node::size)
    }
}

impl fmt::Display for NodeDescription<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.is_plain { "text" } else { "listpack" };
        write!(out, "{form}, {} elements, {} bytes", self.count, self.bytes.len())?;
        if self.is_compressed { out.write_str(", compressed") } else { Ok(()) }
    }
}

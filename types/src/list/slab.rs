//! Full nodes side by side in one allocation.
//!
//! A full node of 8 KiB is no good size for every allocator: one that keeps its own notes at the start of 64 KiB
//! finds room for seven such blocks there, and wastes an eighth. So seven full nodes that neighbour each other
//! move into one slab of 56 KiB. A node that is edited moves out again, and when only two are left in a slab,
//! they move out, too, so that what is freed never stays taken for long.

use std::ops::Deref;
use std::sync::Arc;

use super::{End, List};
use crate::run::Run;

/// Bytes of a slab that can be used: seven times 8 KiB without the counters of its `Arc`.
const SLAB_BYTES: usize = 7 * 8192 - 16;

/// A slab is made when so much of it is used.
const SLAB_BYTES_MIN: usize = SLAB_BYTES - SLAB_BYTES / 16;

/// Nodes that are left in a slab when it is given up.
const NODES_LEFT: usize = 2;

/// The most nodes of a slab; smaller ones are not worth it.
pub(super) const NODES_MAX: usize = 28;

/// The bytes of a node.
#[derive(Clone)]
pub(super) enum Bytes {
    /// In an allocation of their own.
    Own(Run),
    /// In a slab, from `start` on.
    Shared { slab: Arc<[u8]>, start: u32, len: u32 },
}

impl Bytes {
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Bytes::Shared { .. })
    }

    /// The bytes, to be edited: in an allocation of their own.
    #[inline]
    pub(super) fn own(&mut self) -> &mut Run {
        if let Bytes::Shared { .. } = self {
            *self = Bytes::Own(Run::new(self.to_vec()));
        }
        match self {
            Bytes::Own(run) => run,
            Bytes::Shared { .. } => unreachable!("it has just moved out"),
        }
    }

    /// Memory in bytes; of a slab only the share.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Bytes::Own(run) => run.memory_bytes(),
            Bytes::Shared { len, .. } => *len as usize,
        }
    }

    /// Whether the slab they are in has become too empty.
    pub(super) fn are_left(&self) -> bool {
        matches!(self, Bytes::Shared { slab, .. } if Arc::strong_count(slab) <= NODES_LEFT)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(run) => run,
            Bytes::Shared { slab, start, len } => &slab[*start as usize..(*start + *len) as usize],
        }
    }
}

impl List {
    /// Moves full nodes behind the one at an end into a slab, if they fill one.
    pub(super) fn pack(&mut self, end: End) {
        let (mut count, mut bytes) = (0, 0);
        for from_end in 1..self.nodes.len().min(NODES_MAX) {
            let index = if end == End::Head { from_end } else { self.nodes.len() - 1 - from_end };
            let node = &self.nodes[index];
            if !node.is_packable() || bytes + node.size() > SLAB_BYTES {
                break;
            }
            bytes += node.size();
            count = from_end;
        }
        if bytes >= SLAB_BYTES_MIN {
            self.share(if end == End::Head { 1 } else { self.nodes.len() - 1 - count }, count);
        }
    }

    /// Moves nodes into one slab.
    fn share(&mut self, first: usize, count: usize) {
        let mut bytes = Vec::with_capacity(SLAB_BYTES);
        for node in self.nodes.range(first..first + count) {
            bytes.extend_from_slice(&node.bytes());
        }
        let (slab, mut start): (Arc<[u8]>, u32) = (bytes.into(), 0);
        for index in first..first + count {
            let len = self.nodes[index].size() as u32;
            let shared = Bytes::Shared { slab: Arc::clone(&slab), start, len };
            self.change(index, |node| node.replace_bytes(shared));
            start += len;
        }
    }

    /// Moves nodes out of slabs near one that has left.
    pub(super) fn loosen(&mut self, near: usize) {
        for index in near.saturating_sub(NODES_MAX)..(near + NODES_MAX).min(self.nodes.len()) {
            let node = &mut self.nodes[index];
            if node.is_left() {
                self.nodes_bytes -= node.memory_bytes();
                node.move_out();
                self.nodes_bytes += node.memory_bytes();
            }
        }
    }
}

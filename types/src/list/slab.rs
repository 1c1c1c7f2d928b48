//! Full nodes side by side in one allocation.
//!
//! A full node of 8 KiB is no good size for every allocator: one that keeps its own notes at the start of 64 KiB
//! finds room for seven such blocks there, and wastes an eighth. So seven full nodes that neighbour each other
//! move into one slab of 56 KiB. A node that is edited moves out again, and when only two are left in a slab,
//! they move out, too, so that what is freed never stays taken for long.
//!
//! A copy of a list shares all nodes' bytes: slabs as they are, and for the others the run is put where both lists
//! can find it. Whoever edits such a node first takes the run back, or copies it while the other has it.

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
    /// In an allocation of their own that a copy of the list has, too, or had.
    Common(Arc<Run>),
    /// In a slab, from `start` on.
    Packed { slab: Arc<[u8]>, start: u32, len: u32 },
}

impl Bytes {
    pub(super) fn are_packed(&self) -> bool {
        matches!(self, Bytes::Packed { .. })
    }

    /// The bytes, to be edited: in an allocation of their own.
    #[inline]
    pub(super) fn own(&mut self) -> &mut Run {
        if !matches!(self, Bytes::Own(_)) {
            self.part();
        }
        match self {
            Bytes::Own(run) => run,
            _ => unreachable!("they have just moved out"),
        }
    }

    /// Moves the bytes to an allocation of their own.
    #[cold]
    fn part(&mut self) {
        let run = match std::mem::replace(self, Bytes::Own(Run::default())) {
            Bytes::Own(run) => run,
            Bytes::Common(run) => Arc::unwrap_or_clone(run),
            packed @ Bytes::Packed { .. } => Run::new(packed.to_vec()),
        };
        *self = Bytes::Own(run);
    }

    /// The same bytes for another list.
    pub(super) fn share(&mut self) -> Bytes {
        if let Bytes::Own(run) = self {
            *self = Bytes::Common(Arc::new(std::mem::take(run)));
        }
        self.clone()
    }

    /// Memory in bytes; of a slab only the share.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Bytes::Own(run) => run.memory_bytes(),
            Bytes::Common(run) => run.memory_bytes(),
            Bytes::Packed { len, .. } => *len as usize,
        }
    }

    /// Whether the slab they are in has become too empty, for all lists that have a part of it.
    pub(super) fn are_left(&self) -> bool {
        matches!(self, Bytes::Packed { slab, .. } if Arc::strong_count(slab) <= NODES_LEFT)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(run) => run,
            Bytes::Common(run) => run,
            Bytes::Packed { slab, start, len } => &slab[*start as usize..(*start + *len) as usize],
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
            self.pack_nodes(if end == End::Head { 1 } else { self.nodes.len() - 1 - count }, count);
        }
    }

    /// Moves nodes into one slab.
    fn pack_nodes(&mut self, first: usize, count: usize) {
        let mut bytes = Vec::with_capacity(SLAB_BYTES);
        for node in self.nodes.range(first..first + count) {
            bytes.extend_from_slice(&node.bytes());
        }
        let (slab, mut start): (Arc<[u8]>, u32) = (bytes.into(), 0);
        for index in first..first + count {
            let len = self.nodes[index].size() as u32;
            let packed = Bytes::Packed { slab: Arc::clone(&slab), start, len };
            self.change(index, |node| node.replace_bytes(packed));
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

//! What was read of a journal and is to be written: pieces of it, which are not copied.

use std::collections::VecDeque;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Bytes of a journal: whole commands and whole transactions, maybe shared with other readers.
#[derive(Clone, Debug)]
pub struct Chunk {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Chunk {
    /// What stands behind the first `count` bytes, all of which there are.
    #[must_use]
    pub fn behind(mut self, count: usize) -> Chunk {
        debug_assert!(count <= self.len());
        self.range.start += count;
        self
    }

    /// Returns whether nobody else has these bytes, or others of the same chunk.
    pub fn is_sole(&self) -> bool {
        Arc::strong_count(&self.bytes) == 1
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Chunk {
        Chunk { range: 0..bytes.len(), bytes: Arc::new(bytes) }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

/// Chunks in the order in which they are to be written.
#[derive(Default)]
pub(super) struct Pending {
    chunks: VecDeque<Chunk>,
    length: usize,
}

impl Pending {
    /// Returns how many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        if !chunk.is_empty() {
            self.length += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Returns the bytes of the first chunk, `most` at most; none if there is no chunk.
    pub(super) fn first(&self, most: usize) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| &chunk[..chunk.len().min(most)])
    }

    /// Drops so many of the first bytes.
    pub(super) fn skip(&mut self, mut length: usize) {
        debug_assert!(length <= self.length);
        self.length -= length;
        while let Some(first) = self.chunks.front_mut() {
            if length < first.len() {
                first.range.start += length;
                return;
            }
            length -= first.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_their_order_whatever_the_pieces() {
        let mut pending = Pending::default();
        pending.push(Chunk::from(b"xabc".to_vec()).behind(1));
        pending.push(Chunk::from(Vec::new()));
        pending.push(Chunk::from(b"defg".to_vec()));
        assert_eq!((pending.len(), pending.first(2), pending.first(9)), (7, &b"ab"[..], &b"abc"[..]));
        pending.skip(1);
        assert_eq!((pending.len(), pending.first(9)), (6, &b"bc"[..]));
        pending.skip(3);
        assert_eq!((pending.len(), pending.first(9)), (3, &b"efg"[..]));
        pending.skip(3);
        assert!(pending.is_empty() && pending.first(9).is_empty());
    }
}

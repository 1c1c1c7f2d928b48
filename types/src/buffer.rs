//! Bytes that can grow and shrink in the middle, wherever they live.

use crate::run::Run;
use std::ops::Deref;

/// A run of bytes that may be edited and change its length.
///
/// The compact forms of collections are edited through this, so that one edit serves them wherever they lie.
#[derive(Debug)]
pub enum Buffer<'a> {
    /// Bytes in an allocation of their own.
    Owned(&'a mut Vec<u8>),
    /// Bytes in an allocation of their own, with room at both ends.
    Run(&'a mut Run),
}

impl Buffer<'_> {
    /// Replaces `remove` bytes from `at` on by `insert` bytes of no particular content. O(bytes behind them).
    ///
    /// # Panics
    /// If the removed bytes are not all there.
    #[inline]
    pub fn splice(&mut self, at: usize, remove: usize, insert: usize) {
        match self {
            Buffer::Owned(bytes) => splice(bytes, at, remove, insert),
            Buffer::Run(run) => run.splice(at, remove, insert),
        }
    }

    /// The bytes, to be overwritten in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Buffer::Owned(bytes) => bytes,
            Buffer::Run(run) => run.bytes_mut(),
        }
    }
}

impl Deref for Buffer<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Buffer::Owned(bytes) => bytes,
            Buffer::Run(run) => run,
        }
    }
}

fn splice(bytes: &mut Vec<u8>, at: usize, remove: usize, insert: usize) {
    let (old_len, behind) = (bytes.len(), at + remove);
    assert!(behind <= old_len, "what is removed must be there");
    if insert > remove {
        bytes.resize(old_len + insert - remove, 0);
        bytes.copy_within(behind..old_len, at + insert);
    } else if insert < remove {
        bytes.copy_within(behind.., at + insert);
        bytes.truncate(old_len + insert - remove);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_keep_what_is_around() {
        for (remove, insert) in [(0, 0), (0, 3), (2, 2), (3, 1), (4, 0), (1, 9)] {
            let mut bytes = b"abcdefgh".to_vec();
            let mut buffer = Buffer::Owned(&mut bytes);
            buffer.splice(2, remove, insert);
            assert_eq!(buffer.len(), 8 - remove + insert);
            buffer.bytes_mut()[2..2 + insert].fill(b'-');
            let expected = ["ab", &"-".repeat(insert), &"cdefgh"[remove..]].concat();
            assert_eq!(bytes, expected.as_bytes());
        }
    }
}

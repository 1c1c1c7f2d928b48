//! Bytes that can grow and shrink in the middle, wherever they live.

use crate::arena::Slot;
use crate::run::Run;
use crate::values::Values;
use std::ops::Deref;

/// A run of bytes that may be edited and change its length.
///
/// The compact forms of collections are edited through this, so that one edit serves them wherever they lie.
pub enum Buffer<'a> {
    /// Bytes in an allocation of their own.
    Owned(&'a mut Vec<u8>),
    /// Bytes in an allocation of their own, with room at both ends.
    Run(&'a mut Run),
    /// The value of an entry.
    Entry {
        /// The map the entry is in.
        values: &'a mut Values,
        /// The hash of the entry's key.
        hash: u64,
        /// Where the entry is; kept right when it moves.
        slot: &'a mut Slot,
    },
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
            Buffer::Entry { values, hash, slot } => splice_value(values, *hash, slot, (at, remove, insert)),
        }
    }

    /// The bytes, to be overwritten in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Buffer::Owned(bytes) => bytes,
            Buffer::Run(run) => run.bytes_mut(),
            Buffer::Entry { values, slot, .. } => values.entry_mut(**slot).into_value(),
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
            Buffer::Entry { values, slot, .. } => values.table().entry(**slot).value(),
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

fn splice_value(
    values: &mut Values,
    hash: u64,
    slot: &mut Slot,
    (at, remove, insert): (usize, usize, usize),
) {
    let old_len = values.table().entry(*slot).value().len();
    let (behind, new_len) = (at + remove, old_len - remove + insert);
    assert!(behind <= old_len, "what is removed must be there");
    if insert < remove {
        values.entry_mut(*slot).value_mut().copy_within(behind.., at + insert);
    }
    *slot = values.resize_value(hash, *slot, new_len);
    if insert > remove {
        values.entry_mut(*slot).value_mut().copy_within(behind..old_len, at + insert);
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

//! Bytes with room at both ends.
//!
//! ```text
//! bytes   ░░░░░░░░ content ░░░░
//!         0       start   len  capacity
//! ```
//!
//! A splice moves whichever side of the content is shorter, so that adding and removing costs nothing at either
//! end. Room is made by doubling; [`Run::shrink`] gives it back.

use std::ops::Deref;

/// The least memory that is asked for.
const CAPACITY_MIN: usize = 64;

/// Content that grows and shrinks at both ends.
#[derive(Clone, Debug, Default)]
pub struct Run {
    bytes: Vec<u8>,
    start: u32,
}

impl Run {
    /// Takes bytes as the content, without any room.
    pub fn new(bytes: Vec<u8>) -> Run {
        Run { bytes, start: 0 }
    }

    /// The content, to be overwritten.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start as usize..]
    }

    /// Memory in bytes. O(1).
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Replaces `remove` bytes from `at` on by `insert` bytes of no particular content. O(bytes of the shorter
    /// side).
    ///
    /// # Panics
    /// If the removed bytes are not all there.
    #[inline]
    pub fn splice(&mut self, at: usize, remove: usize, insert: usize) {
        let behind = self.len().checked_sub(at + remove).expect("what is removed must be there");
        if insert > remove && at < behind {
            self.push_front(at, insert - remove);
        } else if insert > remove {
            self.push_back(behind, insert - remove);
        } else if at < behind {
            let removed = remove - insert;
            let start = self.start as usize;
            self.bytes.copy_within(start..start + at, start + removed);
            self.start += removed as u32;
        } else {
            let kept = self.bytes.len() - behind;
            self.bytes.copy_within(kept.., kept - (remove - insert));
            self.bytes.truncate(self.bytes.len() - (remove - insert));
        }
    }

    /// Gives unused memory back where that is worth a copy.
    pub fn shrink(&mut self) {
        let len = self.len();
        if self.bytes.capacity() > len + len / 16 {
            // A reallocation may leave the memory where it is.
            *self = Run::new(self.to_vec());
        }
    }

    /// Moves the first `before` bytes of the content `added` bytes to the front.
    #[inline]
    fn push_front(&mut self, before: usize, added: usize) {
        if (self.start as usize) < added {
            self.make_room(added, 0);
        }
        let start = self.start as usize;
        self.bytes.copy_within(start..start + before, start - added);
        self.start -= added as u32;
    }

    /// Moves the last `behind` bytes of the content `added` bytes to the back.
    #[inline]
    fn push_back(&mut self, behind: usize, added: usize) {
        if self.bytes.capacity() - self.bytes.len() < added {
            self.make_room(0, added);
        }
        let len = self.bytes.len();
        self.bytes.resize(len + added, 0);
        self.bytes.copy_within(len - behind..len, len - behind + added);
    }

    /// Makes room of at least so many bytes at the ends, within the memory there is if a quarter of that is free.
    #[cold]
    fn make_room(&mut self, front: usize, back: usize) {
        let (start, len) = (self.start as usize, self.len());
        // A quarter more than is asked for, so that the copying is paid for by the edits until the next one.
        let wanted = (len + front + back) * 5 / 4;
        let capacity = self.bytes.capacity();
        let fits = wanted <= capacity;
        let capacity = if fits { capacity } else { wanted.next_power_of_two().max(CAPACITY_MIN) };
        // All room goes where it was asked for.
        let new_start = if front > 0 { capacity - len } else { 0 };
        if fits {
            self.bytes.resize(self.bytes.len().max(new_start + len), 0);
            self.bytes.copy_within(start..start + len, new_start);
            self.bytes.truncate(new_start + len);
        } else {
            let mut bytes = Vec::with_capacity(capacity);
            bytes.resize(new_start, 0);
            bytes.extend_from_slice(self);
            self.bytes = bytes;
        }
        self.start = new_start as u32;
    }
}

impl Deref for Run {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn splices_are_those_of_a_vector() {
        let (mut run, mut model, mut random) = (Run::default(), Vec::new(), Random::new(3));
        for step in 0..50_000_u64 {
            let at = match random.below(3) {
                0 => 0,
                1 => model.len(),
                _ => random.below(model.len() + 1),
            };
            let remove = random.below(30).min(model.len() - at);
            let insert = random.below(if step / 1000 % 2 == 0 { 40 } else { 20 });
            run.splice(at, remove, insert);
            let new = vec![step as u8; insert];
            run.bytes_mut()[at..at + insert].copy_from_slice(&new);
            model.splice(at..at + remove, new);
            assert_eq!(*run, *model);
            if step % 1000 == 999 {
                run.shrink();
                assert!(run.memory_bytes() <= model.len() + model.len() / 16);
                assert_eq!(*run, *model);
            }
        }
    }

    #[test]
    fn queues_move_within_their_memory() {
        let mut run = Run::new(vec![7; 500]);
        for _ in 0..10_000 {
            run.splice(run.len(), 0, 10);
            run.splice(0, 10, 0);
        }
        assert_eq!((run.len(), run.memory_bytes()), (500, 1024));
        for _ in 0..10_000 {
            run.splice(0, 0, 10);
            run.splice(run.len() - 10, 10, 0);
        }
        assert_eq!((run.len(), run.memory_bytes()), (500, 1024));
    }
}

//! What a socket has not taken yet.

use spinel_persistence::log::Chunk;
use std::collections::VecDeque;
use std::ops::Deref;

/// Small replies share a buffer up to so many bytes.
const SHARED_BYTES_MAX: usize = 64 << 10;

/// Bytes in the order in which they are to leave. They stand in buffers that are never moved, however much there is.
#[derive(Default)]
pub(super) struct Unsent {
    buffers: VecDeque<Buffer>,
    /// How much of the first buffer has left.
    sent: usize,
    bytes: usize,
}

/// Bytes that nobody else has, or that others send, too.
enum Buffer {
    Own(Vec<u8>),
    Shared(Chunk),
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Buffer::Own(bytes) => bytes,
            Buffer::Shared(chunk) => chunk,
        }
    }
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// The bytes that are to leave first; none only if there are none at all.
    pub(super) fn first(&self) -> &[u8] {
        self.buffers.front().map_or(&[], |buffer| &buffer[self.sent..])
    }

    /// Drops so many of the [first](Self::first) bytes, which have left.
    pub(super) fn advance(&mut self, count: usize) {
        self.sent += count;
        self.bytes -= count;
        if self.buffers.front().is_some_and(|buffer| buffer.len() == self.sent) {
            self.buffers.pop_front();
            self.sent = 0;
        }
        if self.buffers.is_empty() {
            self.buffers = VecDeque::new();
        }
    }

    /// Takes all bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.bytes);
        while !self.is_empty() {
            let first = self.first();
            let count = first.len();
            all.extend_from_slice(first);
            self.advance(count);
        }
        all
    }

    /// Adds a copy of bytes.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        match self.buffers.back_mut() {
            Some(Buffer::Own(last)) if last.len() + bytes.len() <= SHARED_BYTES_MAX => {
                last.extend_from_slice(bytes);
            }
            _ if bytes.is_empty() => {}
            _ => self.buffers.push_back(Buffer::Own(bytes.to_vec())),
        }
        self.bytes += bytes.len();
    }

    /// Adds a buffer.
    pub(super) fn push(&mut self, buffer: Vec<u8>) {
        if !buffer.is_empty() {
            self.bytes += buffer.len();
            self.buffers.push_back(Buffer::Own(buffer));
        }
    }

    /// Adds bytes that others have, too; they are not copied.
    pub(super) fn share(&mut self, chunks: Vec<Chunk>) {
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            self.bytes += chunk.len();
            self.buffers.push_back(Buffer::Shared(chunk));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_their_order() {
        let mut unsent = Unsent::default();
        unsent.copy(b"");
        unsent.push(Vec::new());
        assert!(unsent.is_empty() && unsent.first().is_empty());
        unsent.copy(b"ab");
        unsent.copy(b"cd");
        unsent.copy(&vec![b'e'; SHARED_BYTES_MAX]);
        unsent.push(b"fg".to_vec());
        unsent.copy(b"h");
        assert_eq!((unsent.first(), unsent.len()), (&b"abcd"[..], SHARED_BYTES_MAX + 7));
        unsent.advance(1);
        assert_eq!(unsent.first(), b"bcd");
        unsent.advance(3);
        unsent.advance(SHARED_BYTES_MAX);
        assert_eq!((unsent.first(), unsent.len()), (&b"fgh"[..], 3));
        unsent.advance(3);
        assert!(unsent.is_empty() && unsent.first().is_empty());
    }
}

//! What has come of a primary and is not used yet.

/// So much there is room for at once, at least.
const PORTION: usize = 16 << 10;
/// So much a buffer has from the beginning.
const BYTES_AT_FIRST: usize = 64 << 10;
/// A buffer that became larger than this becomes smaller once it is empty.
const BYTES_KEPT: usize = 1 << 20;

/// Bytes, and room for more behind them. It grows with what is there, never with what is announced.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Room for what comes. What is there moves at most once for each time that the buffer was full.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.bytes.truncate(BYTES_KEPT);
            self.bytes.shrink_to(BYTES_KEPT);
        }
        if self.bytes.len() - self.end < PORTION && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < PORTION {
            self.bytes.resize((2 * self.bytes.len()).max(BYTES_AT_FIRST), 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Takes what was written to the beginning of the room.
    pub(super) fn fill(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.end, "more than there was room for");
        self.end += count;
    }

    /// Drops the first bytes.
    pub(super) fn skip(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
    }

    /// Drops all.
    pub(super) fn clear(&mut self) {
        self.start = self.end;
    }

    /// How much memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buffer: &mut Buffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = buffer.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            buffer.fill(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn bytes_keep_their_order_whatever_is_dropped_between() {
        let all: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let (mut buffer, mut seen, mut at) = (Buffer::default(), 0, 0);
        for length in (1..).step_by(997) {
            if at == all.len() {
                break;
            }
            let end = all.len().min(at + length);
            put(&mut buffer, &all[at..end]);
            at = end;
            let count = buffer.bytes().len() / 2;
            assert_eq!(buffer.bytes()[..count], all[seen..seen + count]);
            buffer.skip(count);
            seen += count;
        }
        assert_eq!(buffer.bytes(), &all[seen..]);
        buffer.clear();
        assert!(buffer.bytes().is_empty() && buffer.room().len() <= BYTES_KEPT);
        assert!(buffer.memory() <= BYTES_KEPT);
    }
}

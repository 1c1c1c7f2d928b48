//! What is kept of a body that comes, until nobody needs it.
//!
//! ```text
//! body     ├─ gone: read by all, or in the file ─┼─ pieces in memory ──────────────┼─ still to come
//! file     ├─ written ─────────────────────────────────────┤
//! readers       ↑ reads the file                       ↑ has the last piece
//! ```
//!
//! A body that is to be stored in memory is kept whole. One that goes to a file is kept as far as it is not written, and a little
//! more, so that who keeps up reads nothing from there. One that is not stored is kept for the slowest reader only.

use hyper::body::Bytes;
use spinel_types::http_cache::Opened;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// How much of a body that needn't be kept whole is kept, for readers that lag behind.
pub(super) const WINDOW_BYTES: usize = 256 << 10;
/// So much is read from a file at once.
const PIECE_BYTES: u64 = 256 << 10;

/// The memory of all bodies that are under way, in bytes.
#[derive(Default)]
pub(super) struct Ledger(AtomicU64);

impl Ledger {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds bytes, if that makes no more than so many; whether it does.
    fn claim(&self, bytes: u64, bytes_max: u64) -> bool {
        let sum = |sum: u64| sum.checked_add(bytes).filter(|sum| *sum <= bytes_max);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
    }
}

/// How much of one body is in the ledger.
#[derive(Default)]
struct Count {
    ledger: Arc<Ledger>,
    bytes: u64,
}

impl Count {
    /// Makes it at least so much, if all together are then no more than they may be; whether they are.
    fn raise(&mut self, bytes: u64, bytes_max: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let may = more == 0 || self.ledger.claim(more, bytes_max);
        self.bytes += if may { more } else { 0 };
        may
    }

    fn set(&mut self, bytes: u64) {
        self.ledger.0.fetch_add(bytes.wrapping_sub(self.bytes), Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What is kept of a body.
#[derive(Default)]
pub(super) struct Inflow {
    pieces: VecDeque<Bytes>,
    /// How many pieces came before those.
    gone: usize,
    /// And how many bytes.
    gone_bytes: u64,
    /// How many of the pieces that are kept are written.
    written: usize,
    /// Bytes in all pieces that are kept.
    kept_bytes: usize,
    readers: Vec<Option<Position>>,
    /// What is written can be read there.
    file: Option<Arc<dyn Opened>>,
    /// Whether pieces go when all readers have them.
    is_passing: bool,
    count: Count,
    /// So much is counted at least, because it is going to be kept.
    claimed_bytes: u64,
    /// Who brings the pieces, while readers have to catch up.
    bringer: Option<Waker>,
}

/// Where a reader is: what is the next piece, and at which byte that begins. A piece that is gone says only that it is to be
/// read from the file.
#[derive(Clone, Copy, Default)]
struct Position {
    piece: usize,
    offset: u64,
}

/// Where a reader's next bytes are.
pub(super) enum Next {
    Piece(Bytes),
    File(Arc<dyn Opened>, Range<u64>),
    /// They have not come.
    Nothing,
}

impl Inflow {
    pub(super) fn new(ledger: &Arc<Ledger>) -> Inflow {
        Inflow { count: Count { ledger: Arc::clone(ledger), bytes: 0 }, ..Inflow::default() }
    }

    /// Counts the memory of so many bytes that are going to be kept, if there may be so much; whether there may.
    pub(super) fn claim(&mut self, bytes: u64, bytes_max: u64) -> bool {
        let may = self.count.raise(bytes, bytes_max);
        if may {
            self.claimed_bytes = self.count.bytes;
        }
        may
    }

    /// The same for so many bytes more than are kept.
    pub(super) fn claim_more(&mut self, bytes: usize, bytes_max: u64) -> bool {
        self.claim((self.kept_bytes + bytes) as u64, bytes_max)
    }

    pub(super) fn add(&mut self, piece: Bytes) {
        self.kept_bytes += piece.len();
        self.pieces.push_back(piece);
        self.forget();
    }

    /// It is not kept any more, but for its readers.
    pub(super) fn pass(&mut self) {
        self.is_passing = true;
        self.claimed_bytes = 0;
        self.forget();
    }

    /// What is written of it from now on is in this file.
    pub(super) fn write_to(&mut self, file: Arc<dyn Opened>) {
        self.file = Some(file);
        self.claimed_bytes = 0;
        self.forget();
    }

    /// The pieces that are not written.
    pub(super) fn unwritten(&self) -> Vec<Bytes> {
        self.pieces.iter().skip(self.written).cloned().collect()
    }

    /// So many more pieces are written.
    pub(super) fn note_written(&mut self, pieces: usize) {
        self.written += pieces;
        self.forget();
    }

    /// Whether more may come.
    pub(super) fn has_room(&self) -> bool {
        !self.is_passing || self.kept_bytes < WINDOW_BYTES
    }

    /// Whether nobody needs it.
    pub(super) fn is_in_vain(&self) -> bool {
        self.is_passing && self.readers.iter().all(Option::is_none)
    }

    /// Wakes this one when there is room again, or a reader leaves.
    pub(super) fn wake_later(&mut self, waker: &Waker) {
        self.bringer = Some(waker.clone());
    }

    /// All bytes that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// The same, piece by piece.
    pub(super) fn kept(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces.iter().map(|piece| &**piece)
    }

    /// Adds a reader, and says who he is; nothing if the beginning is gone.
    pub(super) fn seat(&mut self) -> Option<usize> {
        if self.gone > 0 && self.file.is_none() {
            return None;
        }
        self.readers.push(Some(Position::default()));
        Some(self.readers.len() - 1)
    }

    /// What a reader gets next. A piece is his with that.
    pub(super) fn next(&mut self, reader: usize) -> Next {
        let Position { piece, offset } = self.readers[reader].unwrap_or_default();
        if let Some(index) = piece.checked_sub(self.gone) {
            let Some(bytes) = self.pieces.get(index).cloned() else { return Next::Nothing };
            self.readers[reader] = Some(Position { piece: piece + 1, offset: offset + bytes.len() as u64 });
            self.forget();
            return Next::Piece(bytes);
        }
        match &self.file {
            Some(file) if offset < self.gone_bytes => {
                Next::File(Arc::clone(file), offset..self.gone_bytes.min(offset + PIECE_BYTES))
            }
            // He has read from the file what is gone, or there were only empty pieces.
            _ => {
                self.readers[reader] = Some(Position { piece: self.gone, offset });
                self.next(reader)
            }
        }
    }

    /// A reader has read so many bytes from the file.
    pub(super) fn advance(&mut self, reader: usize, bytes: u64) {
        if let Some(position) = &mut self.readers[reader] {
            position.offset += bytes;
        }
    }

    /// A reader leaves.
    pub(super) fn leave(&mut self, reader: usize) {
        self.readers[reader] = None;
        self.forget();
        self.wake_bringer();
    }

    /// Drops the pieces that nobody needs, and counts what is left.
    fn forget(&mut self) {
        let needed = if self.is_passing || self.file.is_some() {
            self.readers.iter().flatten().map(|position| position.piece).min().unwrap_or(usize::MAX)
        } else {
            0
        };
        let goes = |inflow: &Inflow| {
            let is_needed = inflow.gone >= needed;
            inflow.written > 0 && (!is_needed || inflow.kept_bytes > WINDOW_BYTES)
                || inflow.is_passing && !is_needed
        };
        while goes(self) {
            let Some(piece) = self.pieces.pop_front() else { break };
            self.gone += 1;
            self.gone_bytes += piece.len() as u64;
            self.written = self.written.saturating_sub(1);
            self.kept_bytes -= piece.len();
        }
        self.count.set(self.claimed_bytes.max(self.kept_bytes as u64));
        if self.kept_bytes < WINDOW_BYTES {
            self.wake_bringer();
        }
    }

    fn wake_bringer(&mut self) {
        if let Some(bringer) = self.bringer.take() {
            bringer.wake();
        }
    }
}

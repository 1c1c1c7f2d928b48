//! Telling bytes that never reached the disk from bytes that the disk has changed.
//!
//! Both look alike where they stand: a power cut may leave zeros, or half of a batch, in the middle of what was written
//! since the last sync. But each batch claims up to where the stream was durable when it was written. An intact batch
//! behind the damage that claims more than what is before the damage refutes that a power cut explains it.

use super::annotation::{Annotation, BATCH, BatchHead};
use super::window::Window;
use std::io;
use std::ops::RangeInclusive;

/// What is wrong at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// The file ends before something is whole.
    Torn { in_transaction: bool },
    /// Something is there that nobody wrote.
    Malformed,
}

/// Bytes looked at together when searching for batches.
const STRIDE: usize = 64 * 1024;

/// The longest line of a batch, its end included.
const LINE_BYTES_MAX: usize = 85;

/// Searches from the window's place on, where the stream stands at `offset`, for an intact batch that claims that the
/// stream was durable beyond it.
///
/// Values may hold what looks like a batch. It counts only if the stream can stand where it says: the file has at least as
/// many bytes as the stream.
pub(super) fn is_refuted(window: &mut Window, offset: u64) -> io::Result<bool> {
    let end = window.length();
    let start = window.offset();
    let mut place = start;
    while place < end {
        window.seek(place);
        window.want(STRIDE)?;
        let bytes = window.bytes();
        let searched = bytes.len().min(STRIDE);
        let found = bytes[..searched].windows(BATCH.len()).position(|four| four == BATCH);
        let Some(at) = found else {
            // A marker may lie across the edge.
            place += (searched.saturating_sub(BATCH.len() - 1)).max(1) as u64;
            continue;
        };
        place += at as u64;
        if is_intact_claim(window, place, offset..=offset + (place - start))? {
            return Ok(true);
        }
        place += BATCH.len() as u64;
    }
    Ok(false)
}

/// Whether an intact batch begins at `place` that stands at one of these offsets and claims more than the first.
fn is_intact_claim(window: &mut Window, place: u64, offsets: RangeInclusive<u64>) -> io::Result<bool> {
    window.seek(place);
    window.want(LINE_BYTES_MAX)?;
    let Some((head, line_bytes)) = head(window.bytes()) else {
        return Ok(false);
    };
    let whole = head.length.saturating_add(line_bytes as u64);
    let is_claim = offsets.contains(&head.offset) && head.synced() > *offsets.start();
    if !is_claim || whole > window.left() {
        return Ok(false);
    }
    let whole = usize::try_from(whole).unwrap_or(usize::MAX);
    window.want(whole)?;
    Ok(head.fits(&window.bytes()[line_bytes..whole]))
}

/// Reads the line of a batch: what it says, and its length.
fn head(bytes: &[u8]) -> Option<(BatchHead, usize)> {
    let line_bytes = bytes.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n')? + 1;
    match Annotation::parse(&bytes[..line_bytes - 1]) {
        Annotation::Batch(head) => Some((head, line_bytes)),
        _ => None,
    }
}

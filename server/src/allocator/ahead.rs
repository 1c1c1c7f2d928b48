//! The thread that touches memory before anybody needs it.
//!
//! Whenever mimalloc opens a block, the blocks behind it are made ready: as many as will be opened in a tenth of a
//! second at the present rate. When nothing has been opened for a while, or hardly more memory may be used, those not needed
//! after all are given back.

use super::blocks::{BLOCK_BYTES, Opened};
use super::{RANGE, STEP_BYTES, blocks, cool, extend, may_touch_ahead, warm};
use std::io;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How much growth is prepared for.
const LEAD: Duration = Duration::from_millis(100);
/// How many blocks are made ready behind another: 4 to 16 MiB. Two at least, because tables grow by fits and starts: all
/// shards of a database fill their pages at about the same time.
const AHEAD: RangeInclusive<u128> = 2..=BLOCKS_MAX as u128;
/// No more are ready at a time.
pub(super) const BLOCKS_MAX: usize = 8;
/// More than the thread needs to touch a block.
const TOUCH: Duration = Duration::from_millis(15);
/// Growth has ended when nothing was opened for so long.
const QUIET: Duration = Duration::from_millis(250);
/// With fewer blocks left, mimalloc is handed more.
const RESERVE_BLOCKS: usize = STEP_BYTES / BLOCK_BYTES / 4;

/// The running thread.
static THREAD: OnceLock<Thread> = OnceLock::new();

/// Starts the thread, which ends with the process.
pub(crate) fn start() -> io::Result<()> {
    if RANGE.get().is_some() && THREAD.get().is_none() {
        // What was opened so far is what starting takes; it tells nothing of growth.
        blocks().take_opened();
        let handle = thread::Builder::new().name("ahead".to_owned()).spawn(run)?;
        // Another start at the same time has its own thread, which is one too many and never woken.
        let _ = THREAD.set(handle.thread().clone());
    }
    Ok(())
}

/// Says that a block was opened. Costs a system call if the thread rests.
pub(super) fn wake() {
    if let Some(thread) = THREAD.get() {
        thread.unpark();
    }
}

fn run() {
    let mut opened_last = Instant::now();
    let mut may_be_in_vain = false;
    loop {
        let opened = blocks().take_opened();
        if opened.count() == 0 {
            rest(opened_last);
            continue;
        }
        let distances = distances(opened.count(), opened_last.elapsed());
        opened_last = Instant::now();
        if may_touch_ahead() {
            may_be_in_vain = true;
            make_ready(&opened, distances);
        } else if std::mem::take(&mut may_be_in_vain) {
            cool();
        }
        if blocks().unused() < RESERVE_BLOCKS {
            extend();
        }
    }
}

/// Waits for the next opening; gives back what is too much when growth has ended.
fn rest(opened_last: Instant) {
    match QUIET.checked_sub(opened_last.elapsed()) {
        Some(remaining) if !remaining.is_zero() => thread::park_timeout(remaining),
        _ => {
            cool();
            thread::park();
        }
    }
}

/// Touches blocks behind those that were opened, the nearest first, until more are opened.
fn make_ready(opened: &Opened, distances: RangeInclusive<usize>) {
    for distance in distances {
        for block in opened.blocks() {
            if warm(block + distance) && blocks().has_opened() {
                return;
            }
        }
    }
}

/// Which blocks behind an opened one are to be ready, if `count` were opened in `elapsed`: those that will be
/// opened within the lead. Not the next one if it is about to be opened: it would be touched twice.
fn distances(count: usize, elapsed: Duration) -> RangeInclusive<usize> {
    let each = elapsed.as_micros() / count.max(1) as u128;
    let first = if each < TOUCH.as_micros() { 2 } else { 1 };
    let expected = LEAD.as_micros().div_ceil(each.max(1));
    first..=expected.clamp(*AHEAD.start(), *AHEAD.end()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_decides_how_much_is_made_ready() {
        assert_eq!(distances(1, Duration::from_secs(9)), 1..=2);
        assert_eq!(distances(1, Duration::from_millis(25)), 1..=4);
        assert_eq!(distances(3, Duration::from_millis(99)), 1..=4);
        assert_eq!(distances(64, Duration::ZERO), 2..=8);
    }
}

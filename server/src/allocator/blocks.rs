//! What is known of the memory that mimalloc allocates from.
//!
//! ```text
//! step 1 GiB   | block | block | block | …
//! block 2 MiB  what a large page covers: 32 slices
//! slice 64 KiB what mimalloc commits at least
//! ```
//!
//! A block is *warm* when it was touched as one large page ahead of its use, and *open* when mimalloc has
//! committed any of its slices. Nothing here allocates, because the allocator calls it.

use std::ops::Range;

/// What a large page covers.
pub(super) const BLOCK_BYTES: usize = 2 << 20;
/// What mimalloc commits at least.
pub(crate) const SLICE_BYTES: usize = 64 << 10;

const SLICES: usize = BLOCK_BYTES / SLICE_BYTES;
const _: () = assert!(SLICES == u32::BITS as usize);

/// Commits of so much are for pages of things below 10 KiB: entries, index and tree, of which more are going to come.
/// Larger ones are for single values, or for up to 4 MiB that a few large things share, and tell nothing of the next.
const GROWTH_SLICES_MAX: usize = 1;

/// Blocks opened since somebody asked that are remembered. Each thread that grows opens one at a time.
const OPENED_MAX: usize = 16;

#[derive(Clone, Copy)]
struct Block {
    /// One bit per slice.
    committed: u32,
    is_warm: bool,
}

impl Block {
    const COLD: Block = Block { committed: 0, is_warm: false };

    fn is_open(self) -> bool {
        self.committed != 0
    }
}

/// The blocks of a range, of which the first [`len`](Blocks::len) are mimalloc's.
pub(super) struct Blocks<const MAX: usize> {
    states: [Block; MAX],
    len: usize,
    /// Blocks that aren't open.
    unused: usize,
    committed_slices: usize,
    opened: Opened,
}

/// The blocks that were opened of late.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    blocks: [usize; OPENED_MAX],
    count: usize,
}

impl Opened {
    const NONE: Opened = Opened { blocks: [0; OPENED_MAX], count: 0 };

    /// How many they were.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The last of them.
    pub(super) fn blocks(&self) -> &[usize] {
        &self.blocks[..self.count.min(OPENED_MAX)]
    }

    fn note(&mut self, block: usize) {
        self.blocks[self.count % OPENED_MAX] = block;
        self.count += 1;
    }
}

impl<const MAX: usize> Blocks<MAX> {
    /// No blocks yet.
    pub(super) const EMPTY: Self =
        Blocks { states: [Block::COLD; MAX], len: 0, unused: 0, committed_slices: 0, opened: Opened::NONE };

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that mimalloc has committed.
    pub(super) fn committed_bytes(&self) -> usize {
        self.committed_slices * SLICE_BYTES
    }

    /// Blocks of which mimalloc has committed nothing.
    pub(super) fn unused(&self) -> usize {
        self.unused
    }

    /// Adds blocks that nobody has touched.
    pub(super) fn extend(&mut self, added: usize) {
        assert!(self.len + added <= MAX, "the range has {MAX} blocks");
        self.len += added;
        self.unused += added;
    }

    /// Notes that slices are in use from now on; whether growth opened a block.
    ///
    /// Where the commit is no growth, memory that was touched ahead is first given to `trim`: perhaps only the beginning
    /// of what is committed will ever be written to.
    pub(super) fn commit(&mut self, slices: Range<usize>, trim: impl Fn(Range<usize>)) -> bool {
        let before = self.opened.count;
        let is_growth = slices.len() <= GROWTH_SLICES_MAX;
        for (index, mask) in parts(slices) {
            let block = &mut self.states[index];
            if block.is_warm && !is_growth {
                block.is_warm = block.is_open();
                let first = index * SLICES + mask.trailing_zeros() as usize;
                trim(first..first + mask.count_ones() as usize);
            }
            if !block.is_open() {
                self.unused -= 1;
                if is_growth {
                    self.opened.note(index);
                }
            }
            self.committed_slices += (mask & !block.committed).count_ones() as usize;
            block.committed |= mask;
        }
        self.opened.count > before
    }

    /// Notes that slices are not in use any more. Warm blocks left without a use become cold and are given to `discard`.
    pub(super) fn decommit(&mut self, slices: Range<usize>, discard: impl Fn(usize)) {
        for (index, mask) in parts(slices) {
            let block = &mut self.states[index];
            let was_open = block.is_open();
            self.committed_slices -= (mask & block.committed).count_ones() as usize;
            block.committed &= !mask;
            if was_open && !block.is_open() {
                self.unused += 1;
                if std::mem::take(&mut block.is_warm) {
                    discard(index);
                }
            }
        }
    }

    /// Makes a block warm, unless it is, or is open; whether it has.
    pub(super) fn warm(&mut self, index: usize) -> bool {
        match self.states[..self.len].get_mut(index) {
            Some(block) if !block.is_open() && !block.is_warm => {
                block.is_warm = true;
                true
            }
            _ => false,
        }
    }

    /// Gives back what was touched of a block and isn't used: if it is warm it becomes cold and is given to `discard`; of an open
    /// one that was warm, runs of slices that aren't committed are given to `trim`.
    pub(super) fn cool(&mut self, index: usize, discard: impl Fn(usize), trim: impl Fn(Range<usize>)) {
        let Some(block) = self.states[..self.len].get_mut(index).filter(|block| block.is_warm) else {
            return;
        };
        if block.is_open() {
            unused_runs(block.committed)
                .for_each(|run| trim(index * SLICES + run.start..index * SLICES + run.end));
        } else {
            block.is_warm = false;
            discard(index);
        }
    }

    #[cfg(test)]
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.states[index].is_open()
    }

    /// Whether blocks were opened since they were last taken.
    pub(super) fn has_opened(&self) -> bool {
        self.opened.count > 0
    }

    /// Takes the blocks that were opened since the last call.
    pub(super) fn take_opened(&mut self) -> Opened {
        std::mem::replace(&mut self.opened, Opened::NONE)
    }
}

/// The runs of slices of a block that aren't committed.
fn unused_runs(committed: u32) -> impl Iterator<Item = Range<usize>> {
    let is_unused = move |slice: usize| slice < SLICES && committed >> slice & 1 == 0;
    let starts = (0..SLICES).filter(move |slice| is_unused(*slice) && (*slice == 0 || !is_unused(slice - 1)));
    starts.map(move |start| start..(start..SLICES).find(|slice| !is_unused(*slice)).unwrap_or(SLICES))
}

/// Cuts slices into blocks, each with the bits of its slices.
fn parts(slices: Range<usize>) -> impl Iterator<Item = (usize, u32)> {
    (slices.start / SLICES..slices.end.div_ceil(SLICES)).map(move |block| {
        let first = slices.start.saturating_sub(block * SLICES);
        let end = (slices.end - block * SLICES).min(SLICES);
        (block, (u32::MAX >> (SLICES - (end - first))) << first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn eight() -> Blocks<8> {
        let mut blocks = Blocks::EMPTY;
        blocks.extend(8);
        blocks
    }

    /// Commits slices of blocks that aren't warm, or as growth; whether that opened a block.
    fn commit<const MAX: usize>(blocks: &mut Blocks<MAX>, slices: Range<usize>) -> bool {
        blocks.commit(slices, |_| ())
    }

    /// The blocks that `work` discards.
    fn discarded(work: impl FnOnce(&dyn Fn(usize))) -> Vec<usize> {
        let list = RefCell::new(Vec::new());
        work(&|block| list.borrow_mut().push(block));
        list.into_inner()
    }

    #[test]
    fn slices_are_cut_at_the_edges_of_blocks() {
        let cut = |slices| parts(slices).collect::<Vec<_>>();
        assert_eq!(cut(0..1), [(0, 1)]);
        assert_eq!(cut(31..34), [(0, 1 << 31), (1, 3)]);
        assert_eq!(cut(32..96), [(1, u32::MAX), (2, u32::MAX)]);
    }

    #[test]
    fn a_block_opens_once_and_may_open_again() {
        let mut blocks = eight();
        assert!(commit(&mut blocks, 0..1));
        assert!(!commit(&mut blocks, 1..2));
        assert!(commit(&mut blocks, 63..64));
        assert!(commit(&mut blocks, 64..65));
        assert!(!commit(&mut blocks, 96..128), "a large value is no growth");
        assert_eq!((blocks.take_opened().blocks(), blocks.unused()), (&[0, 1, 2][..], 4));
        assert_eq!(blocks.committed_bytes(), (1 + 1 + 1 + 1 + 32) * SLICE_BYTES);
        blocks.decommit(96..128, |_| ());
        assert_eq!(discarded(|discard| blocks.decommit(0..96, discard)), [0; 0]);
        assert_eq!((blocks.take_opened().count(), blocks.unused()), (0, 8));
        assert_eq!(blocks.committed_bytes(), 0);
        assert!(commit(&mut blocks, 3..4));
        commit(&mut blocks, 2..5);
        assert_eq!(blocks.committed_bytes(), 3 * SLICE_BYTES, "what was committed before counts once");
    }

    #[test]
    fn more_openings_than_can_be_remembered_are_counted() {
        let mut blocks = Blocks::<64>::EMPTY;
        blocks.extend(64);
        (0..64).for_each(|block| assert!(commit(&mut blocks, block * SLICES..block * SLICES + 1)));
        let opened = blocks.take_opened();
        assert_eq!((opened.count(), opened.blocks().len(), opened.blocks()[15]), (64, 16, 63));
    }

    #[test]
    fn only_unused_blocks_are_warmed_and_only_once() {
        let mut blocks = eight();
        commit(&mut blocks, 0..1);
        assert!(!blocks.warm(0), "open");
        assert!(blocks.warm(1) && !blocks.warm(1));
        assert!(!blocks.warm(8), "not there");
    }

    #[test]
    fn a_warm_block_is_discarded_with_its_last_slice() {
        let mut blocks = eight();
        blocks.warm(2);
        commit(&mut blocks, 64..65);
        commit(&mut blocks, 69..70);
        assert_eq!(discarded(|discard| blocks.decommit(64..69, discard)), [0; 0]);
        assert_eq!(discarded(|discard| blocks.decommit(60..96, discard)), [2]);
        assert!(blocks.warm(2), "it is cold again");
    }

    #[test]
    fn what_may_stay_unwritten_loses_what_was_touched_ahead() {
        let mut blocks = eight();
        (1..4).for_each(|block| assert!(blocks.warm(block)));
        blocks.commit(32..33, |_| unreachable!("growth uses it"));
        let trimmed = RefCell::new(Vec::new());
        blocks.commit(40..112, |run| trimmed.borrow_mut().push(run));
        assert_eq!(*trimmed.borrow(), [40..64, 64..96, 96..112]);
        blocks.commit(112..128, |_| unreachable!("block 3 is cold"));
    }

    #[test]
    fn runs_of_unused_slices_are_found() {
        let runs = |committed| unused_runs(committed).map(|run| (run.start, run.end)).collect::<Vec<_>>();
        assert_eq!(runs(0), [(0, 32)]);
        assert_eq!(runs(u32::MAX), []);
        assert_eq!(runs(0b1), [(1, 32)]);
        assert_eq!(runs(0x8000_0000), [(0, 31)]);
        assert_eq!(runs(0xffff_0ff0), [(0, 4), (12, 16)]);
    }

    #[test]
    fn what_was_warmed_in_vain_cools() {
        let mut blocks = eight();
        blocks.warm(1);
        commit(&mut blocks, 32..33);
        (2..5).for_each(|block| assert!(blocks.warm(block)));
        let trimmed = RefCell::new(Vec::new());
        let trim = |run| trimmed.borrow_mut().push(run);
        let mut cool = |discard: &dyn Fn(usize)| (0..9).for_each(|index| blocks.cool(index, discard, trim));
        assert_eq!(discarded(&mut cool), [2, 3, 4]);
        assert_eq!(discarded(cool), [0; 0]);
        assert_eq!(*trimmed.borrow(), [33..64, 33..64], "block 1 is open and stays warm");
        assert!(blocks.warm(2) && blocks.warm(3));
    }
}

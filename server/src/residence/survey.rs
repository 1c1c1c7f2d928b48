//! What lies where in the allocator's range.
//!
//! mimalloc cuts memory of up to 10 KiB from pages of 64 KiB, each a slice, and larger memory from pages of 512 KiB, which begin at
//! any slice. Of these only the slices are known. So memory of that size lies sparsely if little lies in each eight slices of which its
//! own is one: one of these eights is its page.

use crate::allocator::{self, SLICE_BYTES};
use spinel_storage::keyspace::Location;

/// In what pages something lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Of 64 KiB.
    Small,
    /// Of 512 KiB.
    Medium,
    /// In such as a few have for themselves.
    Large,
}

impl Size {
    fn of(location: Location) -> Size {
        const SMALL_BYTES_MAX: usize = 10 << 10;
        const MEDIUM_BYTES_MAX: usize = 64 << 10;
        if location.bytes <= SMALL_BYTES_MAX {
            Size::Small
        } else if location.bytes <= MEDIUM_BYTES_MAX {
            Size::Medium
        } else {
            Size::Large
        }
    }
}

/// Slices of a page for what is larger than small.
const MEDIUM_SLICES: usize = 8;
const MEDIUM_BYTES: usize = MEDIUM_SLICES * SLICE_BYTES;

/// What lies in places is told apart by how many of so many parts of a place are in use.
const LEVELS: usize = 32;
/// A place that is no fuller is sparse, usually and when memory is short: when less than 24 or 27 parts are in use.
const DENSEST: (usize, usize) = (LEVELS * 3 / 4 - 1, LEVELS * 7 / 8 - 2);
/// So full become places in the end that something is put into.
const ATTAINED: usize = LEVELS - 3;

/// How full of so much a place is that has so much in it.
fn level(bytes: usize, page_bytes: usize) -> usize {
    (bytes * LEVELS / page_bytes).min(LEVELS)
}

/// The slices in which something lies, and how much.
fn in_use(sums: &[u32]) -> impl Iterator<Item = (usize, usize)> {
    sums.iter().map(|bytes| *bytes as usize).enumerate().filter(|(_, bytes)| *bytes > 0)
}

/// How many bytes lie in each slice.
#[derive(Default)]
pub(super) struct Survey {
    small: Vec<u32>,
    medium: Vec<u32>,
    /// What lies in places that are no fuller is to be put elsewhere; none before it has been chosen.
    sparse_max: Option<usize>,
}

impl Survey {
    /// A survey of so many slices, in which nothing lies yet.
    pub(super) fn new(slices: usize) -> Survey {
        Survey { small: vec![0; slices], medium: vec![0; slices], sparse_max: None }
    }

    /// Decides how full the places are that are to be emptied, the sparsest first, so that no more than about so many bytes are
    /// moved. How many bytes are to be won, nearly, of those places and of all others that are sparse.
    pub(super) fn choose(&mut self, is_short: bool, moved_max: usize) -> usize {
        let densest = if is_short { DENSEST.1 } else { DENSEST.0 };
        // Of each level the bytes of its places, and those of what lies in them.
        let mut levels = [(0, 0); LEVELS + 1];
        let mut add = |level: usize, space: usize, bytes: usize| {
            levels[level].0 += space;
            levels[level].1 += bytes;
        };
        for (_, bytes) in in_use(&self.small) {
            add(level(bytes, SLICE_BYTES), SLICE_BYTES, bytes);
        }
        for (slice, bytes) in in_use(&self.medium) {
            let in_page = self.densest(slice);
            add(level(in_page, MEDIUM_BYTES), bytes * MEDIUM_BYTES / in_page, bytes);
        }
        let (mut moved, mut gain) = (0, 0);
        self.sparse_max = None;
        for (level, (space, bytes)) in levels.into_iter().enumerate().take(densest + 1) {
            moved += bytes;
            if self.sparse_max.is_none() && (moved > moved_max || level == densest) {
                self.sparse_max = Some(level);
            }
            gain += (space / LEVELS * ATTAINED).saturating_sub(bytes);
        }
        gain
    }

    /// Adds what lies somewhere. Always false: it stays there.
    pub(super) fn add(&mut self, location: Location) -> bool {
        self.note(location, allocator::rounded(location.bytes) as u32);
        false
    }

    /// Takes what lies about a place for dense, because something was put there.
    pub(super) fn fill(&mut self, location: Location) {
        self.note(location, MEDIUM_BYTES as u32);
    }

    fn note(&mut self, location: Location, bytes: u32) {
        let Some(slices) = allocator::slices_of(location.address, location.bytes) else { return };
        let of_size = match Size::of(location) {
            Size::Small => &mut self.small,
            Size::Medium => &mut self.medium,
            Size::Large => return,
        };
        // What crosses the end of a slice counts where it begins: an eighth more or less is nothing here.
        if let Some(sum) = of_size.get_mut(slices.start) {
            *sum = sum.saturating_add(bytes);
        }
    }

    /// Whether what lies in a place is to be put elsewhere.
    pub(super) fn is_sparse(&self, location: Location) -> bool {
        let Some(slices) = allocator::slices_of(location.address, location.bytes) else { return false };
        let Some(sparse_max) = self.sparse_max else { return false };
        let slice = slices.start;
        let level = match Size::of(location) {
            Size::Small => self.small.get(slice).map(|bytes| level(*bytes as usize, SLICE_BYTES)),
            Size::Medium => Some(level(self.densest(slice), MEDIUM_BYTES)),
            Size::Large => None,
        };
        level.is_some_and(|level| level <= sparse_max)
    }

    /// The most that lies in eight slices of which this is one.
    fn densest(&self, slice: usize) -> usize {
        let first = slice.saturating_sub(MEDIUM_SLICES - 1);
        let sums = (first..=slice).map(|start| {
            let end = (start + MEDIUM_SLICES).min(self.medium.len());
            self.medium[start.min(end)..end].iter().map(|bytes| *bytes as usize).sum()
        });
        sums.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(bytes: &[u8]) -> Location {
        Location { address: bytes.as_ptr().addr(), bytes: bytes.len() }
    }

    fn survey<'a>(all: impl IntoIterator<Item = &'a Vec<u8>>) -> Survey {
        let mut survey = Survey::new(allocator::slices());
        all.into_iter().for_each(|bytes| assert!(!survey.add(location(bytes))));
        survey
    }

    /// How many of so many allocations lie sparsely when all are there, and how many of those that are left when one of so
    /// many is; and what is to be won then.
    fn sparse(len: usize, count: usize, one_of: usize) -> (usize, usize, usize) {
        let mut all: Vec<Vec<u8>> = (0..count).map(|_| vec![1; len]).collect();
        let mut full = survey(&all);
        full.choose(false, usize::MAX);
        let sparse_of_all = all.iter().filter(|bytes| full.is_sparse(location(bytes))).count();
        let mut number = 0;
        all.retain(|_| {
            number += 1;
            number % one_of == 0
        });
        let mut left = survey(&all);
        let gain = left.choose(false, usize::MAX);
        (sparse_of_all, all.iter().filter(|bytes| left.is_sparse(location(bytes))).count(), gain)
    }

    #[test]
    fn what_little_lies_beside_is_found() {
        for (len, count) in [(4096, 3000), (1500, 9000), (10_000, 1200), (20_000, 600), (60_000, 200)] {
            // Others allocate meanwhile, and the first and the last page are never full.
            let (of_all, of_left, gain) = sparse(len, count, 10);
            assert!(of_all * 4 < count, "{of_all} of {count} times {len} bytes lie sparsely");
            assert!(of_left * 10 > count / 10 * 9, "{of_left} of {} times {len}", count / 10);
            assert!(gain > len * count / 5 * 2, "{gain} bytes of {len} times {count} are to be won");
        }
        assert_eq!(sparse(100_000, 20, 10).1, 0, "what is large has its place for itself");
    }

    #[test]
    fn what_was_filled_is_not_sparse() {
        let bytes = vec![1; 4096];
        let mut survey = survey([&bytes]);
        assert!(!survey.is_sparse(location(&bytes)), "nothing has been chosen");
        survey.choose(false, usize::MAX);
        assert!(survey.is_sparse(location(&bytes)));
        survey.fill(location(&bytes));
        assert!(!survey.is_sparse(location(&bytes)));
        let elsewhere = Location { address: 4096, bytes: 4096 };
        survey.fill(elsewhere);
        assert!(!survey.is_sparse(elsewhere), "it is none of the allocator's");
    }

    #[test]
    fn the_sparsest_places_are_emptied_first() {
        // Sizes in slices: of those of the one, an eighth is left, of the others a half.
        let mut all: Vec<Vec<u8>> = (0..6000).map(|number| vec![1; [4096, 5000][number / 3000]]).collect();
        let mut number = 0;
        all.retain(|bytes| {
            number += 1;
            number % if bytes.len() == 4096 { 8 } else { 2 } == 0
        });
        let chosen = |survey: &Survey, len| {
            let of_len = all.iter().filter(|bytes| bytes.len() == len);
            of_len.filter(|bytes| survey.is_sparse(location(bytes))).count()
        };
        let mut survey = survey(&all);
        let gain = survey.choose(true, 1 << 20);
        assert!(chosen(&survey, 4096) > 3000 / 8 * 9 / 10, "{}", chosen(&survey, 4096));
        assert!(chosen(&survey, 5000) < 1500 / 10, "{}", chosen(&survey, 5000));
        assert_eq!(survey.choose(true, usize::MAX), gain, "what is to be won is more than what is chosen");
        assert!(chosen(&survey, 5000) > 1500 * 9 / 10, "{}", chosen(&survey, 5000));
    }
}

//! Which parts of something long are free.

use std::collections::{BTreeMap, BTreeSet};

/// Parts that are free, none beside another: those would be one. Lengths are never 0.
#[derive(Debug, Default)]
pub(super) struct Extents {
    lengths: BTreeMap<usize, usize>,
    /// The same as lengths and starts.
    by_length: BTreeSet<(usize, usize)>,
}

impl Extents {
    /// All of `0..length`.
    pub(super) fn new(length: usize) -> Extents {
        let mut extents = Extents::default();
        extents.insert(0, length);
        extents
    }

    /// Takes the start of the shortest part that is long enough, so that what comes in a few lengths finds its places again.
    /// O(log parts).
    pub(super) fn take(&mut self, length: usize) -> Option<usize> {
        let &(whole, start) = self.by_length.range((length, 0)..).next()?;
        self.remove(start, whole);
        if whole > length {
            self.insert(start + length, whole - length);
        }
        Some(start)
    }

    /// Makes a part free that was taken. O(log parts).
    pub(super) fn give(&mut self, start: usize, length: usize) {
        let (mut from, mut end) = (start, start + length);
        let before = self.lengths.range(..start).next_back().map(|(&start, &length)| (start, length));
        if let Some((other, length)) = before.filter(|(other, length)| other + length == start) {
            self.remove(other, length);
            from = other;
        }
        if let Some(length) = self.lengths.get(&end).copied() {
            self.remove(end, length);
            end += length;
        }
        self.insert(from, end - from);
    }

    fn insert(&mut self, start: usize, length: usize) {
        self.lengths.insert(start, length);
        self.by_length.insert((length, start));
    }

    fn remove(&mut self, start: usize, length: usize) {
        self.lengths.remove(&start);
        self.by_length.remove(&(length, start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_a_row_of_places_says() {
        const LENGTH: usize = 64;
        let mut extents = Extents::new(LENGTH);
        let mut is_taken = [false; LENGTH];
        let mut taken: Vec<(usize, usize)> = Vec::new();
        let mut seed = 1_u32;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % below
        };
        for _ in 0..20_000 {
            if taken.is_empty() || random(2) == 0 {
                let length = 1 + random(12);
                let fits = is_taken.windows(length).any(|places| places.iter().all(|taken| !taken));
                let start = extents.take(length);
                assert_eq!(start.is_some(), fits, "{length} of {is_taken:?}");
                let Some(start) = start else { continue };
                assert!(is_taken[start..start + length].iter().all(|taken| !taken));
                is_taken[start..start + length].fill(true);
                taken.push((start, length));
            } else {
                let (start, length) = taken.swap_remove(random(taken.len()));
                is_taken[start..start + length].fill(false);
                extents.give(start, length);
            }
            let free = is_taken.chunk_by(|one, next| one == next).filter(|places| !places[0]).count();
            assert_eq!((extents.lengths.len(), extents.by_length.len()), (free, free));
        }
    }
}

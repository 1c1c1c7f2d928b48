//! A stable sort that can be broken off.
//!
//! ```text
//! [ 3 1 2 ][ 0 4 ]    portions, each sorted at once
//! [ 1 2 3 ][ 0 4 ]    neighbours merged, and merged again, until one is left
//! ```
//!
//! O(n * log(n)), with room for as many items again.

use std::cmp::Ordering;

/// So many items are sorted, or merged, between two looks at whether the result is still wanted.
const PORTION: usize = 32 * 1024;

/// Sorts items as long as that is wanted. If it no longer is, they are all there, in whatever order.
pub(super) fn sort_while<T: Copy>(
    items: &mut Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering,
    is_wanted: impl Fn() -> bool,
) {
    for portion in items.chunks_mut(PORTION) {
        if !is_wanted() {
            return;
        }
        portion.sort_by(&compare);
    }
    let mut sorted = PORTION;
    let mut merged = Vec::new();
    while sorted < items.len() {
        merged.reserve(items.len());
        for pair in items.chunks(sorted * 2) {
            let (one, other) = pair.split_at(sorted.min(pair.len()));
            if !merge(one, other, &mut merged, (&compare, &is_wanted)) {
                return;
            }
        }
        std::mem::swap(items, &mut merged);
        merged.clear();
        sorted *= 2;
    }
}

/// Appends the items of two sorted rows in their order; whether it came to its end.
fn merge<T: Copy>(
    mut one: &[T],
    mut other: &[T],
    merged: &mut Vec<T>,
    (compare, is_wanted): (impl Fn(&T, &T) -> Ordering, impl Fn() -> bool),
) -> bool {
    while let ([first, one_rest @ ..], [second, other_rest @ ..]) = (one, other) {
        // Of equal items those of the first row come first.
        if compare(second, first) == Ordering::Less {
            merged.push(*second);
            other = other_rest;
        } else {
            merged.push(*first);
            one = one_rest;
        }
        if merged.len().is_multiple_of(PORTION) && !is_wanted() {
            return false;
        }
    }
    merged.extend_from_slice(one);
    merged.extend_from_slice(other);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use std::cell::Cell;

    fn items(count: usize) -> Vec<(u64, usize)> {
        let mut entropy = Entropy::new(7);
        (0..count).map(|place| (entropy.below(count as u64 / 3 + 1), place)).collect()
    }

    #[test]
    fn equal_items_keep_their_order() {
        for count in [0, 1, 5, PORTION, PORTION + 1, 3 * PORTION - 1, 5 * PORTION + 9] {
            let mut items = items(count);
            let mut expected = items.clone();
            expected.sort_unstable();
            sort_while(&mut items, |one, other| one.0.cmp(&other.0), || true);
            assert!(items == expected, "{count} items");
        }
    }

    #[test]
    fn it_ends_when_it_is_no_longer_wanted() {
        for looks in 0..10_u32 {
            let mut items = items(5 * PORTION);
            let mut expected = items.clone();
            let left = Cell::new(looks);
            sort_while(
                &mut items,
                |one, other| one.0.cmp(&other.0),
                || left.replace(left.get().saturating_sub(1)) > 0,
            );
            assert!(left.get() == 0 && items.len() == expected.len());
            items.sort_unstable();
            expected.sort_unstable();
            assert!(items == expected, "after {looks} looks");
        }
    }
}

//! Making something of chance, which comes in as uniformly distributed words.

/// Brings a uniformly distributed word down below a bound.
#[inline]
pub(crate) fn below(bound: usize, random: u64) -> usize {
    ((u128::from(random) * bound as u128) >> 64) as usize
}

/// Visits all items and says of each whether it is one of `count` chosen among all `len`.
///
/// Every choice of so many has the same chance: an item is chosen with the share that is still wanted among
/// those that are left.
pub(crate) fn part<T>(
    items: impl Iterator<Item = T>,
    (count, len): (usize, usize),
    random: &mut impl FnMut() -> u64,
    mut visit: impl FnMut(T, bool),
) {
    let mut wanted = count;
    for (index, item) in items.enumerate() {
        let is_chosen = below(len - index, random()) < wanted;
        wanted -= usize::from(is_chosen);
        visit(item, is_chosen);
    }
}

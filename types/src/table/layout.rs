//! What a table must know of the bytes in its slots.

use crate::hash_seed::HashSeed;

/// A way to pack a key with what belongs to it into a slot.
///
/// All functions are O(1) but for the bytes they compare, hash or move. A slot may be longer than the entry
/// in it.
pub trait Layout {
    /// A key as callers name it.
    type Key<'a>: Copy;
    /// What is stored with a key.
    type Fields<'a>: Copy;
    /// An entry as callers see it.
    type View<'a>: Copy;

    /// Hashes a key. Keys that are the same have the same hash.
    fn hash(seed: HashSeed, key: Self::Key<'_>) -> u64;

    /// Whether the entry in a slot has this key.
    fn is_at(slot: &[u8], key: Self::Key<'_>) -> bool;

    /// The key of the entry in a slot.
    fn key(slot: &[u8]) -> Self::Key<'_>;

    /// The entry in a slot.
    fn view(slot: &[u8]) -> Self::View<'_>;

    /// The stamp of the entry in a slot, if it has one.
    fn stamp(slot: &[u8]) -> Option<i64>;

    /// How many bytes of its slot the entry uses.
    fn encoded_len(slot: &[u8]) -> usize;

    /// How many bytes an entry takes.
    fn len_of(key: Self::Key<'_>, fields: &Self::Fields<'_>) -> usize;

    /// Writes an entry to the start of a slot and returns its stamp; the slot has room for it.
    fn write(slot: &mut [u8], key: Self::Key<'_>, fields: &Self::Fields<'_>) -> Option<i64>;

    /// How many bytes the entry in a slot takes once it has this stamp.
    fn len_stamped(slot: &[u8], stamp: Option<i64>) -> usize;

    /// Gives the entry in a slot another stamp, or none; the slot has room for it.
    fn restamp(slot: &mut [u8], stamp: Option<i64>);
}

//! One cache line of the index.
//!
//! ```text
//!  0            12       13      14        16                64
//! | tags 12 × u8 | passed | spare | due u16 | slots 12 × u32 |
//! ```
//!
//! A tag is 8 bits of the key's hash, never 0; tag 0 marks a vacant place. `passed` counts the entries that
//! belong to this bucket or one before it and had to move on because it was full, so that a search knows
//! when to stop; at 255 it stays. `due` is explained in [`super::due`].

use crate::arena::Slot;
use crate::cpu::equal_bytes;

/// Entries per bucket.
pub(super) const PLACES: usize = 12;
const ALL_PLACES: u32 = (1 << PLACES) - 1;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Bucket {
    tags: [u8; PLACES],
    passed: u8,
    spare: u8,
    pub(super) due: u16,
    slots: [u32; PLACES],
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// The places of a bucket whose tag matched, lowest first.
pub(super) struct Places(u32);

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let place = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(place)
    }
}

impl Bucket {
    pub(super) const EMPTY: Bucket =
        Bucket { tags: [0; PLACES], passed: 0, spare: 0, due: 0, slots: [0; PLACES] };

    /// The tag of a key with this hash.
    #[inline]
    pub(super) fn tag(hash: u64) -> u8 {
        (hash as u8).max(1)
    }

    #[inline]
    pub(super) fn matches(&self, tag: u8) -> Places {
        Places(equal_tags(&self.tags, tag))
    }

    /// The places in use.
    pub(super) fn occupied(&self) -> Places {
        Places(!equal_tags(&self.tags, 0) & ALL_PLACES)
    }

    #[inline]
    pub(super) fn is_occupied(&self, place: usize) -> bool {
        self.tags[place] != 0
    }

    pub(super) fn vacancy(&self) -> Option<usize> {
        self.matches(0).next()
    }

    #[inline]
    pub(super) fn slot(&self, place: usize) -> Slot {
        Slot::from_raw(self.slots[place]).expect("a place in use names a slot")
    }

    pub(super) fn place_of(&self, slot: Slot) -> Option<usize> {
        self.slots.iter().position(|raw| *raw == slot.raw())
    }

    pub(super) fn put(&mut self, place: usize, tag: u8, slot: Slot) {
        debug_assert!(self.tags[place] == 0 && tag != 0);
        self.tags[place] = tag;
        self.slots[place] = slot.raw();
    }

    pub(super) fn rename(&mut self, place: usize, slot: Slot) {
        self.slots[place] = slot.raw();
    }

    pub(super) fn clear(&mut self, place: usize) {
        self.tags[place] = 0;
        self.slots[place] = 0;
    }

    /// Whether an entry that belongs here or before may stand behind this bucket.
    #[inline]
    pub(super) fn is_passed(&self) -> bool {
        self.passed > 0
    }

    pub(super) fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }

    pub(super) fn unpass(&mut self) {
        debug_assert!(self.passed > 0);
        if self.passed < u8::MAX {
            self.passed -= 1;
        }
    }
}

#[inline]
fn equal_tags(tags: &[u8; PLACES], tag: u8) -> u32 {
    let mut bytes = [0; 16];
    bytes[..PLACES].copy_from_slice(tags);
    equal_bytes(bytes, tag) & ALL_PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_at_their_places_only() {
        let mut bucket = Bucket::EMPTY;
        assert_eq!(bucket.matches(7).count(), 0);
        assert_eq!(bucket.vacancy(), Some(0));
        for place in 0..PLACES {
            let slot = Slot::from_raw(place as u32 + 1).expect("not zero");
            bucket.put(place, if place % 3 == 0 { 7 } else { 255 }, slot);
        }
        assert_eq!(bucket.matches(7).collect::<Vec<_>>(), [0, 3, 6, 9]);
        assert_eq!(bucket.vacancy(), None);
        bucket.clear(11);
        assert_eq!((bucket.vacancy(), bucket.occupied().count()), (Some(11), 11));
    }

    #[test]
    fn a_saturated_count_stays() {
        let mut bucket = Bucket::EMPTY;
        (0..300).for_each(|_| bucket.pass());
        (0..300).for_each(|_| bucket.unpass());
        assert!(bucket.is_passed());
    }
}

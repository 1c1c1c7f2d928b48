//! Lookups in steps, so that several keys are looked up side by side.
//!
//! A lookup waits for memory three times: for the bucket, for the address of a page, for the entry. Whoever has many
//! keys to find does the first step for all, then the second for all, and finds all loaded when it gets to the third.

use super::bucket::Bucket;
use super::segment::position;
use super::{Layout, Table};
use crate::arena::Slot;

/// Where the bucket is that a key is looked for in, until the table changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Home {
    segment: u32,
    bucket: u32,
}

/// Where an entry probably is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guess {
    slot: Slot,
    /// How often a slot had been freed: one freed since may hold anything by now, or half of anything.
    frees: u32,
}

/// What a look into a bucket tells of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Where it probably is.
    Found(Guess),
    /// It may be in this bucket behind, which has been asked for.
    Behind(Home),
    /// There is no such key.
    Nowhere,
}

impl<L: Layout> Table<L> {
    /// Says where a key's bucket is and asks for it to be loaded into the cache.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) -> Home {
        let index = self.segment_index(hash).unwrap_or(0);
        let Some(segment) = self.segments.get(index) else { return Home::default() };
        let bucket = segment.home(position(hash));
        crate::cpu::prefetch(&segment[bucket]);
        Home { segment: index as u32, bucket: bucket as u32 }
    }

    /// Guesses the slot of a key from a bucket alone, which should be in the cache, and asks for the address of
    /// its page to be loaded. The table must not have changed since the bucket was asked for.
    #[inline]
    pub fn guess(&self, home: Home, hash: u64) -> Look {
        let Some(segment) = self.segments.get(home.segment as usize) else { return Look::Nowhere };
        let Some(bucket) = segment.get(home.bucket as usize) else { return Look::Nowhere };
        if let Some(place) = bucket.matches(Bucket::tag(hash)).next() {
            let slot = bucket.slot(place);
            self.arena.prefetch_page(slot);
            return Look::Found(Guess { slot, frees: self.arena.frees() });
        }
        if !bucket.is_passed() {
            return Look::Nowhere;
        }
        let behind = segment.after(home.bucket as usize);
        crate::cpu::prefetch(&segment[behind]);
        Look::Behind(Home { bucket: behind as u32, ..home })
    }

    /// Asks for a guessed entry to be loaded; the address of its page should be in the cache.
    #[inline]
    pub fn prefetch_guessed(&self, guess: Guess) {
        self.prefetch_entry(guess.slot);
    }

    /// The entry that was guessed, unless a slot has been freed since.
    #[inline]
    pub(crate) fn guessed(&self, guess: Guess) -> Option<L::View<'_>> {
        (guess.frees == self.arena.frees()).then(|| self.entry(guess.slot))
    }

    /// Asks for an entry to be loaded; the address of its page should be in the cache.
    #[inline]
    pub fn prefetch_entry(&self, slot: Slot) {
        self.arena.prefetch(slot);
    }

    /// Finds a key's slot and entry, first where it was guessed. O(1).
    #[expect(clippy::inline_always, reason = "what it finds stays in registers")]
    #[inline(always)]
    pub fn find_guessed(
        &self,
        guess: Option<Guess>,
        hash: u64,
        key: L::Key<'_>,
    ) -> Option<(Slot, L::View<'_>)> {
        if let Some(Guess { slot, frees }) = guess
            && frees == self.arena.frees()
        {
            let bytes = self.arena.tail(slot);
            if L::is_at(bytes, key) {
                return Some((slot, L::view(bytes)));
            }
        }
        let slot = self.find(hash, key)?;
        Some((slot, self.entry(slot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Fields, Parity};
    use crate::hash_seed::HashSeed;

    const KEYS: u64 = 40;

    fn key(number: u64) -> [u8; 8] {
        number.to_le_bytes()
    }

    /// A value that looks like the entry of another key, so that a stale guess into its middle would find that.
    fn misleading(number: u64, len: usize) -> Vec<u8> {
        let mut value = Vec::new();
        while value.len() < len {
            value.extend([1, 0, 0, 0, 8, 0]);
            value.extend(key((number + 1) % KEYS));
        }
        value.truncate(len);
        value
    }

    fn guess_within(table: &Table, hash: u64, looks: usize) -> Option<Guess> {
        let mut home = table.prefetch_bucket(hash);
        for _ in 0..looks {
            match table.guess(home, hash) {
                Look::Found(guess) => return Some(guess),
                Look::Behind(behind) => home = behind,
                Look::Nowhere => break,
            }
        }
        None
    }

    fn guess(table: &Table, number: u64) -> Option<Guess> {
        let hash = table.hash(&key(number));
        guess_within(table, hash, 3)
    }

    #[test]
    fn what_full_buckets_let_pass_is_guessed_by_more_looks() {
        const MANY: u64 = 100_000;
        let mut table: Table = Table::new(HashSeed::new(5, 6));
        let fields = Fields { kind: 1, value: b"", stamp: None, clock: 0, parity: Parity::Even };
        for number in 0..MANY {
            table.insert(table.hash(&key(number)), &key(number), &fields);
        }
        let is_right = |number: &u64, looks| {
            let guess = guess_within(&table, table.hash(&key(*number)), looks);
            guess.and_then(|guess| table.guessed(guess)).is_some_and(|entry| entry.key() == key(*number))
        };
        let right = [1, 2, 3].map(|looks| (0..MANY).filter(|number| is_right(number, looks)).count());
        let percent = right.map(|count| count * 100 / MANY as usize);
        assert!(percent[0] < 94 && percent[2] > percent[0] + 3, "{right:?}");
    }

    #[test]
    fn a_guess_never_finds_what_is_elsewhere() {
        let mut table: Table = Table::new(HashSeed::new(5, 6));
        let mut random = 77_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let guesses: Vec<Option<Guess>> = (0..KEYS).map(|number| guess(&table, number)).collect();

            let number = (random >> 33) % KEYS;
            let (key_bytes, hash) = (key(number), table.hash(&key(number)));
            let value = misleading(number, (random >> 50) as usize % 60);
            let fields = Fields { kind: 1, value: &value, stamp: None, clock: 0, parity: Parity::Even };
            match table.find(hash, &key_bytes) {
                None => drop(table.insert(hash, &key_bytes, &fields)),
                Some(slot) if random >> 63 == 0 => drop(table.replace(hash, slot, &key_bytes, &fields)),
                Some(slot) => table.remove(hash, slot),
            }

            for (number, guess) in (0..KEYS).zip(guesses) {
                let hash = table.hash(&key(number));
                let found = table.find_guessed(guess, hash, &key(number));
                assert_eq!(found.map(|(slot, _)| slot), table.find(hash, &key(number)));
                assert!(found.is_none_or(|(_, entry)| entry.key() == key(number)));
            }
        }
    }
}

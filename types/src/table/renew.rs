//! Going through all entries once while they change, told apart by their parity.

use super::Table;
use super::scan::{Cursor, next_bucket};
use super::segment::Segment;
use crate::entry::{Entry, EntryMut, Keys, Parity};

/// So many buckets ahead entries are loaded.
const BUCKETS_AHEAD: usize = 2;

impl Table<Keys> {
    /// Gives the entries of one bucket a parity, each of the other parity after `visit` saw it, and says where to go on,
    /// `None` at the end. O(1).
    ///
    /// From the default cursor until `None`, an entry that has the other parity all the while is visited once, whatever
    /// else comes, goes or grows meanwhile. At the end all entries have the parity, provided that new ones are given it.
    pub fn renew(
        &mut self,
        cursor: Cursor,
        parity: Parity,
        mut visit: impl FnMut(Entry<'_>),
    ) -> Option<Cursor> {
        let index = self.segment_at(cursor)?;
        let segment = &self.segments[index];
        let home = segment.home(cursor.bits());
        self.prefetch_entries(segment, home + BUCKETS_AHEAD);
        let mut at = home;
        loop {
            let bucket = &segment[at];
            for place in bucket.occupied() {
                // What belongs elsewhere is visited, too: that is cheaper than asking where it belongs.
                let bytes = self.arena.tail_mut(bucket.slot(place));
                let entry = Entry::new(bytes);
                if entry.parity() != parity {
                    visit(entry);
                    EntryMut::new(bytes).set_parity(parity);
                }
            }
            at = segment.after(at);
            if !bucket.is_passed() || at == home {
                break;
            }
        }
        next_bucket(segment, cursor, home)
    }

    fn prefetch_entries(&self, segment: &Segment, bucket: usize) {
        if let Some(bucket) = segment.get(bucket) {
            bucket.occupied().for_each(|place| self.arena.prefetch(bucket.slot(place)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Fields;
    use crate::hash_seed::HashSeed;
    use crate::random::Random;
    use std::collections::HashMap;

    fn put(table: &mut Table, key: &[u8], value: &[u8], parity: Parity) {
        let (hash, fields) = (table.hash(key), Fields { kind: 1, value, stamp: None, clock: 0, parity });
        match table.find(hash, key) {
            Some(slot) => _ = table.replace(hash, slot, key, &fields),
            None => _ = table.insert(hash, key, &fields),
        }
    }

    /// Writes a key with the parity, or removes it, and takes it from those to be visited.
    fn change(
        table: &mut Table,
        unvisited: &mut HashMap<Vec<u8>, u64>,
        key: &[u8],
        how: u64,
        parity: Parity,
    ) {
        unvisited.remove(key);
        let hash = table.hash(key);
        match table.find(hash, key) {
            Some(slot) if how.is_multiple_of(2) => table.remove(hash, slot),
            Some(slot) if how.is_multiple_of(3) => {
                table.entry_mut(slot).set_parity(parity);
                table.resize_value(hash, slot, (how % 90) as usize);
            }
            _ => put(table, key, &how.to_le_bytes(), parity),
        }
    }

    #[test]
    fn what_is_not_changed_meanwhile_is_visited_once() {
        let mut random = Random::new(31);
        for round in 0..60 {
            let (mut table, mut unvisited) = (Table::new(HashSeed::new(round, 7)), HashMap::new());
            for number in 0..random.below(6_000) as u64 {
                let key = format!("key {number}").into_bytes();
                put(&mut table, &key, &number.to_le_bytes(), Parity::Even);
                unvisited.insert(key, number);
            }
            let (keys, changes) = (1 + random.below(12_000), random.below(40));
            let mut next = Some(Cursor::default());
            while let Some(cursor) = next {
                next = table.renew(cursor, Parity::Odd, |entry| {
                    let number = unvisited.remove(entry.key()).expect("it is visited once");
                    assert_eq!(entry.value(), number.to_le_bytes());
                });
                for _ in 0..random.below(1 + changes) {
                    let key = format!("key {}", random.below(keys)).into_bytes();
                    change(&mut table, &mut unvisited, &key, random.next() >> 34, Parity::Odd);
                }
            }
            assert!(unvisited.is_empty());
            table.for_each(|entry| assert_eq!(entry.parity(), Parity::Odd));
        }
    }
}

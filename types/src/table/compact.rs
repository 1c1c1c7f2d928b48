//! Giving memory back that little lies in: entries leave sparse pages, and pages leave the allocator's sparse places.
//!
//! An entry that moves gets another slot, and its bucket is told. A page that moves keeps its number, so that nothing else
//! changes. Neither changes what a scan, a walk over stamps or a snapshot sees.

use super::{Layout, Table};
use crate::pages::Location;

impl<L: Layout> Table<L> {
    /// Bytes taken for entries that aren't in use.
    pub fn spare_bytes(&self) -> usize {
        self.arena.spare_bytes()
    }

    /// Moves entries out of sparse pages, which go: at most about `entries_max`. How many were moved; with less than
    /// `entries_max`, hardly any page is left that is worth it. O(entries moved), each at the cost of some lookups.
    pub fn compact(&mut self, entries_max: usize) -> usize {
        let mut moved = 0;
        while moved < entries_max {
            let Some(page) = self.arena.sparse_page() else { break };
            let slots = self.arena.live_slots(page);
            for slot in slots.iter().copied() {
                self.arena.prefetch(slot);
            }
            for slot in slots {
                let hash = L::hash(self.seed, L::key(self.arena.tail(slot)));
                let Some(new) = self.arena.move_slot(slot) else { break };
                self.rename(hash, slot, new);
                moved += 1;
            }
        }
        moved
    }

    /// Puts pages, of entries and of the index, into other memory if `is_misplaced` says so of where they lie; `moved` hears
    /// where they are then. Looks at pages from the one of number `first` on, at most `pages_max`, until about `bytes_max`
    /// bytes have moved, and says where to go on, `None` at the end. O(pages looked at, and bytes moved).
    pub fn relocate(
        &mut self,
        first: usize,
        (pages_max, bytes_max): (usize, usize),
        mut is_misplaced: impl FnMut(Location) -> bool,
        mut moved: impl FnMut(Location),
    ) -> Option<usize> {
        let (of_entries, all) = (self.arena.pages(), self.arena.pages() + self.segments.len());
        let end = first.saturating_add(pages_max).min(all);
        let (mut number, mut bytes) = (first, 0);
        while number < end && bytes < bytes_max {
            let location = match number.checked_sub(of_entries) {
                None => self.arena.relocate(number, &mut is_misplaced),
                Some(segment) => self.segments.relocate(segment, &mut is_misplaced),
            };
            if let Some(location) = location {
                bytes += location.bytes;
                moved(location);
            }
            number += 1;
        }
        (number < all).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Fields, Parity};
    use crate::hash_seed::HashSeed;
    use crate::random::{Random, model_steps};
    use crate::table::Cursor;
    use std::collections::{BTreeMap, BTreeSet};

    type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

    fn key(number: usize) -> Vec<u8> {
        format!("key {number}").into_bytes()
    }

    fn put(table: &mut Table, model: &mut Model, number: usize, len: usize, stamp: Option<i64>) {
        let (key, value) = (key(number), vec![number as u8; len]);
        let hash = table.hash(&key);
        let fields = Fields { kind: 1, value: &value, stamp, clock: 0, parity: Parity::Even };
        match table.find(hash, &key) {
            Some(slot) => drop(table.replace(hash, slot, &key, &fields)),
            None => drop(table.insert(hash, &key, &fields)),
        }
        model.insert(key, (value, stamp));
    }

    fn remove(table: &mut Table, model: &mut Model, number: usize) {
        let key = key(number);
        if model.remove(&key).is_some() {
            let hash = table.hash(&key);
            let slot = table.find(hash, &key).expect("the model has it");
            table.remove(hash, slot);
        }
    }

    #[track_caller]
    fn compare(table: &Table, model: &Model) {
        assert_eq!(table.len(), model.len());
        for (key, (value, stamp)) in model {
            let slot = table.find(table.hash(key), key).expect("the model has it");
            let entry = table.entry(slot);
            assert_eq!((entry.key(), entry.value(), entry.stamp()), (&key[..], &value[..], *stamp));
        }
    }

    /// Puts all pages somewhere else, a few at a time.
    fn relocate_all(table: &mut Table, pages: usize) {
        let mut next = Some(0);
        while let Some(first) = next {
            let is_misplaced = |location: Location| !(location.address / 16).is_multiple_of(3);
            next = table.relocate(first, (pages, 1 << 13), is_misplaced, |_| {});
        }
    }

    #[test]
    fn entries_are_found_wherever_they_have_moved() {
        let mut random = Random::new(41);
        let (mut table, mut model): (Table, _) = (Table::new(HashSeed::new(3, 4)), Model::new());
        // Sizes drift from a few bytes to some thousand and back, so that pages of all classes come and go.
        for step in 0..model_steps(200_000) {
            let drift = (step / 2_000) % 24;
            let len = random.below(8 << drift.min(24 - drift)).min(5_000);
            let stamp = (random.below(4) == 0).then(|| 1_000 + random.below(1_000) as i64);
            match random.below(10) {
                0..4 => put(&mut table, &mut model, random.below(3_000), len, stamp),
                4..8 => remove(&mut table, &mut model, random.below(3_000)),
                8 => drop(table.compact(1 + random.below(64))),
                _ if random.below(50) == 0 => relocate_all(&mut table, 1 + random.below(9)),
                _ => {}
            }
            if step % 5_000 == 0 {
                compare(&table, &model);
            }
        }
        compare(&table, &model);
        let stamped = model.values().filter(|(_, stamp)| stamp.is_some()).count();
        let mut due = Vec::new();
        while table.collect_due(3_000, usize::MAX, &mut due) {}
        assert_eq!((table.stamped(), due.len()), (stamped, stamped), "stamps are found where entries moved");
    }

    #[test]
    fn pages_that_little_is_left_in_go() {
        let (mut table, mut model): (Table, _) = (Table::new(HashSeed::new(1, 2)), Model::new());
        let mut random = Random::new(5);
        (0..60_000).for_each(|number| put(&mut table, &mut model, number, number % 900, None));
        (0..60_000)
            .filter(|_| random.below(10) > 0)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|number| remove(&mut table, &mut model, number));
        let (spare, live) = (table.spare_bytes(), table.memory_bytes());
        assert!(spare > 2 * live, "{spare} bytes are spare, {live} in use");
        while table.compact(100) > 0 {}
        compare(&table, &model);
        assert_eq!(table.memory_bytes(), live, "what is in use is the same");
        // At most a quarter of the pages that are left is empty, and of each class less than a page more.
        assert!(table.spare_bytes() < live / 3 + (73 << 12), "{} bytes are spare", table.spare_bytes());
    }

    #[test]
    fn a_scan_sees_what_moves_meanwhile_once() {
        let (mut table, mut model): (Table, _) = (Table::new(HashSeed::new(8, 9)), Model::new());
        (0..9_000).for_each(|number| put(&mut table, &mut model, number, number % 200, None));
        (0..9_000).filter(|number| number % 5 > 0).for_each(|number| remove(&mut table, &mut model, number));
        let (mut seen, mut next) = (BTreeSet::new(), Some(Cursor::default()));
        while let Some(cursor) = next {
            next = table.scan(cursor, |entry| assert!(seen.insert(entry.key().to_vec()), "seen twice"));
            table.compact(20);
        }
        assert!(seen.iter().eq(model.keys()));
    }

    #[test]
    fn what_a_copy_shares_stays_where_it_is() {
        let (mut table, mut model): (Table, _) = (Table::new(HashSeed::new(8, 9)), Model::new());
        (0..500).for_each(|number| put(&mut table, &mut model, number, number, None));
        let copy = table.share();
        table.relocate(0, (usize::MAX, usize::MAX), |_| true, |_| panic!("it is shared"));
        drop(copy);
        compare(&table, &model);
    }
}

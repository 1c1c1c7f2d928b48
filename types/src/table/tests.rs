//! Tables against a model.

use super::*;
use crate::entry::{Fields, Parity};
use crate::random::model_steps;
use crate::sharing;
use std::collections::{BTreeMap, HashMap};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

fn table() -> Table {
    Table::new(HashSeed::new(0x1234, 0x9876))
}

fn put(table: &mut Table, key: &[u8], value: &[u8], stamp: Option<i64>) {
    let hash = table.hash(key);
    let fields = Fields { kind: 1, value, stamp, clock: 0, parity: Parity::Even };
    match table.find(hash, key) {
        Some(slot) => _ = table.replace(hash, slot, key, &fields),
        None => _ = table.insert(hash, key, &fields),
    }
}

fn take(table: &mut Table, key: &[u8]) -> bool {
    let hash = table.hash(key);
    let found = table.find(hash, key);
    if let Some(slot) = found {
        table.remove(hash, slot);
    }
    found.is_some()
}

fn keys_of_scan(table: &Table) -> Vec<Vec<u8>> {
    let (mut keys, mut cursor) = (Vec::new(), Some(Cursor::default()));
    while let Some(at) = cursor {
        cursor = table.scan(at, |entry| keys.push(entry.key().to_vec()));
    }
    keys
}

#[test]
fn behaves_as_a_map_through_growth_and_shrinking() {
    type Model = HashMap<Vec<u8>, (Vec<u8>, Option<i64>)>;
    let (mut table, mut model, mut random) = (table(), Model::new(), Random(77));
    for step in 0..300_000_u64 {
        let growing = step / 50_000 % 2 == 0;
        let key = format!("key:{}", random.below(40_000)).into_bytes();
        let hash = table.hash(&key);
        match random.below(10) {
            0..=4 if growing => {
                let len = if random.below(50) == 0 { 900 + random.below(3000) } else { random.below(60) };
                let value = vec![step as u8; len as usize];
                let stamp = (random.below(3) == 0).then(|| random.below(1 << 40) as i64);
                put(&mut table, &key, &value, stamp);
                model.insert(key, (value, stamp));
            }
            5 => {
                if let Some(slot) = table.find(hash, &key) {
                    let stamp = (random.below(2) == 0).then_some(step as i64);
                    table.set_stamp(hash, slot, stamp);
                    model.get_mut(&key).expect("in both").1 = stamp;
                }
            }
            6 => {
                if let Some(slot) = table.find(hash, &key) {
                    let len = random.below(1500) as usize;
                    table.resize_value(hash, slot, len);
                    model.get_mut(&key).expect("in both").0.resize(len, 0);
                }
            }
            _ => assert_eq!(take(&mut table, &key), model.remove(&key).is_some()),
        }
        assert_eq!(table.len(), model.len());
    }
    let buckets: usize = table.segments.iter().map(|segment| segment.len()).sum();
    assert_eq!(table.buckets, buckets);
    for (key, (value, stamp)) in &model {
        let entry = table.entry(table.find(table.hash(key), key).expect("in the model"));
        assert_eq!((entry.value(), entry.stamp()), (&value[..], *stamp));
    }
    assert_eq!(table.stamped(), model.values().filter(|(_, stamp)| stamp.is_some()).count());
    let mut scanned = keys_of_scan(&table);
    scanned.sort();
    let expected: BTreeMap<_, _> = model.iter().collect();
    assert!(scanned.iter().eq(expected.keys().copied()), "a scan at rest visits each entry exactly once");
    for key in model.keys() {
        assert!(take(&mut table, key));
    }
    assert_eq!((table.memory_bytes(), table.allocated_bytes()), (0, 0));
}

#[test]
fn a_scan_returns_all_that_was_there_throughout_once() {
    let (mut table, mut random) = (table(), Random(5));
    let mut steps = 0_u64;
    while steps < 1_000_000 {
        let residents: Vec<_> =
            (0..random.below(3000)).map(|n| format!("r{steps}:{n}").into_bytes()).collect();
        for key in &residents {
            put(&mut table, key, b"", None);
        }
        let (mut seen, mut cursor, mut guests) = (HashMap::new(), Some(Cursor::default()), 0_u64);
        let growing = random.below(2) == 0;
        while let Some(at) = cursor {
            cursor = table.scan(at, |entry| *seen.entry(entry.key().to_vec()).or_insert(0) += 1);
            for _ in 0..random.below(if growing { 100 } else { 12 }) {
                steps += 1;
                let key = format!("g{}", random.below(guests + 1)).into_bytes();
                if growing || random.below(4) == 0 {
                    put(&mut table, format!("g{guests}").as_bytes(), b"guest", None);
                    guests += 1;
                } else {
                    take(&mut table, &key);
                }
            }
            if guests > 60_000 {
                break;
            }
        }
        if cursor.is_none() {
            for key in &residents {
                assert_eq!(seen.get(key), Some(&1), "{} was there throughout", String::from_utf8_lossy(key));
            }
        }
        for key in &residents {
            assert!(take(&mut table, key));
        }
        if random.below(3) == 0 {
            (0..guests).for_each(|n| _ = take(&mut table, format!("g{n}").as_bytes()));
        }
    }
}

#[test]
fn due_entries_are_found_whatever_the_clock_does() {
    let (mut table, mut random) = (table(), Random(31));
    let mut model: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut now = 1_700_000_000_000_i64;
    for round in 0..400 {
        for _ in 0..random.below(300) {
            let key = format!("k{}", random.below(5000)).into_bytes();
            let reach = [100, 10_000, 10_000_000, 1 << 40][random.below(4) as usize];
            let stamp = now + random.below(reach) as i64 - 50;
            put(&mut table, &key, b"v", Some(stamp));
            model.insert(key, stamp);
        }
        now += match round % 20 {
            7 => 40_000_000,
            13 => -30_000_000,
            _ => random.below(3000) as i64,
        };
        let expected = model.values().filter(|stamp| **stamp <= now).count();
        if random.below(2) == 0 {
            assert_eq!(table.list_due(now).len(), expected, "what stays is listed, round {round}");
            assert_eq!(table.next_due() <= now, expected > 0, "round {round}");
        }
        let mut found = 0;
        let mut slots = Vec::new();
        loop {
            let more = table.collect_due(now, 40, &mut slots);
            for slot in slots.drain(..) {
                let key = table.entry(slot).key().to_vec();
                assert!(model.remove(&key).expect("in the model") <= now);
                table.remove(table.hash(&key), slot);
                found += 1;
            }
            if !more {
                break;
            }
        }
        assert_eq!(found, expected, "round {round}");
        assert_eq!(table.len(), model.len());
        // Removals may have noted again what was about to go; a walk that finds nothing settles it.
        assert!(!table.collect_due(now, 40, &mut slots) && slots.is_empty());
        assert!(table.next_due() > now, "nothing is left that is due");
    }
}

/// Walks at any intervals find all that is due, however far ahead it was noted and whatever was due before; the clock
/// is set back at times.
#[test]
fn far_stamps_are_found_when_they_are_due() {
    const HOUR: u64 = 3_600_000;
    let mut random = Random(21);
    for round in 0..60 {
        let (mut table, mut model) = (table(), BTreeMap::new());
        let mut now = 1_700_000_000_000 + random.below(5 * HOUR) as i64;
        let pause_max = [200, 60_000, HOUR / 2, 3 * HOUR, 40 * HOUR][round % 5];
        for step in 0..600_u32 {
            let ahead = [1000, HOUR, 12 * HOUR][random.below(3) as usize];
            if random.below(10) < 3 {
                let stamp = now + 1 + random.below(ahead) as i64;
                put(&mut table, &step.to_le_bytes(), b"", Some(stamp));
                model.insert(step.to_le_bytes().to_vec(), stamp);
            }
            now += random.below(pause_max) as i64;
            if random.below(50) == 0 {
                now -= random.below(2 * HOUR) as i64;
            }
            let mut found = expire(&mut table, now);
            found.sort();
            let due = model.extract_if(.., |_, stamp| *stamp <= now).map(|(key, _)| key);
            assert!(found.into_iter().eq(due), "round {round}, step {step}");
        }
    }
}

/// Removes what is due and returns the keys.
fn expire(table: &mut Table, now: i64) -> Vec<Vec<u8>> {
    let (mut slots, mut keys) = (Vec::new(), Vec::new());
    while table.collect_due(now, 5, &mut slots) || !slots.is_empty() {
        for slot in slots.drain(..) {
            let key = table.entry(slot).key().to_vec();
            table.remove(table.hash(&key), slot);
            keys.push(key);
        }
    }
    keys
}

#[test]
fn the_index_stays_small_at_every_size() {
    let mut table = table();
    for number in 0..400_000_u32 {
        put(&mut table, &number.to_le_bytes(), b"", None);
        if number > 20_000 && number % 1000 == 0 {
            let per_entry = table.index_bytes() as f64 / f64::from(number);
            assert!((6.0..8.2).contains(&per_entry), "{per_entry:.2} bytes per entry at {number}");
        }
    }
}

#[test]
fn a_table_with_room_is_one_that_grew() {
    for entries in [0, 1, 10, 11, 500, 1345, 5000, 40_000_u32] {
        let mut table = Table::<Keys>::with_room(HashSeed::new(5, 6), entries as usize);
        let index_bytes = table.index_bytes();
        for number in 0..entries {
            put(&mut table, &number.to_le_bytes(), b"", None);
        }
        let grown = table.index_bytes() - index_bytes;
        assert!(grown <= index_bytes / 50, "{grown} after {index_bytes} for {entries}");
        assert!(table.index_bytes() <= entries as usize * 9 + 400, "{index_bytes} for {entries}");
        assert!((0..entries).all(|number| {
            let key = number.to_le_bytes();
            table.find(table.hash(&key), &key).is_some()
        }));
        let mut scanned = 0;
        let mut cursor = Some(Cursor::default());
        while let Some(at) = cursor {
            cursor = table.scan(at, |_| scanned += 1);
        }
        assert_eq!((scanned, table.len()), (entries, entries as usize));
    }
}

#[test]
fn choices_are_fair() {
    let (mut table, mut random) = (table(), Random(8));
    (0..9000_u16).for_each(|key| put(&mut table, &key.to_le_bytes(), b"", None));
    // Some segments are left with less than others.
    for key in (0..9000_u16).filter(|key| key % 3 > 0 || *key > 6000) {
        let hash = table.hash(&key.to_le_bytes());
        let slot = table.find(hash, &key.to_le_bytes()).expect("it was put");
        table.remove(hash, slot);
    }
    let mut counts = std::collections::HashMap::new();
    let draws = 20 * table.len();
    for _ in 0..draws {
        *counts.entry(table.choose(|| random.next()).expect("not empty")).or_insert(0.0) += 1.0;
    }
    let missed = table.len() - counts.len();
    let squares: f64 = counts.values().map(|count: &f64| (count - 20.0).powi(2) / 20.0).sum();
    let (squares, freedom) = (squares + 20.0 * missed as f64, table.len() as f64 - 1.0);
    // Five standard deviations of the chi-square distribution.
    assert!((squares - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{squares} for {freedom}");
}

#[test]
fn choices_from_a_table_that_was_full_are_fair() {
    let (mut table, mut random) = (table(), Random(9));
    (0..9000_u16).for_each(|key| put(&mut table, &key.to_le_bytes(), b"", None));
    for key in 10..9000_u16 {
        let hash = table.hash(&key.to_le_bytes());
        let slot = table.find(hash, &key.to_le_bytes()).expect("it was put");
        table.remove(hash, slot);
    }
    let mut counts = [0_u32; 10];
    for _ in 0..10_000 {
        let slot = table.choose(|| random.next()).expect("not empty");
        counts[usize::from(table.entry(slot).key()[0])] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn samples_are_of_what_was_asked_for_and_leave_nothing_out() {
    let (mut table, mut random) = (table(), Random(10));
    for key in 0..9000_u16 {
        put(&mut table, &key.to_le_bytes(), b"", (key % 100 == 0).then_some(i64::from(key) + 1));
    }
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20_000 {
        let mut count = 0;
        table.sample(random.next(), 5, true, |entry| {
            count += 1;
            assert!(entry.stamp().is_some());
            seen.insert(entry.key().to_vec());
        });
        assert!((5..5 + 12).contains(&count), "{count}");
    }
    assert_eq!(seen.len(), 90);
    let mut count = 0;
    table.sample(random.next(), usize::MAX, false, |_| count += 1);
    assert_eq!(count, 9000);
    table.sample(random.next(), 0, false, |_| unreachable!("none were asked for"));
}

#[test]
fn a_search_for_what_is_missing_ends() {
    for live_max in [11, 20, 45, 200, 2000] {
        let (mut table, mut random) = (table(), Random(live_max));
        let mut live: Vec<Vec<u8>> = Vec::new();
        for number in 0..100_000_u32 {
            // Around one size, entries come and go until all buckets have been passed.
            if live.len() as u64 >= live_max - random.below(3) {
                let key = live.swap_remove(random.below(live.len() as u64) as usize);
                let hash = table.hash(&key);
                let slot = table.find(hash, &key).expect("it is live");
                table.remove(hash, slot);
            }
            let key = number.to_le_bytes().to_vec();
            assert!(table.find(table.hash(&key), &key).is_none());
            put(&mut table, &key, b"", None);
            live.push(key);
        }
    }
}

#[test]
fn searches_stay_short_however_long_entries_come_and_go() {
    let (mut table, mut random) = (table(), Random(17));
    let mut live: Vec<u64> = (0..1300).collect();
    for key in &live {
        put(&mut table, &key.to_le_bytes(), b"", None);
    }
    let passed = |table: &Table| {
        let buckets = table.segments.iter().flat_map(|segment| segment.iter());
        buckets.filter(|bucket| bucket.is_passed()).count()
    };
    let before = passed(&table);
    for next in 1300..100_000_u64 {
        let index = random.below(1300) as usize;
        assert!(take(&mut table, &live[index].to_le_bytes()));
        live[index] = next;
        put(&mut table, &next.to_le_bytes(), b"", None);
    }
    let after = passed(&table);
    assert!(after <= before * 2, "{after} passed buckets after the churn, {before} before it");
}

/// What a table should hold, and how late it is.
type Entries = (BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>, i64);

/// Entries that were written, removed, expired, and ones that have pages of their own.
const SHARED: sharing::Kind<Table, Entries> = sharing::Kind {
    share: Table::share,
    edit: |table, (model, now), random| {
        let key = format!("key:{}", random.below(3000)).into_bytes();
        let hash = table.hash(&key);
        match random.below(if model.len() < 1500 { 12 } else { 16 }) {
            0..8 => {
                let len = if random.below(50) == 0 { 900 + random.below(3000) } else { random.below(60) };
                let value = vec![random.below(256) as u8; len];
                let stamp = (random.below(20) == 0).then(|| *now + random.below(1000) as i64);
                put(table, &key, &value, stamp);
                model.insert(key, (value, stamp));
            }
            8 => {
                if let Some(slot) = table.find(hash, &key) {
                    let len = random.below(1500);
                    table.resize_value(hash, slot, len);
                    model.get_mut(&key).expect("in both").0.resize(len, 0);
                }
            }
            9 if random.below(100) == 0 => {
                *now += random.below(600) as i64;
                let expired = expire(table, *now);
                let count = model.len();
                model.retain(|_, (_, stamp)| stamp.is_none_or(|stamp| stamp > *now));
                assert_eq!(expired.len(), count - model.len());
            }
            _ => assert_eq!(take(table, &key), model.remove(&key).is_some()),
        }
    },
    compare: |table, (model, _)| {
        assert_eq!(table.len(), model.len());
        for (key, (value, stamp)) in model {
            let entry = table.entry(table.find(table.hash(key), key).expect("in the model"));
            assert_eq!((entry.value(), entry.stamp()), (&value[..], *stamp));
        }
    },
};

#[test]
fn copies_share_their_pages_until_they_differ() {
    sharing::check(&SHARED, (table(), Entries::default()), model_steps(60_000), 7);
}

#[test]
fn a_copy_takes_little_until_something_is_written() {
    let mut table = table();
    for number in 0..100_000_u32 {
        put(&mut table, &number.to_le_bytes(), b"a value", None);
    }
    let page = |table: &Table, number: u32| {
        let key = number.to_le_bytes();
        table.entry(table.find(table.hash(&key), &key).expect("it was put")).value().as_ptr()
    };
    let mut copy = table.share();
    assert!((0..100_000).all(|number| page(&table, number) == page(&copy, number)));
    put(&mut copy, &7_u32.to_le_bytes(), b"another", None);
    let moved = (0..100_000).filter(|number| page(&table, *number) != page(&copy, *number)).count();
    assert!((1..200).contains(&moved), "one page of entries was copied, not {moved} of them");
    drop(copy);
    let before = page(&table, 7);
    put(&mut table, &7_u32.to_le_bytes(), b"7 bytes", None);
    assert_eq!(page(&table, 7), before, "what nobody else has any more is not copied");
}

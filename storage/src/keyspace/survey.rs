//! How large keys are, by their types, and which are the largest: what a walk through all keys finds.
//!
//! Nobody keeps such counts while commands run, because each change of a length would cost two more. A walk is begun
//! anew now and then instead, and goes a few keys at a time.

use super::{DbIndex, Keyspace};
use crate::time::UnixMillis;
use spinel_types::entry::Entry;
use spinel_types::{Large, Value, Values};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The largest keys that are kept.
const LARGEST_MAX: usize = 128;
/// Size 0, and a size for each power of two.
const CLASSES: usize = 1 + u64::BITS as usize;

/// What a walk has found.
#[derive(Clone, Default)]
pub struct Survey {
    sizes: BTreeMap<(DbIndex, SizedType), Sizes>,
    largest: BinaryHeap<Reverse<LargeKey>>,
}

/// A type whose sizes are counted, in the order in which they are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SizedType {
    /// Strings, by their bytes.
    String,
    /// Lists, by their elements, as all that follow.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Hashes.
    Hash,
    /// Streams.
    Stream,
    /// Entries of HTTP caches, by their variants.
    HttpCache,
}

/// How many values have a size, sizes rounded down to powers of two.
#[derive(Clone, Debug)]
pub struct Sizes([u64; CLASSES]);

/// A key among the largest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LargeKey {
    /// Bytes of the key and its value.
    pub bytes: u64,
    /// Its database.
    pub db: DbIndex,
    /// Its name.
    pub key: Vec<u8>,
    /// The type of its value, as `TYPE` names it.
    pub type_name: &'static str,
    /// Bytes of a string, elements of anything else.
    pub size: u64,
}

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    db: DbIndex,
    cursor: u64,
}

impl Place {
    /// Before all keys.
    pub const START: Place = Place { db: DbIndex(0), cursor: 0 };
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes([0; CLASSES])
    }
}

impl Sizes {
    fn note(&mut self, size: u64) {
        self.0[size.checked_ilog2().map_or(0, |power| power as usize + 1)] += 1;
    }

    /// The sizes that some value has, rounded down, with the number of these values; the smallest first.
    pub fn classes(&self) -> impl Iterator<Item = (u64, u64)> {
        let size = |class: usize| class.checked_sub(1).map_or(0, |power| 1 << power);
        self.0
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(move |(class, count)| (size(class), *count))
    }
}

impl Survey {
    /// The sizes of all types that some key has, by databases.
    pub fn sizes(&self) -> impl Iterator<Item = (DbIndex, SizedType, &Sizes)> {
        self.sizes.iter().map(|((db, sized), sizes)| (*db, *sized, sizes))
    }

    /// The largest keys, 128 at most, the largest first.
    pub fn largest(&self) -> Vec<&LargeKey> {
        let mut largest: Vec<_> = self.largest.iter().map(|key| &key.0).collect();
        largest.sort_unstable_by(|one, other| other.cmp(one));
        largest
    }

    fn note(&mut self, db: DbIndex, entry: Entry<'_>, values: &Values) {
        let value = Value::of(entry, values);
        let (sized, size) = match value {
            Value::String(string) => (SizedType::String, string.len()),
            Value::List(list) => (SizedType::List, list.len()),
            Value::Set(set) => (SizedType::Set, set.len()),
            Value::SortedSet(set) => (SizedType::SortedSet, set.len()),
            Value::Hash(hash) => (SizedType::Hash, hash.len()),
            Value::Stream(stream) => (SizedType::Stream, stream.len() as usize),
            Value::HttpCache(cache) => (SizedType::HttpCache, cache.len()),
        };
        let size = size as u64;
        self.sizes.entry((db, sized)).or_default().note(size);
        let apart = values.large(entry).map_or(0, Large::memory_bytes);
        let bytes = (entry.key().len() + entry.value().len() + apart) as u64;
        if self.is_large(bytes) {
            let key = entry.key().to_vec();
            self.keep(LargeKey { bytes, db, key, type_name: value.value_type().name(), size });
        }
    }

    fn is_large(&self, bytes: u64) -> bool {
        let smallest = self.largest.peek().map_or(0, |key| key.0.bytes);
        self.largest.len() < LARGEST_MAX || bytes > smallest
    }

    fn keep(&mut self, key: LargeKey) {
        if self.largest.len() == LARGEST_MAX {
            self.largest.pop();
        }
        self.largest.push(Reverse(key));
    }
}

impl Keyspace {
    /// Looks at about `count` more keys, which have not expired, and returns where to go on; `None` if that was all.
    ///
    /// Keys that come or go meanwhile may be missed.
    pub fn survey(&self, place: Place, count: u64, now: UnixMillis, survey: &mut Survey) -> Option<Place> {
        let Place { db, cursor } = place;
        let cursor = self.scan_values(db, cursor, count, now, |entry, values| survey.note(db, entry, values));
        let next = DbIndex(db.0 + 1);
        match cursor {
            0 if next.0 < self.databases() => Some(Place { db: next, cursor: 0 }),
            0 => None,
            cursor => Some(Place { db, cursor }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;

    fn survey(db: &Db) -> Survey {
        let mut survey = Survey::default();
        let mut place = Some(Place::START);
        while let Some(at) = place {
            place = db.engine().keyspace().survey(at, 7, UnixMillis(0), &mut survey);
        }
        survey
    }

    #[test]
    fn sizes_are_counted_by_types_and_databases() {
        let db = Db::memory();
        for size in [0, 1, 7, 8, 1000] {
            db.execute(["SET", &format!("s{size}"), &"x".repeat(size)]).unwrap();
        }
        for number in 0..100 {
            db.execute(["SET", &format!("n{number}"), "1234"]).unwrap();
            db.execute(["RPUSH", "list", "x"]).unwrap();
            db.execute(["SADD", "set", &number.to_string()]).unwrap();
        }
        db.execute(["HSET", "hash", "f", "v", "g", "w", "h", "x"]).unwrap();
        let found = survey(&db);
        let told: Vec<_> = found
            .sizes()
            .map(|(db, sized, sizes)| (db.0, sized, sizes.classes().collect::<Vec<_>>()))
            .collect();
        let strings = vec![(0, 1), (1, 1), (4, 101), (8, 1), (512, 1)];
        assert_eq!(
            told,
            [
                (0, SizedType::String, strings),
                (0, SizedType::List, vec![(64, 1)]),
                (0, SizedType::Set, vec![(64, 1)]),
                (0, SizedType::Hash, vec![(2, 1)]),
            ]
        );
    }

    #[test]
    fn the_largest_are_kept() {
        let db = Db::memory();
        for size in 0..1000 {
            db.execute(["SET", &format!("{size:04}"), &"x".repeat(size * 10)]).unwrap();
        }
        for number in 0..10_000 {
            db.execute(["RPUSH", "list", &number.to_string()]).unwrap();
        }
        let found = survey(&db);
        let largest = found.largest();
        assert_eq!(largest.len(), LARGEST_MAX);
        assert_eq!(
            (&largest[0].key[..], largest[0].type_name, largest[0].size),
            (&b"list"[..], "list", 10_000)
        );
        let strings: Vec<_> = largest[1..].iter().map(|key| (&key.key[..], key.size)).collect();
        assert_eq!(strings[0], (&b"0999"[..], 9990));
        assert_eq!(strings[126], (&b"0873"[..], 8730));
        assert!(largest.windows(2).all(|pair| pair[0].bytes >= pair[1].bytes));
    }
}

//! Prefixes of keys, and who is told of all keys that begin with them.
//!
//! There can be very many. So a key is not compared with each: its beginnings are looked up, as many as there are
//! prefixes of different lengths.

use super::round::Changed;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Clients, and keys that they are told of, with who changed each.
type Told<'p, 'c> = (&'p [u64], Vec<(&'c [u8], u64)>);

/// Clients by prefix.
#[derive(Default)]
pub(super) struct Prefixes {
    clients: BTreeMap<Box<[u8]>, Vec<u64>>,
    /// How many prefixes there are of each length.
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    pub(super) fn add(&mut self, prefix: &[u8], client: u64) {
        let clients = self.clients.entry(prefix.into()).or_default();
        if clients.is_empty() {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        if !clients.contains(&client) {
            clients.push(client);
        }
    }

    pub(super) fn remove(&mut self, prefix: &[u8], client: u64) {
        let Some(clients) = self.clients.get_mut(prefix) else { return };
        clients.retain(|other| *other != client);
        if !clients.is_empty() {
            return;
        }
        self.clients.remove(prefix);
        if let Entry::Occupied(mut count) = self.lengths.entry(prefix.len()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// For each prefix of any of the keys: its clients, and those keys with who changed them. All are in order.
    pub(super) fn matching<'c>(
        &self,
        changed: &'c Changed,
    ) -> impl Iterator<Item = Told<'_, 'c>> + use<'_, 'c> {
        let mut found: BTreeMap<&[u8], Told<'_, 'c>> = BTreeMap::new();
        for (key, client) in changed {
            for length in self.lengths.keys().take_while(|length| **length <= key.len()) {
                if let Some((prefix, clients)) = self.clients.get_key_value(&key[..*length]) {
                    found.entry(prefix).or_insert_with(|| (clients, Vec::new())).1.push((key, *client));
                }
            }
        }
        found.into_values()
    }
}

/// Whether one of two texts begins with the other.
pub(crate) fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The first of `prefixes` that overlaps with a text. None of them but the empty one begins another. O(log n).
pub(crate) fn overlapping<'p>(prefixes: &'p BTreeSet<Box<[u8]>>, text: &[u8]) -> Option<&'p [u8]> {
    if let Some(empty) = prefixes.get(&b""[..]) {
        return Some(empty);
    }
    // Whatever stands between the text and one of its beginnings would have the same beginning.
    let before = prefixes.range::<[u8], _>((Bound::Unbounded, Bound::Included(text))).next_back();
    let after = prefixes.range::<[u8], _>((Bound::Excluded(text), Bound::Unbounded)).next();
    before.into_iter().chain(after).map(|prefix| &**prefix).find(|prefix| overlap(prefix, text))
}

/// The place of the first of `texts` that overlaps with a later one. O(n log n) comparisons for each length there is.
pub(crate) fn first_overlapping(texts: &[&[u8]]) -> Option<usize> {
    let (mut later, mut lengths, mut first) = (BTreeSet::new(), BTreeSet::new(), None);
    for (place, text) in texts.iter().enumerate().rev() {
        let longer = later.range::<&[u8], _>(text..).next();
        let is_beginning = longer.is_some_and(|longer: &&[u8]| longer.starts_with(text));
        let mut beginnings = lengths.range(..=text.len()).map(|length| &text[..*length]);
        if is_beginning || beginnings.any(|beginning| later.contains(beginning)) {
            first = Some(place);
        }
        later.insert(*text);
        lengths.insert(text.len());
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_prefixes() {
        let mut prefixes = Prefixes::default();
        for (prefix, client) in [("a", 1), ("ab", 2), ("", 3), ("a", 4), ("x", 5), ("a", 1), ("long", 6)] {
            prefixes.add(prefix.as_bytes(), client);
        }
        prefixes.remove(b"a", 4);
        prefixes.remove(b"long", 6);
        prefixes.remove(b"none", 1);
        assert_eq!((prefixes.len(), prefixes.lengths.len()), (4, 3));
        let changed = Changed::from([(b"a"[..].into(), 7), (b"ab"[..].into(), 8), (b"b"[..].into(), 0)]);
        let found: Vec<_> =
            prefixes.matching(&changed).map(|(clients, keys)| (clients.to_vec(), keys.len())).collect();
        assert_eq!(found, [(vec![3], 3), (vec![1], 2), (vec![2], 1)]);
    }

    #[test]
    fn overlaps_are_found() {
        let prefixes: BTreeSet<Box<[u8]>> = [&b"aa"[..], b"ab", b"b", b"cc"].map(Box::from).into();
        for (text, expected) in
            [("a", Some("aa")), ("abc", Some("ab")), ("ac", None), ("b", Some("b")), ("", Some("aa"))]
        {
            assert_eq!(overlapping(&prefixes, text.as_bytes()), expected.map(str::as_bytes), "{text}");
        }
        let with_all: BTreeSet<Box<[u8]>> = [&b""[..], b"z"].map(Box::from).into();
        assert_eq!(overlapping(&with_all, b"z"), Some(&b""[..]));
        for (texts, expected) in [
            (vec!["a", "b", "ab"], Some(0)),
            (vec!["x", "ab", "b", "a"], Some(1)),
            (vec!["a", "b"], None),
            (vec!["", "a"], Some(0)),
            (vec!["a", "b", "b"], Some(1)),
        ] {
            let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(first_overlapping(&texts), expected, "{texts:?}");
        }
    }
}

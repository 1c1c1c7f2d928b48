//! Prefixes of keys, and who is told of all keys that begin with them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Clients by prefix.
#[derive(Default)]
pub(super) struct Prefixes(BTreeMap<Box<[u8]>, Vec<u64>>);

impl Prefixes {
    pub(super) fn add(&mut self, prefix: &[u8], client: u64) {
        let clients = self.0.entry(prefix.into()).or_default();
        if !clients.contains(&client) {
            clients.push(client);
        }
    }

    pub(super) fn remove(&mut self, prefix: &[u8], client: u64) {
        if let Entry::Occupied(mut found) = self.0.entry(prefix.into()) {
            found.get_mut().retain(|other| *other != client);
            if found.get().is_empty() {
                found.remove();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// For each prefix of any of the keys: its clients, and those keys, which must be sorted.
    pub(super) fn each_matching<'k>(&self, keys: &[&'k [u8]], mut visit: impl FnMut(&[u64], &[&'k [u8]])) {
        for (prefix, clients) in &self.0 {
            let start = keys.partition_point(|key| *key < &prefix[..]);
            let count = keys[start..].iter().take_while(|key| key.starts_with(prefix)).count();
            if count > 0 {
                visit(clients, &keys[start..start + count]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_prefixes() {
        let mut prefixes = Prefixes::default();
        for (prefix, client) in [("a", 1), ("ab", 2), ("", 3), ("a", 4), ("x", 5), ("a", 1)] {
            prefixes.add(prefix.as_bytes(), client);
        }
        prefixes.remove(b"a", 4);
        prefixes.remove(b"none", 1);
        assert_eq!(prefixes.len(), 4);
        let mut found = Vec::new();
        prefixes
            .each_matching(&[b"a", b"ab", b"b"], |clients, keys| found.push((clients.to_vec(), keys.len())));
        assert_eq!(found, [(vec![3], 3), (vec![1], 2), (vec![2], 1)]);
    }
}

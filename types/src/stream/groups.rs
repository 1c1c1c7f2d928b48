//! The groups of a stream.

use super::group::Group;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The groups of a stream, ordered by name.
#[derive(Clone, Default, Debug)]
pub struct Groups {
    by_name: BTreeMap<Box<[u8]>, Box<Group>>,
}

impl Groups {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Finds a group. O(log n).
    pub fn find(&self, name: &[u8]) -> Option<&Group> {
        self.by_name.get(name).map(|group| &**group)
    }

    /// Finds a group to change it. O(log n).
    pub fn find_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.by_name.get_mut(name).map(|group| &mut **group)
    }

    /// The groups with their names, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.by_name.iter().map(|(name, group)| (&**name, &**group))
    }

    /// The groups, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.by_name.values_mut().map(|group| &mut **group)
    }

    /// Adds a group unless there is one of this name; whether it was added. O(log n).
    pub fn add(&mut self, name: &[u8], group: Group) -> bool {
        match self.by_name.entry(name.into()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(Box::new(group));
                true
            }
        }
    }

    /// Removes a group with all it knows. O(log n + pending).
    pub fn remove(&mut self, name: &[u8]) -> Option<Box<Group>> {
        self.by_name.remove(name)
    }

    /// Bytes allocated. O(groups · consumers).
    pub fn memory_bytes(&self) -> usize {
        self.iter().map(|(name, group)| name.len() + 40 + group.memory_bytes()).sum()
    }
}

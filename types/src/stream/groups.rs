//! The groups of a stream.

use super::group::Group;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Deref, DerefMut};

/// The groups of a stream, ordered by name.
#[derive(Clone, Default, Debug)]
pub struct Groups {
    by_name: BTreeMap<Box<[u8]>, Box<Group>>,
    /// Bytes allocated by all of them, which are not added up each time a stream was edited.
    bytes: usize,
}

/// A group that is being changed; what it takes is accounted when this goes.
pub struct GroupMut<'a> {
    group: &'a mut Group,
    total: &'a mut usize,
}

impl<'a> GroupMut<'a> {
    fn new(group: &'a mut Group, total: &'a mut usize) -> GroupMut<'a> {
        *total -= group.memory_bytes();
        GroupMut { group, total }
    }
}

impl Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.total += self.group.memory_bytes();
    }
}

/// What the map takes for a group besides the group: two pointers with a length, and slack.
const MAP_BYTES_PER_GROUP: usize = 40;

fn map_bytes(name: &[u8]) -> usize {
    name.len() + MAP_BYTES_PER_GROUP
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
    pub fn find_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let group = self.by_name.get_mut(name)?;
        Some(GroupMut::new(group, &mut self.bytes))
    }

    /// The groups with their names, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.by_name.iter().map(|(name, group)| (&**name, &**group))
    }

    /// Changes every group.
    pub(super) fn for_each_mut(&mut self, mut change: impl FnMut(&mut Group)) {
        for group in self.by_name.values_mut() {
            change(&mut GroupMut::new(group, &mut self.bytes));
        }
    }

    /// Adds a group unless there is one of this name; whether it was added. O(log n).
    pub fn add(&mut self, name: &[u8], group: Group) -> bool {
        match self.by_name.entry(name.into()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                self.bytes += map_bytes(name) + group.memory_bytes();
                vacant.insert(Box::new(group));
                true
            }
        }
    }

    /// Removes a group with all it knows. O(log n + pending).
    pub fn remove(&mut self, name: &[u8]) -> Option<Box<Group>> {
        let group = self.by_name.remove(name)?;
        self.bytes -= map_bytes(name) + group.memory_bytes();
        Some(group)
    }

    /// Bytes allocated. O(1).
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Verifies the invariants. O(n · log n).
    #[cfg(test)]
    pub(super) fn check(&self) {
        let bytes = self.iter().map(|(name, group)| map_bytes(name) + group.memory_bytes());
        assert_eq!(self.bytes, bytes.sum::<usize>());
        self.iter().for_each(|(_, group)| group.check());
    }
}

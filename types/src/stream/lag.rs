//! How far groups are behind: what can be told from counters alone, without counting entries.
//!
//! Counters can be set from outside to any number, and wrap.

use super::group::Group;
use super::{Stream, StreamId};

impl Stream {
    /// How many entries a group has still to read, if that can be told. O(1).
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.length == 0 {
            return Some(0);
        }
        let read = self.trusted_read(group).or_else(|| self.entries_read_at(group.last_delivered));
        read.map(|read| (self.entries_added as i64).wrapping_sub(read))
    }

    /// The group's own count, unless the entry it stands at, or one behind it, was deleted.
    fn trusted_read(&self, group: &Group) -> Option<i64> {
        let at = group.last_delivered;
        group.entries_read.filter(|_| at >= self.first_id && !self.has_gap_from(at))
    }

    /// How many of the entries ever added stand up to an id, if that can be told. O(1).
    pub fn entries_read_at(&self, id: StreamId) -> Option<i64> {
        let added = self.entries_added as i64;
        if self.entries_added == 0 {
            return Some(0);
        }
        if id == self.last_id || self.length == 0 && id < self.last_id {
            return Some(added);
        }
        if id > self.last_id || self.has_gap_after_first() {
            return None;
        }
        let before = added.wrapping_sub(self.length as i64);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(before),
            std::cmp::Ordering::Equal => Some(before.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Notes that an entry was delivered to a group, which has read up to it then. O(log groups).
    ///
    /// Returns false if the group has read further already.
    pub fn advance(&mut self, group: &[u8], id: StreamId) -> bool {
        let Some(found) = self.groups.find(group) else { return false };
        if id <= found.last_delivered {
            return false;
        }
        let read = match self.trusted_read(found) {
            Some(read) => Some(read.wrapping_add(1)),
            None => self.entries_read_at(id),
        };
        let mut found = self.groups.find_mut(group).expect("just found");
        found.entries_read = read;
        found.last_delivered = id;
        true
    }

    /// Whether an entry from this id on was deleted.
    fn has_gap_from(&self, id: StreamId) -> bool {
        self.length > 0 && !self.max_deleted_id.is_zero() && id <= self.max_deleted_id
    }

    /// Whether an entry was deleted that stood behind the one that is now the first.
    fn has_gap_after_first(&self) -> bool {
        !self.max_deleted_id.is_zero() && self.max_deleted_id >= self.first_id
    }
}

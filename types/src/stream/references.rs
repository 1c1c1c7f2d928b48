//! What the pending lists of groups have to do with the deletion of entries.

use super::groups::Groups;
use super::{Stream, StreamId};

/// What happens to the references that groups hold to an entry that is to be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum References {
    /// They stay, and lead nowhere (`KEEPREF`).
    #[default]
    Keep,
    /// They are deleted, too (`DELREF`).
    Delete,
    /// An entry is deleted only when every group has read and acknowledged it (`ACKED`).
    Await,
}

/// What became of an entry that was to be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// There is none of this id.
    Missing,
    /// It is gone.
    Deleted,
    /// It stays, because a group still needs it.
    Awaited,
}

impl Stream {
    /// Deletes an entry by its id, looking after the references to it.
    ///
    /// O(log n + entries of a node), and O(groups · log n) for the references.
    pub fn delete_with(&mut self, id: StreamId, references: References) -> Deletion {
        match references {
            References::Delete => self.groups.forget(id),
            References::Await if self.entry(id).is_some() && self.groups.awaits(id) => {
                return Deletion::Awaited;
            }
            References::Await | References::Keep => {}
        }
        if self.delete(id) { Deletion::Deleted } else { Deletion::Missing }
    }
}

impl Groups {
    /// Whether some group has not read the entry yet, or not acknowledged it.
    pub(super) fn awaits(&self, id: StreamId) -> bool {
        self.iter().any(|(_, group)| group.last_delivered < id || group.pending(id).is_some())
    }

    /// Drops the entry from the pending lists of all groups.
    pub(super) fn forget(&mut self, id: StreamId) {
        self.for_each_mut(|group| {
            group.acknowledge(id);
        });
    }
}

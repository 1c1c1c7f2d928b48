//! What was found expired and removed or had to make room, and delayed entries of streams that came into sight.

use super::DbIndex;
use super::event::Event;
use super::members::removal_command;
use spinel_types::ValueType;

/// A key, or members of its value, whose time had come. The journal must hear of it.
pub(crate) struct Lapse {
    pub(crate) db: DbIndex,
    pub(crate) key: Vec<u8>,
    pub(crate) what: Lapsed,
}

/// What has lapsed.
pub(crate) enum Lapsed {
    /// The key.
    Key,
    /// The key, before its time: it had to make room.
    Evicted,
    /// Members of this type of value, or entries of a stream, of which others are left.
    Members(ValueType, Vec<Vec<u8>>),
    /// All members of this type of value, and the key with them.
    AllMembers(ValueType, Vec<Vec<u8>>),
}

impl Lapse {
    /// The command that does the same.
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        let Lapsed::Members(value_type, members) = &self.what else { return vec![b"DEL", &self.key] };
        let command: &[u8] = match value_type {
            ValueType::Stream => b"XRELEASE",
            ValueType::HttpCache => b"CACHE.DROP",
            _ => removal_command(*value_type),
        };
        [command, &self.key].into_iter().chain(members.iter().map(Vec::as_slice)).collect()
    }

    /// The members.
    pub(crate) fn members(&self) -> &[Vec<u8>] {
        match &self.what {
            Lapsed::Key | Lapsed::Evicted => &[],
            Lapsed::Members(_, members) | Lapsed::AllMembers(_, members) => members,
        }
    }

    /// What is told of members, and whether the key is gone with them.
    pub(crate) fn events(&self) -> (Option<Event>, bool) {
        let (value_type, is_gone) = match self.what {
            Lapsed::Key => return (Some(Event::EXPIRED), false),
            Lapsed::Evicted => return (Some(Event::EVICTED), false),
            Lapsed::Members(value_type, _) => (value_type, false),
            Lapsed::AllMembers(value_type, _) => (value_type, true),
        };
        let event = match value_type {
            ValueType::Hash => Some(Event::hash("hexpired")),
            ValueType::Stream => Some(Event::stream("xadd")),
            _ => None,
        };
        (event, is_gone)
    }

    /// How much work it was: the members that have expired; one for a key, or all of a value.
    pub(crate) fn expired(&self) -> usize {
        match &self.what {
            Lapsed::Key | Lapsed::AllMembers(..) => 1,
            Lapsed::Evicted | Lapsed::Members(ValueType::Stream, _) => 0,
            Lapsed::Members(_, members) => members.len(),
        }
    }
}

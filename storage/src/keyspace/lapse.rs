//! What was found expired and removed, and delayed entries of streams that came into sight.

use super::DbIndex;
use super::event::Event;
use super::members::removal_command;
use spinel_types::ValueType;

/// A key, or members of its value, whose time had come. The journal must hear of it.
pub(crate) struct Lapse {
    pub(crate) db: DbIndex,
    pub(crate) key: Vec<u8>,
    /// Which members of this type of value are gone, or have come into sight; without, the key is gone.
    pub(crate) members: Option<(ValueType, Vec<Vec<u8>>)>,
}

impl Lapse {
    /// The command that does the same.
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        let Some((value_type, members)) = &self.members else { return vec![b"DEL", &self.key] };
        let command: &[u8] =
            if *value_type == ValueType::Stream { b"XRELEASE" } else { removal_command(*value_type) };
        [command, &self.key].into_iter().chain(members.iter().map(Vec::as_slice)).collect()
    }

    /// The event to tell of: of a key whose members have all expired, and of a stream.
    pub(crate) fn event(&self) -> Option<Event> {
        match self.members {
            None => Some(Event::DEL),
            Some((ValueType::Stream, _)) => Some(Event::stream("xadd")),
            Some(_) => None,
        }
    }

    /// How many members have expired; one for all of a value.
    pub(crate) fn expired(&self) -> usize {
        match &self.members {
            None => 1,
            Some((ValueType::Stream, _)) => 0,
            Some((_, members)) => members.len(),
        }
    }
}

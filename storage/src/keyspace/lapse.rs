//! What was found expired and removed.

use super::DbIndex;
use super::members::removal_command;
use spinel_types::ValueType;

/// A key, or members of its value, whose time had come. The journal must hear of it.
pub(crate) struct Lapse {
    pub(crate) db: DbIndex,
    pub(crate) key: Vec<u8>,
    /// Which members of this type of value are gone; without, the key is.
    pub(crate) members: Option<(ValueType, Vec<Vec<u8>>)>,
}

impl Lapse {
    /// The command that does the same.
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        let Some((value_type, members)) = &self.members else { return vec![b"DEL", &self.key] };
        [removal_command(*value_type), &self.key]
            .into_iter()
            .chain(members.iter().map(Vec::as_slice))
            .collect()
    }
}

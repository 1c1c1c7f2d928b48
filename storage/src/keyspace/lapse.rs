//! What was found expired and removed.

use super::DbIndex;
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
        let name: &[u8] = match value_type {
            ValueType::Set => b"SREM",
            ValueType::SortedSet => b"ZREM",
            _ => b"HDEL",
        };
        [name, &self.key].into_iter().chain(members.iter().map(Vec::as_slice)).collect()
    }
}

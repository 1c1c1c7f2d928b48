//! Members of collections whatever the type: fields of hashes, and members of sets and sorted sets.

use super::guard::KeyGuard;
use crate::error::Error;
use spinel_types::{Fate, HashMut, SetMut, SortedSetMut, Str, ValueType};

/// A collection whose members may expire, opened for editing.
pub enum MembersMut<'a> {
    /// Fields of a hash.
    Hash(HashMut<'a>),
    /// Members of a set.
    Set(SetMut<'a>),
    /// Members of a sorted set.
    SortedSet(SortedSetMut<'a>),
}

impl MembersMut<'_> {
    /// Lets `decide` say what happens to a member by its expiry time, and returns that; nothing if there is no such
    /// member.
    pub fn decide(&mut self, member: &[u8], decide: impl FnOnce(Option<i64>) -> Fate) -> Option<Fate> {
        match self {
            MembersMut::Hash(hash) => hash.decide(member, decide),
            MembersMut::Set(set) => set.decide(Str::parse(member), decide),
            MembersMut::SortedSet(set) => set.decide(member, decide),
        }
    }

    /// Makes room for expiry times where that does not cost the collection its compact form.
    pub fn admit_expiries(&mut self) {
        if let MembersMut::Hash(hash) = self {
            hash.admit_expiries();
        }
    }
}

impl KeyGuard<'_, '_> {
    /// Opens the collection of a type for editing, if there is one.
    ///
    /// Fails when another type is there, or members of this type don't expire.
    pub fn existing_members(&mut self, value_type: ValueType) -> Result<Option<MembersMut<'_>>, Error> {
        Ok(match value_type {
            ValueType::Hash => self.existing_hash()?.map(MembersMut::Hash),
            ValueType::Set => self.existing_set()?.map(MembersMut::Set),
            ValueType::SortedSet => self.existing_sorted_set()?.map(MembersMut::SortedSet),
            _ => return Err(Error::WrongType),
        })
    }
}

/// The command that removes members of a type of collection.
pub(crate) fn removal_command(value_type: ValueType) -> &'static [u8] {
    match value_type {
        ValueType::Set => b"SREM",
        ValueType::SortedSet => b"ZREM",
        _ => b"HDEL",
    }
}

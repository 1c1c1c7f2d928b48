//! Changing hashes, and turning the compact form into the large one.

use super::{Hash, HashRef};
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack::{self, Listpack, ListpackMut, Position};
use crate::member::{MemberFields, MemberValue};
use crate::place::{Form, Place};
use crate::string::Str;
use crate::values::OwnedValue;

/// The sizes at which a hash changes its form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashLimits {
    /// The most fields of the compact form.
    pub entries_max: usize,
    /// The longest field or value of the compact form in bytes.
    pub value_bytes_max: usize,
}

/// A hash opened for editing.
pub struct HashMut<'a> {
    place: Place<'a>,
    limits: HashLimits,
}

impl<'a> HashMut<'a> {
    /// Edits the hash in a place.
    pub fn new(place: Place<'a>, limits: HashLimits) -> HashMut<'a> {
        HashMut { place, limits }
    }

    /// A hash without fields.
    pub fn fresh() -> OwnedValue {
        OwnedValue::Inline { kind: Kind::HashPack, bytes: listpack::EMPTY.to_vec() }
    }

    /// The hash as it is.
    pub fn view(&self) -> HashRef<'_> {
        HashRef::of(self.place.kind(), self.place.bytes(), self.place.large())
    }

    /// Gives a field a value, taking its expiry time away; whether the field is new.
    ///
    /// O(fields) in the compact form, O(1) in the large one.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if field.len().max(value.len()) > self.limits.value_bytes_max {
            self.enlarge();
        }
        let (field, value) = (Str::parse(field), Str::parse(value));
        let is_new = match self.place.form() {
            Form::Large(large) => large.as_hash_mut().set(field, value, None),
            Form::Compact(Kind::HashPack, buffer) => set_in_pack(&mut ListpackMut::new(buffer), field, value),
            Form::Compact(kind, _) => unreachable!("{kind:?} is no hash"),
        };
        if self.view().len() > self.limits.entries_max {
            self.enlarge();
        }
        self.place.count_changes(1);
        is_new
    }

    /// Removes a field; whether it was there.
    ///
    /// O(fields) in the compact form, O(1) in the large one.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let field = Str::parse(field);
        let is_removed = match self.place.form() {
            Form::Large(large) => large.as_hash_mut().remove(field),
            Form::Compact(_, buffer) => {
                let mut pack = ListpackMut::new(buffer);
                let found = find(pack.view(), field);
                if let Some(at) = found {
                    pack.remove(at, 2);
                }
                found.is_some()
            }
        };
        self.place.count_changes(is_removed.into());
        is_removed
    }

    /// Turns the compact form into the large one.
    fn enlarge(&mut self) {
        if self.place.large().is_some() {
            return;
        }
        let mut hash = Hash::new(self.place.seed());
        self.view().for_each(|field, value, expiry| {
            hash.set(field, value, expiry);
        });
        self.place.set_large(Large::Hash(Box::new(hash)));
    }
}

impl Hash {
    /// Gives a field a value and an expiry time, or none; whether the field is new. O(1).
    pub fn set(&mut self, field: Str<'_>, value: Str<'_>, expiry: Option<i64>) -> bool {
        let hash = self.table.hash(field);
        let fields = MemberFields { value: MemberValue::Content(value), stamp: expiry };
        let found = self.table.find(hash, field);
        match found {
            Some(slot) => self.table.replace(hash, slot, field, &fields),
            None => self.table.insert(hash, field, &fields),
        };
        found.is_none()
    }

    /// Removes a field; whether it was there. O(1).
    pub fn remove(&mut self, field: Str<'_>) -> bool {
        let hash = self.table.hash(field);
        let found = self.table.find(hash, field);
        if let Some(slot) = found {
            self.table.remove(hash, slot);
        }
        found.is_some()
    }
}

/// Finds a field among fields and values in turn.
fn find(pack: Listpack<'_>, field: Str<'_>) -> Option<Position> {
    pack.find(field, pack.start(), 1)
}

fn set_in_pack(pack: &mut ListpackMut<'_>, field: Str<'_>, value: Str<'_>) -> bool {
    let found = find(pack.view(), field);
    match found {
        Some(at) => pack.replace(pack.view().after(at), value),
        None => pack.append_all(&[field, value]),
    }
    found.is_none()
}

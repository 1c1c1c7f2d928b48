//! Where a collection lives while it is edited: in an entry of a map, or on its own.

use crate::arena::Slot;
use crate::buffer::Buffer;
use crate::hash_seed::HashSeed;
use crate::kind::Kind;
use crate::large::Large;
use crate::owned::OwnedValue;
use crate::values::Values;

/// A collection opened for editing.
///
/// The types' edits (`HashMut` and so on) work on a place, so that they can turn the compact form into the
/// large one and back.
pub struct Place<'a> {
    spot: Spot<'a>,
    seed: HashSeed,
    changes: &'a mut u64,
}

enum Spot<'a> {
    Entry { values: &'a mut Values, hash: u64, slot: &'a mut Slot },
    Owned(&'a mut OwnedValue),
}

/// The collection in a place, in the form it has.
pub enum Form<'p> {
    /// Bytes of this kind.
    Compact(Kind, Buffer<'p>),
    /// A large value.
    Large(&'p mut Large),
}

impl<'a> Place<'a> {
    pub(crate) fn in_entry(
        values: &'a mut Values,
        hash: u64,
        slot: &'a mut Slot,
        changes: &'a mut u64,
    ) -> Place<'a> {
        Place { seed: values.table().seed(), spot: Spot::Entry { values, hash, slot }, changes }
    }

    /// Opens a value that belongs to no key. `changes` counts what changes.
    pub fn owned(value: &'a mut OwnedValue, seed: HashSeed, changes: &'a mut u64) -> Place<'a> {
        Place { spot: Spot::Owned(value), seed, changes }
    }

    /// The seed for the tables of large forms.
    pub fn seed(&self) -> HashSeed {
        self.seed
    }

    /// How the collection is stored.
    #[inline]
    pub fn kind(&self) -> Kind {
        match &self.spot {
            Spot::Entry { values, slot, .. } => Kind::of(values.table().entry(**slot)),
            Spot::Owned(OwnedValue::Inline { kind, .. }) => *kind,
            Spot::Owned(OwnedValue::Large(large)) => Kind::Large(large.value_type()),
        }
    }

    /// The bytes of a compact form; of no meaning for a large one.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.spot {
            Spot::Entry { values, slot, .. } => values.table().entry(**slot).value(),
            Spot::Owned(OwnedValue::Inline { bytes, .. }) => bytes,
            Spot::Owned(OwnedValue::Large(_)) => &[],
        }
    }

    /// The large form, if the collection has it.
    #[inline]
    pub fn large(&self) -> Option<&Large> {
        match &self.spot {
            Spot::Entry { values, slot, .. } => values.large(values.table().entry(**slot)),
            Spot::Owned(OwnedValue::Large(large)) => Some(large),
            Spot::Owned(OwnedValue::Inline { .. }) => None,
        }
    }

    /// The collection, to be edited in the form it has.
    #[inline]
    pub fn form(&mut self) -> Form<'_> {
        match &mut self.spot {
            Spot::Entry { values, hash, slot } => {
                let entry = values.table().entry(**slot);
                if Kind::is_large(entry) {
                    return Form::Large(values.large_mut(**slot));
                }
                Form::Compact(Kind::of(entry), Buffer::Entry { values, hash: *hash, slot })
            }
            Spot::Owned(OwnedValue::Inline { kind, bytes }) => Form::Compact(*kind, Buffer::Owned(bytes)),
            Spot::Owned(OwnedValue::Large(large)) => Form::Large(large),
        }
    }

    /// The large form, to be edited, if the collection has it.
    #[inline]
    pub fn large_mut(&mut self) -> Option<&mut Large> {
        match self.form() {
            Form::Large(large) => Some(large),
            Form::Compact(..) => None,
        }
    }

    /// The large form, to be edited for as long as the place was opened for, if the collection has it.
    pub fn into_large(self) -> Option<&'a mut Large> {
        match self.spot {
            Spot::Entry { values, slot, .. } => {
                values.large(values.table().entry(*slot)).is_some().then(|| values.large_mut(*slot))
            }
            Spot::Owned(OwnedValue::Large(large)) => Some(large),
            Spot::Owned(OwnedValue::Inline { .. }) => None,
        }
    }

    /// The bytes of a compact form, to be edited.
    ///
    /// # Panics
    /// When the collection has its large form.
    #[inline]
    pub fn buffer(&mut self) -> Buffer<'_> {
        match self.form() {
            Form::Compact(_, buffer) => buffer,
            Form::Large(_) => panic!("a large value has no buffer"),
        }
    }

    /// Puts a compact form in place of what is there.
    pub fn set_compact(&mut self, kind: Kind, bytes: &[u8]) {
        match &mut self.spot {
            Spot::Entry { values, hash, slot } => drop(values.replace_value(*hash, slot, kind, bytes)),
            Spot::Owned(value) => **value = OwnedValue::Inline { kind, bytes: bytes.to_vec() },
        }
    }

    /// Puts a large form in place of what is there, which must not be large.
    pub fn set_large(&mut self, large: Large) {
        match &mut self.spot {
            Spot::Entry { values, hash, slot } => values.replace_by_large(*hash, slot, large),
            Spot::Owned(value) => **value = OwnedValue::Large(large),
        }
    }

    /// Counts changes to what the collection holds.
    #[inline]
    pub fn count_changes(&mut self, changes: u64) {
        *self.changes += changes;
    }
}

//! Changing hashes, and turning one form into another.

use super::{FieldPack, FieldPackMut, Hash, HashRef};
use crate::buffer::Buffer;
use crate::fate::Fate;
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack;
use crate::member::{MemberFields, MemberValue};
use crate::owned::OwnedValue;
use crate::place::{Form, Place};
use crate::string::Str;

/// A listpack is not let grow beyond this many bytes, whatever the limits say.
const PACK_BYTES_MAX: usize = 1 << 30;

/// The sizes at which a hash changes its form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashLimits {
    /// The most fields of the compact forms.
    pub entries_max: usize,
    /// The longest field or value of the compact forms in bytes.
    pub value_bytes_max: usize,
}

/// What happens to the expiry time of a field that gets a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldExpiry {
    /// It goes.
    Clear,
    /// It stays.
    Keep,
}

/// A hash opened for editing.
pub struct HashMut<'a> {
    place: Place<'a>,
    limits: HashLimits,
}

impl<'a> HashMut<'a> {
    /// Edits the hash in a place.
    #[inline]
    pub fn new(place: Place<'a>, limits: HashLimits) -> HashMut<'a> {
        HashMut { place, limits }
    }

    /// A hash without fields.
    pub fn fresh() -> OwnedValue {
        OwnedValue::Inline { kind: Kind::HashPack, bytes: listpack::EMPTY.to_vec() }
    }

    /// The hash as it is.
    #[inline]
    pub fn view(&self) -> HashRef<'_> {
        HashRef::of(self.place.kind(), self.place.bytes(), self.place.large())
    }

    /// Gives a field a value; whether the field is new.
    ///
    /// O(fields) in the compact forms, O(1) in the large one.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
        self.admit(0, &[field, value]);
        let is_new = match self.place.form() {
            Form::Large(large) => large.as_hash_mut().set(Str::parse(field), Str::parse(value), expiry),
            Form::Compact(kind, buffer) => {
                set_in_pack(&mut FieldPackMut::new(kind, buffer), field, value, expiry)
            }
        };
        self.place.count_changes(1);
        self.outgrow();
        is_new
    }

    /// Gives fields, which stand before their values, these values; how many fields are new. All that changes in
    /// a compact form is written to its place at once.
    ///
    /// As many fields as do not fit a compact form make the hash large even if some of them are the same.
    pub fn set_all(&mut self, pairs: &[&[u8]], expiry: FieldExpiry) -> usize {
        if let [field, value] = pairs {
            return self.set(field, value, expiry).into();
        }
        self.admit(pairs.len() / 2, pairs);
        let pairs = pairs.as_chunks::<2>().0;
        let added = match self.place.form() {
            Form::Large(large) => {
                let hash = large.as_hash_mut();
                let mut set = |[field, value]: &[&[u8]; 2]| {
                    usize::from(hash.set(Str::parse(field), Str::parse(value), expiry))
                };
                pairs.iter().map(&mut set).sum()
            }
            Form::Compact(kind, buffer) => {
                let mut bytes = buffer.to_vec();
                let mut pack = FieldPackMut::new(kind, Buffer::Owned(&mut bytes));
                let mut set =
                    |[field, value]: &[&[u8]; 2]| usize::from(set_in_pack(&mut pack, field, value, expiry));
                let added = pairs.iter().map(&mut set).sum();
                self.place.set_compact(kind, &bytes);
                added
            }
        };
        self.place.count_changes(pairs.len() as u64);
        self.outgrow();
        added
    }

    /// Removes a field; whether it was there.
    ///
    /// O(fields) in the compact forms, O(1) in the large one.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.decide(field, |_| Fate::Goes).is_some()
    }

    /// Lets `decide` say what happens to a field by its expiry time, and returns that; nothing if there is no such
    /// field.
    ///
    /// O(fields) in the compact forms, O(1) in the large one.
    pub fn decide(&mut self, field: &[u8], decide: impl FnOnce(Option<i64>) -> Fate) -> Option<Fate> {
        let fate = match self.place.form() {
            Form::Large(large) => large.as_hash_mut().decide(Str::parse(field), decide)?,
            Form::Compact(kind, buffer) => {
                let mut pack = FieldPackMut::new(kind, buffer);
                let at = pack.view().find(field)?;
                let fate = decide(pack.view().expiry(at));
                match fate {
                    Fate::Expires(expiry) if kind == Kind::HashPack => self.expire_in_plain(field, expiry),
                    Fate::Expires(expiry) => pack.set_expiry(at, Some(expiry)),
                    Fate::Persists if kind == Kind::ExpiringHashPack => pack.set_expiry(at, None),
                    Fate::Goes => pack.remove(at),
                    Fate::Persists | Fate::Stays => {}
                }
                fate
            }
        };
        self.place.count_changes((fate != Fate::Stays).into());
        Some(fate)
    }

    /// Gives a field of a listpack without room for expiry times one.
    fn expire_in_plain(&mut self, field: &[u8], expiry: i64) {
        self.admit_expiries();
        if let Form::Compact(kind, buffer) = self.place.form() {
            let mut pack = FieldPackMut::new(kind, buffer);
            let at = pack.view().find(field).expect("it was found before");
            pack.set_expiry(at, Some(expiry));
        }
    }

    /// Gives a listpack room for expiry times. That is no change to what the hash holds.
    pub fn admit_expiries(&mut self) {
        if self.place.kind() == Kind::HashPack {
            let bytes = FieldPack::new(Kind::HashPack, self.place.bytes()).with_expiries();
            self.place.set_compact(Kind::ExpiringHashPack, &bytes);
        }
    }

    /// Becomes large if these texts, or so many new fields, are too much for a compact form.
    #[inline]
    pub fn admit(&mut self, fields: usize, texts: &[&[u8]]) {
        if matches!(self.place.kind(), Kind::Large(_)) {
            return;
        }
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let is_over = fields > self.limits.entries_max || longest > self.limits.value_bytes_max;
        let added: usize = texts.iter().map(|text| text.len()).sum();
        if is_over || self.place.bytes().len() + added > PACK_BYTES_MAX {
            self.enlarge();
        }
    }

    /// Becomes large if there are more fields than a compact form should have.
    #[inline]
    fn outgrow(&mut self) {
        if let HashRef::Compact(pack) = self.view()
            && pack.len() > self.limits.entries_max
        {
            self.enlarge();
        }
    }

    fn enlarge(&mut self) {
        let mut hash = Hash::new(self.place.seed());
        self.view().for_each(|field, value, expiry| hash.add(field, value, expiry));
        self.place.set_large(Large::Hash(Box::new(hash)));
    }
}

impl Hash {
    /// Gives a field a value; whether the field is new. O(1).
    pub fn set(&mut self, field: Str<'_>, value: Str<'_>, expiry: FieldExpiry) -> bool {
        let hash = self.table.hash(field);
        let value = MemberValue::Content(value);
        let found = self.table.find(hash, field);
        if let Some(slot) = found {
            let former = self.table.entry(slot).stamp();
            let stamp = former.filter(|_| expiry == FieldExpiry::Keep);
            self.table.replace(hash, slot, field, &MemberFields { value, stamp });
        } else {
            self.table.insert(hash, field, &MemberFields { value, stamp: None });
        }
        found.is_none()
    }

    /// Adds a field that is not there. O(1).
    pub fn add(&mut self, field: Str<'_>, value: Str<'_>, expiry: Option<i64>) {
        let fields = MemberFields { value: MemberValue::Content(value), stamp: expiry };
        self.table.insert(self.table.hash(field), field, &fields);
    }

    fn decide(&mut self, field: Str<'_>, decide: impl FnOnce(Option<i64>) -> Fate) -> Option<Fate> {
        let hash = self.table.hash(field);
        let slot = self.table.find(hash, field)?;
        let fate = decide(self.table.entry(slot).stamp());
        match fate {
            Fate::Stays => {}
            Fate::Expires(_) | Fate::Persists => _ = self.table.set_stamp(hash, slot, fate.stamp()),
            Fate::Goes => self.table.remove(hash, slot),
        }
        Some(fate)
    }
}

/// Gives a field of a listpack a value; whether the field is new.
#[inline]
fn set_in_pack(pack: &mut FieldPackMut<'_>, field: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
    let Some(at) = pack.view().find(field) else {
        pack.append(field, value);
        return true;
    };
    pack.replace(at, value);
    if expiry == FieldExpiry::Clear && pack.view().expiry(at).is_some() {
        pack.set_expiry(at, None);
    }
    false
}

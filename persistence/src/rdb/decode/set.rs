//! Sets.

use super::super::fault::Fault;
use super::hash::checked_expiry;
use super::input::Input;
use super::packed::TWICE;
use super::value::Decoder;
use spinel_types::{
    Fate, Intset, Kind, Large, Listpack, OwnedValue, Place, Set, SetMut, SortedSetMut, Str, ValueType, intset,
};

/// Room that a collection of unproven size gets ahead.
const ROOM_MAX: u64 = 1 << 12;

impl Decoder {
    pub(super) fn set(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let (count, limits, seed) = (input.length()?, self.forms.set, self.forms.seed);
        let Some(others) = count.checked_sub(1) else { return Ok(SetMut::fresh_pack()) };
        let first = input.string(&mut self.text)?.canonical();
        let compact_max = limits.integers_max.max(limits.entries_max) as u64;
        let mut value = if count > compact_max {
            SetMut::fresh_large(count.min(ROOM_MAX) as usize, seed)
        } else {
            SetMut::fresh(first, count as usize, limits, seed)
        };
        let mut changes = 0;
        let mut set = SetMut::new(Place::owned(&mut value, seed, &mut changes), limits);
        set.add(first);
        for _ in 0..others {
            if !set.add(input.string(&mut self.text)?.canonical()) {
                return Err(Fault::Malformed(TWICE));
            }
        }
        Ok(value)
    }

    pub(super) fn intset(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        const MALFORMED: Fault = Fault::Malformed("an intset is malformed");
        let Str::Text(bytes) = input.string(&mut self.text)? else { return Err(MALFORMED) };
        intset::validate(bytes).map_err(|_| MALFORMED)?;
        let integers = Intset::new(bytes);
        if integers.len() <= self.forms.set.integers_max {
            return Ok(OwnedValue::Inline { kind: Kind::IntSet, bytes: bytes.to_vec() });
        }
        let mut set = Set::with_room(integers.len(), self.forms.seed);
        integers.iter().for_each(|integer| _ = set.add(Str::Integer(integer)));
        Ok(OwnedValue::Large(Large::Set(Box::new(set))))
    }

    pub(super) fn set_of_listpack(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let bytes = self.listpack(input)?;
        let pack = Listpack::new(&bytes);
        let count = self.check_groups(pack, 1)?;
        if count <= self.forms.set.entries_max {
            return Ok(OwnedValue::Inline { kind: Kind::SetPack, bytes });
        }
        let mut set = Set::with_room(count, self.forms.seed);
        pack.iter().for_each(|member| _ = set.add(member));
        Ok(OwnedValue::Large(Large::Set(Box::new(set))))
    }

    /// Lets members of the set or sorted set expire as the text of a field says.
    pub(super) fn expire_members(&mut self, value: &mut OwnedValue) -> Result<(), Fault> {
        const MALFORMED: Fault = Fault::Malformed("the field spinel-members is malformed");
        let mut fields = Input::of_bytes(&self.text, self.forms.string_bytes_max);
        while fields.peek()?.is_some() {
            fields.text_into(&mut self.other)?;
            let expiry = checked_expiry(fields.i64()?)?;
            if self.expire_member(value, expiry).is_none() {
                return Err(MALFORMED);
            }
        }
        Ok(())
    }

    fn expire_member(&mut self, value: &mut OwnedValue, expiry: i64) -> Option<Fate> {
        let (seed, mut changes) = (self.forms.seed, 0);
        let value_type = value.value_type();
        let place = Place::owned(value, seed, &mut changes);
        match value_type {
            ValueType::Set => {
                SetMut::new(place, self.forms.set).decide(Str::parse(&self.other), |_| Fate::Expires(expiry))
            }
            ValueType::SortedSet => {
                SortedSetMut::new(place, self.forms.sorted_set).decide(&self.other, |_| Fate::Expires(expiry))
            }
            _ => None,
        }
    }
}

//! Hashes.

use super::super::fault::Fault;
use super::input::Input;
use super::packed::{TWICE, longest};
use super::value::Decoder;
use super::zipmap;
use spinel_types::hash::FieldPack;
use spinel_types::{
    Fate, FieldExpiry, Hash, HashMut, Kind, Large, Listpack, OwnedValue, Place, Str, listpack,
};

/// Times to live of members are below this, so that they fit 48 bits.
const EXPIRY_END: i64 = (1 << 48) - 1;

/// An expiry of a field or member, checked.
pub(super) fn checked_expiry(expiry: i64) -> Result<i64, Fault> {
    if (1..EXPIRY_END).contains(&expiry) {
        Ok(expiry)
    } else {
        Err(Fault::Malformed("the expiry of a member is out of range"))
    }
}

/// How the fields of a hash tell when they expire.
#[derive(Clone, Copy)]
enum Expiries {
    /// They don't.
    None,
    /// Before the field stands the distance from the earliest one, which counts as 1; 0 means never.
    From(i64),
    /// Behind the value stands the time; -1 means never.
    Plain,
}

impl Expiries {
    fn before_field(self, input: &mut Input<'_>) -> Result<Option<i64>, Fault> {
        let Expiries::From(earliest) = self else { return Ok(None) };
        let Some(distance) = input.length()?.checked_sub(1) else { return Ok(None) };
        let expiry = i64::try_from(distance).ok().and_then(|distance| earliest.checked_add(distance));
        checked_expiry(expiry.unwrap_or(0)).map(Some)
    }

    fn behind_value(self, input: &mut Input<'_>) -> Result<Option<i64>, Fault> {
        const NEVER: i64 = -1;
        let Expiries::Plain = self else { return Ok(None) };
        match input.i64()? {
            NEVER => Ok(None),
            expiry => checked_expiry(expiry).map(Some),
        }
    }
}

impl Decoder {
    pub(super) fn hash(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        self.fields(Expiries::None, input)
    }

    pub(super) fn expiring_hash(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let earliest = input.i64()?;
        self.fields(Expiries::From(earliest), input)
    }

    pub(super) fn expiring_hash_of_valkey(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        self.fields(Expiries::Plain, input)
    }

    fn fields(&mut self, expiries: Expiries, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let (count, limits, seed) = (input.length()?, self.forms.hash, self.forms.seed);
        let mut value = match expiries {
            _ if count > limits.entries_max as u64 => {
                OwnedValue::Large(Large::Hash(Box::new(Hash::new(seed))))
            }
            Expiries::None => HashMut::fresh(),
            _ => OwnedValue::Inline { kind: Kind::ExpiringHashPack, bytes: listpack::EMPTY.to_vec() },
        };
        let mut changes = 0;
        let mut hash = HashMut::new(Place::owned(&mut value, seed, &mut changes), limits);
        for _ in 0..count {
            let before = expiries.before_field(input)?;
            input.text_into(&mut self.text)?;
            input.text_into(&mut self.other)?;
            let expiry = before.or(expiries.behind_value(input)?);
            if !hash.set(&self.text, &self.other, FieldExpiry::Clear) {
                return Err(Fault::Malformed(TWICE));
            }
            if let Some(expiry) = expiry {
                hash.decide(&self.text, |_| Fate::Expires(expiry));
            }
        }
        Ok(value)
    }

    pub(super) fn hash_of_listpack(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let bytes = self.listpack(input)?;
        self.hash_of_pairs(bytes, usize::MAX)
    }

    pub(super) fn hash_of_ziplist(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let bytes = self.ziplist(input)?;
        self.hash_of_pairs(bytes, self.forms.hash.value_bytes_max)
    }

    pub(super) fn hash_of_zipmap(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let bytes = match input.string(&mut self.text)? {
            Str::Text(bytes) => zipmap::to_listpack(bytes)?,
            Str::Integer(_) => return Err(zipmap::MALFORMED),
        };
        self.hash_of_pairs(bytes, self.forms.hash.value_bytes_max)
    }

    /// The hash of a listpack of fields and values. It becomes large if it has too many, or a longer one than this.
    fn hash_of_pairs(&mut self, bytes: Vec<u8>, text_bytes_max: usize) -> Result<OwnedValue, Fault> {
        let pack = Listpack::new(&bytes);
        let count = self.check_groups(pack, 2)?;
        if count <= self.forms.hash.entries_max
            && (text_bytes_max == usize::MAX || longest(pack) <= text_bytes_max)
        {
            return Ok(OwnedValue::Inline { kind: Kind::HashPack, bytes });
        }
        Ok(self.large_hash(FieldPack::new(Kind::HashPack, &bytes)))
    }

    pub(super) fn expiring_hash_of_listpack(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        // The earliest expiry is that of the first field.
        let _earliest = input.i64()?;
        let mut bytes = self.listpack(input)?;
        let count = self.check_groups(Listpack::new(&bytes), 3)?;
        if !has_expiries_in_order(Listpack::new(&bytes))? {
            bytes = in_order(FieldPack::new(Kind::ExpiringHashPack, &bytes));
        }
        if count <= self.forms.hash.entries_max {
            return Ok(OwnedValue::Inline { kind: Kind::ExpiringHashPack, bytes });
        }
        Ok(self.large_hash(FieldPack::new(Kind::ExpiringHashPack, &bytes)))
    }

    fn large_hash(&self, pack: FieldPack<'_>) -> OwnedValue {
        let mut hash = Hash::new(self.forms.seed);
        pack.iter().for_each(|(field, value, expiry)| hash.add(field, value, expiry));
        OwnedValue::Large(Large::Hash(Box::new(hash)))
    }
}

/// Whether the expiries in a listpack of fields, values and expiries rise, and those without follow.
fn has_expiries_in_order(pack: Listpack<'_>) -> Result<bool, Fault> {
    let (mut is_in_order, mut last) = (true, 0);
    for element in pack.iter().skip(2).step_by(3) {
        let expiry = match element {
            Str::Integer(0) => EXPIRY_END,
            Str::Integer(expiry) => checked_expiry(expiry)?,
            Str::Text(_) => return Err(Fault::Malformed("the expiry of a member is no number")),
        };
        is_in_order &= last <= expiry;
        last = expiry;
    }
    Ok(is_in_order)
}

/// The same fields in the order of their expiries.
fn in_order(pack: FieldPack<'_>) -> Vec<u8> {
    let mut fields: Vec<_> = pack.iter().collect();
    fields.sort_by_key(|(_, _, expiry)| expiry.unwrap_or(EXPIRY_END));
    let mut bytes = listpack::EMPTY.to_vec();
    let elements =
        |(field, value, expiry): (_, _, Option<i64>)| [field, value, Str::Integer(expiry.unwrap_or(0))];
    listpack::extend(&mut bytes, fields.into_iter().flat_map(elements));
    bytes
}

//! A value of any type, to be read.

use crate::entry::Entry;
use crate::hash::HashRef;
use crate::http_cache::HttpCache;
use crate::kind::{Kind, ValueType};
use crate::large::Large;
use crate::list::ListRef;
use crate::listpack::Listpack;
use crate::owned::OwnedValue;
use crate::set::SetRef;
use crate::sorted_set::SortedSetRef;
use crate::stream::Stream;
use crate::string::{Str, StringEncoding};
use crate::values::Values;

/// A value as it is stored.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A string.
    String(Str<'a>),
    /// A hash.
    Hash(HashRef<'a>),
    /// A list.
    List(ListRef<'a>),
    /// A set.
    Set(SetRef<'a>),
    /// A sorted set.
    SortedSet(SortedSetRef<'a>),
    /// A stream.
    Stream(&'a Stream),
    /// Answers of HTTP origins.
    HttpCache(&'a HttpCache),
}

impl<'a> Value<'a> {
    /// The value of an entry of `values`.
    #[inline]
    pub fn of(entry: Entry<'a>, values: &'a Values) -> Value<'a> {
        if let Some(string) = Str::of(entry) {
            return Value::String(string);
        }
        Value::of_collection(entry, values.large(entry))
    }

    /// The value of an entry, off which this hangs.
    pub(crate) fn with(entry: Entry<'a>, large: Option<&'a Large>) -> Value<'a> {
        Str::of(entry).map_or_else(|| Value::of_collection(entry, large), Value::String)
    }

    fn of_collection(entry: Entry<'a>, large: Option<&'a Large>) -> Value<'a> {
        match large {
            Some(large) => Value::of_large(large),
            None => Value::of_bytes(Kind::of(entry), entry.value()),
        }
    }

    /// The value that stands on its own.
    ///
    /// # Panics
    /// If the bytes of an integer are not 8.
    pub fn of_owned(value: &'a OwnedValue) -> Value<'a> {
        match value {
            OwnedValue::Large(large) => Value::of_large(large),
            OwnedValue::Inline { kind: Kind::String(StringEncoding::Integer), bytes } => {
                let bytes = (**bytes).try_into().expect("an integer takes 8 bytes");
                Value::String(Str::Integer(i64::from_le_bytes(bytes)))
            }
            OwnedValue::Inline { kind: Kind::String(_), bytes } => Value::String(Str::Text(bytes)),
            OwnedValue::Inline { kind, bytes } => Value::of_bytes(*kind, bytes),
        }
    }

    /// The type of the value.
    pub const fn value_type(self) -> ValueType {
        match self {
            Value::String(_) => ValueType::String,
            Value::Hash(_) => ValueType::Hash,
            Value::List(_) => ValueType::List,
            Value::Set(_) => ValueType::Set,
            Value::SortedSet(_) => ValueType::SortedSet,
            Value::Stream(_) => ValueType::Stream,
            Value::HttpCache(_) => ValueType::HttpCache,
        }
    }

    /// When a field of a hash, or a member of a set or a sorted set, expires; nothing if there is none with this
    /// name that has not expired by `now`.
    pub fn member_expiry(self, member: &[u8], now: i64) -> Option<Option<i64>> {
        let expiry = match self {
            Value::Hash(hash) => hash.expiry(member),
            Value::Set(set) => set.expiry(Str::parse(member)),
            Value::SortedSet(set) => set.expiry(member),
            Value::String(_) | Value::List(_) | Value::Stream(_) | Value::HttpCache(_) => None,
        };
        expiry.filter(|expiry| expiry.is_none_or(|at| at > now))
    }

    fn of_large(large: &'a Large) -> Value<'a> {
        match large {
            Large::Hash(hash) => Value::Hash(HashRef::Large(hash)),
            Large::List(list) => Value::List(ListRef::Large(list)),
            Large::Set(set) => Value::Set(SetRef::Large(set)),
            Large::SortedSet(set) => Value::SortedSet(SortedSetRef::Large(set)),
            Large::Stream(stream) => Value::Stream(stream),
            Large::HttpCache(cache) => Value::HttpCache(cache),
        }
    }

    fn of_bytes(kind: Kind, bytes: &'a [u8]) -> Value<'a> {
        match kind {
            Kind::ListPack => Value::List(ListRef::Compact(Listpack::new(bytes))),
            Kind::IntSet | Kind::SetPack => Value::Set(SetRef::of_bytes(kind, bytes)),
            Kind::HashPack | Kind::ExpiringHashPack => Value::Hash(HashRef::of(kind, bytes, None)),
            Kind::SortedSetPack => Value::SortedSet(SortedSetRef::Compact(Listpack::new(bytes))),
            kind => unreachable!("an entry of {kind:?} has no compact value"),
        }
    }
}

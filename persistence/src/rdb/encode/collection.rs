//! Values of all types but streams.

use super::primitive::{compressed, length};
use super::{Encoder, http_cache};
use crate::rdb::table::{VERSION, VERSION_OF_EXPIRING_FIELDS, value_type};
use spinel_types::list::{NodeBytes, NodeKind};
use spinel_types::{
    Direction, HashRef, HttpCache, Listpack, SetRef, SortedSet, SortedSetRef, Str, Stream, Value,
};
use spinel_types::{ListRef, list};

/// A value in the form in which it is written.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    String(Str<'a>),
    List(ListRef<'a>),
    Intset(&'a [u8]),
    Set(SetRef<'a>),
    HashListpack(Listpack<'a>),
    Hash(HashRef<'a>),
    /// With the earliest expiry of a field.
    ExpiringHashListpack(Listpack<'a>, i64),
    ExpiringHash(HashRef<'a>, i64),
    SortedSetListpack(Listpack<'a>),
    SortedSet(&'a SortedSet),
    Stream(&'a Stream),
    HttpCache(&'a HttpCache),
}

/// What a node of a list is.
const NODE_TEXT: u64 = 1;
const NODE_LISTPACK: u64 = 2;

impl<'a> Form<'a> {
    #[inline]
    pub(super) fn of(value: Value<'a>) -> Form<'a> {
        match value {
            Value::String(string) => Form::String(string),
            Value::List(list) => Form::List(list),
            Value::Set(SetRef::Integers(integers)) => Form::Intset(integers.bytes()),
            Value::Set(set) => Form::Set(set),
            Value::Hash(hash) => Form::of_hash(hash),
            Value::SortedSet(SortedSetRef::Compact(pack)) => Form::SortedSetListpack(pack),
            Value::SortedSet(SortedSetRef::Large(set)) => Form::SortedSet(set),
            Value::Stream(stream) => Form::Stream(stream),
            Value::HttpCache(cache) => Form::HttpCache(cache),
        }
    }

    fn of_hash(hash: HashRef<'a>) -> Form<'a> {
        let earliest = match hash {
            HashRef::Compact(pack) if !pack.has_expiries() => return Form::HashListpack(pack.listpack()),
            HashRef::Compact(pack) => pack.next_due(),
            HashRef::Large(large) if large.next_due() == i64::MAX => i64::MAX,
            HashRef::Large(_) => earliest_expiry(hash),
        };
        match hash {
            // Whoever doesn't know expiries can read a hash in which nothing expires.
            _ if earliest == i64::MAX => Form::Hash(hash),
            HashRef::Compact(pack) => Form::ExpiringHashListpack(pack.listpack(), earliest),
            hash @ HashRef::Large(_) => Form::ExpiringHash(hash, earliest),
        }
    }

    #[inline]
    pub(super) fn value_type(self) -> u8 {
        match self {
            Form::String(_) => value_type::STRING,
            Form::List(_) => value_type::LIST_NODES,
            Form::Intset(_) => value_type::SET_INTSET,
            Form::Set(_) => value_type::SET,
            Form::HashListpack(_) => value_type::HASH_LISTPACK,
            Form::Hash(_) => value_type::HASH,
            Form::ExpiringHashListpack(..) => value_type::HASH_LISTPACK_EXPIRING,
            Form::ExpiringHash(..) => value_type::HASH_EXPIRING,
            Form::SortedSetListpack(_) => value_type::SORTED_SET_LISTPACK,
            Form::SortedSet(_) => value_type::SORTED_SET,
            Form::Stream(_) => value_type::STREAM_COUNTED,
            Form::HttpCache(_) => value_type::HTTP_CACHE,
        }
    }

    /// The version that has this form.
    pub(super) fn version(self) -> u16 {
        match self {
            Form::ExpiringHashListpack(..) | Form::ExpiringHash(..) => VERSION_OF_EXPIRING_FIELDS,
            _ => VERSION,
        }
    }
}

/// The lower bound that a large hash knows may be of a field that is gone.
fn earliest_expiry(hash: HashRef<'_>) -> i64 {
    let mut earliest = i64::MAX;
    hash.for_each(|_, _, expiry| earliest = earliest.min(expiry.unwrap_or(i64::MAX)));
    earliest
}

impl Encoder {
    #[inline]
    pub(super) fn body(&mut self, form: Form<'_>, out: &mut Vec<u8>) {
        match form {
            Form::String(string) => self.string(string, out),
            Form::Intset(bytes) => self.bytes(bytes, out),
            Form::HashListpack(pack) | Form::SortedSetListpack(pack) => self.bytes(pack.bytes(), out),
            form => self.large_body(form, out),
        }
    }

    fn large_body(&mut self, form: Form<'_>, out: &mut Vec<u8>) {
        match form {
            Form::List(list) => self.list(list, out),
            Form::Set(set) => self.set(set, out),
            Form::Hash(hash) => self.hash(hash, out),
            Form::ExpiringHashListpack(pack, earliest) => {
                out.extend_from_slice(&earliest.to_le_bytes());
                self.bytes(pack.bytes(), out);
            }
            Form::ExpiringHash(hash, earliest) => self.expiring_hash(hash, earliest, out),
            Form::SortedSet(set) => self.sorted_set(set, out),
            Form::Stream(stream) => self.stream(stream, out),
            Form::HttpCache(cache) => http_cache::body(cache, self.reader, out),
            form => self.body(form, out),
        }
    }

    fn list(&mut self, list: ListRef<'_>, out: &mut Vec<u8>) {
        match list {
            ListRef::Compact(pack) => {
                length(1, out);
                length(NODE_LISTPACK, out);
                self.bytes(pack.bytes(), out);
            }
            ListRef::Large(list) => self.list_nodes(list, out),
        }
    }

    fn list_nodes(&mut self, list: &list::List, out: &mut Vec<u8>) {
        length(list.nodes() as u64, out);
        for (kind, bytes) in list.stored_nodes() {
            length(if kind == NodeKind::Text { NODE_TEXT } else { NODE_LISTPACK }, out);
            match bytes {
                NodeBytes::Plain(bytes) => self.bytes(bytes, out),
                NodeBytes::Compressed(bytes, len) => compressed(bytes, len, out),
            }
        }
    }

    fn set(&mut self, set: SetRef<'_>, out: &mut Vec<u8>) {
        length(set.len() as u64, out);
        set.for_each(|member| self.string(member, out));
    }

    fn hash(&mut self, hash: HashRef<'_>, out: &mut Vec<u8>) {
        length(hash.len() as u64, out);
        hash.for_each(|field, value, _| {
            self.string(field, out);
            self.string(value, out);
        });
    }

    /// Expiries are written as distances from the earliest, which is 1; 0 stands for none.
    fn expiring_hash(&mut self, hash: HashRef<'_>, earliest: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(&earliest.to_le_bytes());
        length(hash.len() as u64, out);
        hash.for_each(|field, value, expiry| {
            length(expiry.map_or(0, |expiry| expiry.abs_diff(earliest) + 1), out);
            self.string(field, out);
            self.string(value, out);
        });
    }

    /// From the highest score down, which is the order that a reader can add fastest.
    fn sorted_set(&mut self, set: &SortedSet, out: &mut Vec<u8>) {
        length(set.len() as u64, out);
        for (member, score) in set.entries(0..set.len(), Direction::Backwards) {
            self.string(member, out);
            out.extend_from_slice(&score.to_le_bytes());
        }
    }
}

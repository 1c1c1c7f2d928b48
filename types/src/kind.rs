//! What the kinds of entries mean: the types of values and their encodings.

use crate::entry::Entry;
use crate::string::StringEncoding;

/// How the value of an entry is stored: the entry's kind.
///
/// Kinds 1 to 3 are strings ([`StringEncoding`]). Small collections lie in the entry itself, in the layouts
/// that Redis documents; what is large lies beside the table, and the entry says where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A string; its encoding says more.
    String(StringEncoding),
    /// A list as a listpack.
    ListPack,
    /// A set of integers as an intset.
    IntSet,
    /// A set as a listpack.
    SetPack,
    /// A hash as a listpack of fields and values.
    HashPack,
    /// A hash as a listpack of fields, values and expiry times.
    ExpiringHashPack,
    /// A sorted set as a listpack of members and scores.
    SortedSetPack,
    /// A collection of this type beside the table.
    Large(ValueType),
}

const LIST_PACK: u8 = 4;
const INT_SET: u8 = 5;
const SET_PACK: u8 = 6;
const HASH_PACK: u8 = 7;
const EXPIRING_HASH_PACK: u8 = 8;
const SORTED_SET_PACK: u8 = 9;
const LARGE: u8 = 15;

impl Kind {
    /// How an entry's value is stored.
    #[inline]
    pub fn of(entry: Entry<'_>) -> Kind {
        match entry.kind() {
            LIST_PACK => Kind::ListPack,
            INT_SET => Kind::IntSet,
            SET_PACK => Kind::SetPack,
            HASH_PACK => Kind::HashPack,
            EXPIRING_HASH_PACK => Kind::ExpiringHashPack,
            SORTED_SET_PACK => Kind::SortedSetPack,
            LARGE => Kind::Large(ValueType::from_tag(entry.value()[0])),
            kind => Kind::String(StringEncoding::from_kind(kind).expect("an entry's kind is one of these")),
        }
    }

    /// The number an entry of this kind has.
    pub const fn number(self) -> u8 {
        match self {
            Kind::String(encoding) => encoding as u8,
            Kind::ListPack => LIST_PACK,
            Kind::IntSet => INT_SET,
            Kind::SetPack => SET_PACK,
            Kind::HashPack => HASH_PACK,
            Kind::ExpiringHashPack => EXPIRING_HASH_PACK,
            Kind::SortedSetPack => SORTED_SET_PACK,
            Kind::Large(_) => LARGE,
        }
    }

    /// Whether the value of this entry lies beside the table.
    #[inline]
    pub(crate) fn is_large(entry: Entry<'_>) -> bool {
        entry.kind() == LARGE
    }

    /// Whether members of a value of this entry may have expiry times of their own.
    #[inline]
    pub(crate) fn may_expire_in_part(entry: Entry<'_>) -> bool {
        matches!(entry.kind(), EXPIRING_HASH_PACK | LARGE)
    }

    /// The type of a value of this kind.
    pub const fn value_type(self) -> ValueType {
        match self {
            Kind::String(_) => ValueType::String,
            Kind::ListPack => ValueType::List,
            Kind::IntSet | Kind::SetPack => ValueType::Set,
            Kind::HashPack | Kind::ExpiringHashPack => ValueType::Hash,
            Kind::SortedSetPack => ValueType::SortedSet,
            Kind::Large(value_type) => value_type,
        }
    }

    /// The name of the encoding, as of OBJECT ENCODING.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Kind::String(StringEncoding::Embedded) => "embstr",
            Kind::String(StringEncoding::Integer) => "int",
            Kind::String(StringEncoding::Raw) => "raw",
            Kind::IntSet => "intset",
            Kind::ListPack | Kind::SetPack | Kind::HashPack | Kind::SortedSetPack => "listpack",
            Kind::ExpiringHashPack => "listpackex",
            Kind::Large(ValueType::List) => "quicklist",
            Kind::Large(ValueType::SortedSet) => "skiplist",
            Kind::Large(ValueType::Stream) => "stream",
            Kind::Large(ValueType::HttpCache) => "httpcache",
            Kind::Large(_) => "hashtable",
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ValueType {
    /// A text or an integer.
    String = 0,
    /// Elements in order.
    List = 1,
    /// Different members.
    Set = 2,
    /// Different members ordered by score.
    SortedSet = 3,
    /// Fields with values.
    Hash = 4,
    /// Entries by time, and their readers.
    Stream = 6,
    /// Answers of HTTP origins.
    HttpCache = 7,
}

impl ValueType {
    /// All types, in the order of their numbers.
    pub const ALL: [ValueType; 7] = [
        ValueType::String,
        ValueType::List,
        ValueType::Set,
        ValueType::SortedSet,
        ValueType::Hash,
        ValueType::Stream,
        ValueType::HttpCache,
    ];

    #[inline]
    fn from_tag(tag: u8) -> ValueType {
        match tag {
            1 => ValueType::List,
            2 => ValueType::Set,
            3 => ValueType::SortedSet,
            4 => ValueType::Hash,
            6 => ValueType::Stream,
            7 => ValueType::HttpCache,
            _ => panic!("a large value has one of the types"),
        }
    }

    /// The type of an entry's value.
    pub fn of(entry: Entry<'_>) -> ValueType {
        Kind::of(entry).value_type()
    }

    /// The type's name in replies, as of TYPE.
    pub const fn name(self) -> &'static str {
        match self {
            ValueType::String => "string",
            ValueType::List => "list",
            ValueType::Set => "set",
            ValueType::SortedSet => "zset",
            ValueType::Hash => "hash",
            ValueType::Stream => "stream",
            ValueType::HttpCache => "httpcache",
        }
    }

    /// The type's number in dataset digests and snapshot files.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

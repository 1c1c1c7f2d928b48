//! The bytes that say what comes next in a file: opcodes and types of values.

/// What stands in a file beside keys, by the byte it starts with.
pub(crate) mod opcode {
    /// Valkey 9: the slots that are just being taken from another node.
    pub(crate) const SLOT_IMPORT: u8 = 243;
    /// A slot of a cluster, and how many keys it has.
    pub(crate) const SLOT_INFO: u8 = 244;
    /// The code of a function library.
    pub(crate) const FUNCTION: u8 = 245;
    /// A function library as release candidates of Redis 7 wrote it.
    pub(crate) const FUNCTION_OF_CANDIDATES: u8 = 246;
    /// Data of a module that belongs to no key.
    pub(crate) const MODULE_AUX: u8 = 247;
    /// For how many seconds the next key was not used.
    pub(crate) const IDLE: u8 = 248;
    /// How often the next key was used, as a logarithmic counter.
    pub(crate) const FREQUENCY: u8 = 249;
    /// A name and a text, to be ignored by whoever doesn't know the name.
    pub(crate) const AUX: u8 = 250;
    /// How many keys the database has, and how many of them expire.
    pub(crate) const SIZES: u8 = 251;
    /// When the next key expires, in milliseconds.
    pub(crate) const EXPIRY_MS: u8 = 252;
    /// When the next key expires, in seconds.
    pub(crate) const EXPIRY_SECONDS: u8 = 253;
    /// The database of the keys that follow.
    pub(crate) const SELECT_DB: u8 = 254;
    /// The end; a checksum follows.
    pub(crate) const END: u8 = 255;
}

/// How a value is encoded, by the byte before its key. In brackets: the first version of the format that has it.
pub(crate) mod value_type {
    /// A string.
    pub(crate) const STRING: u8 = 0;
    /// A list, element by element.
    pub(crate) const LIST: u8 = 1;
    /// A set, member by member.
    pub(crate) const SET: u8 = 2;
    /// A sorted set; scores are texts.
    pub(crate) const SORTED_SET_OF_TEXTS: u8 = 3;
    /// A hash, field by field.
    pub(crate) const HASH: u8 = 4;
    /// A sorted set; scores are doubles (8).
    pub(crate) const SORTED_SET: u8 = 5;
    /// A value of a module, of which nobody can tell where it ends.
    pub(crate) const MODULE_OF_CANDIDATES: u8 = 6;
    /// A value of a module (8).
    pub(crate) const MODULE: u8 = 7;
    /// A hash as a zipmap.
    pub(crate) const HASH_ZIPMAP: u8 = 9;
    /// A list as a ziplist.
    pub(crate) const LIST_ZIPLIST: u8 = 10;
    /// A set of integers as an intset.
    pub(crate) const SET_INTSET: u8 = 11;
    /// A sorted set as a ziplist.
    pub(crate) const SORTED_SET_ZIPLIST: u8 = 12;
    /// A hash as a ziplist (4).
    pub(crate) const HASH_ZIPLIST: u8 = 13;
    /// A list as nodes that are ziplists (7).
    pub(crate) const LIST_ZIPLIST_NODES: u8 = 14;
    /// A stream (9).
    pub(crate) const STREAM: u8 = 15;
    /// A hash as a listpack (10).
    pub(crate) const HASH_LISTPACK: u8 = 16;
    /// A sorted set as a listpack (10).
    pub(crate) const SORTED_SET_LISTPACK: u8 = 17;
    /// A list as nodes that are listpacks or single texts (10).
    pub(crate) const LIST_NODES: u8 = 18;
    /// A stream with its first id, its greatest deleted one, and counts of entries added and read (10).
    pub(crate) const STREAM_COUNTED: u8 = 19;
    /// A set as a listpack (11).
    pub(crate) const SET_LISTPACK: u8 = 20;
    /// A stream that also tells when consumers got entries last (11).
    pub(crate) const STREAM_ACTIVE: u8 = 21;
    /// Valkey 9: a hash of fields with expiries (80). Release candidates of Redis 7.4 used it otherwise.
    pub(crate) const HASH_EXPIRING_OF_VALKEY: u8 = 22;
    /// A hash of fields with expiries, field by field (12).
    pub(crate) const HASH_EXPIRING: u8 = 24;
    /// A hash of fields with expiries as a listpack (12).
    pub(crate) const HASH_LISTPACK_EXPIRING: u8 = 25;
    /// An entry of an HTTP cache, variant by variant: only ours, in payloads, `.spldb` files and the fields below. Others
    /// refuse a payload of a type that they don't know.
    pub(crate) const HTTP_CACHE: u8 = 128;
}

/// What a length may be instead of one: an encoding of a string.
pub(crate) mod string_encoding {
    /// The upper two bits of a byte that names an encoding.
    pub(crate) const MARK: u8 = 0xc0;
    /// An integer of 8 bits.
    pub(crate) const INTEGER_8: u8 = 0;
    /// An integer of 16 bits, little-endian.
    pub(crate) const INTEGER_16: u8 = 1;
    /// An integer of 32 bits, little-endian.
    pub(crate) const INTEGER_32: u8 = 2;
    /// Compressed: two lengths, of the compressed bytes and of what they become.
    pub(crate) const COMPRESSED: u8 = 3;
}

/// The fields that only this program knows; others skip them.
pub(crate) mod extension {
    /// Members of the set or sorted set before it that expire.
    pub(crate) const MEMBERS: &[u8] = b"spinel-members";
    /// What the stream before it has beside entries and what others know of groups.
    pub(crate) const STREAM: &[u8] = b"spinel-stream";
    /// A key with an entry of an HTTP cache, whose variants follow.
    pub(crate) const HTTP_CACHE: &[u8] = b"spinel-httpcache";
    /// One variant of the entry before it.
    pub(crate) const VARIANT: &[u8] = b"spinel-variant";
}

/// What every file starts with; four digits of the version follow.
pub(crate) const MAGIC: &[u8] = b"REDIS";

/// What files of Valkey from version 80 on start with; three digits of the version follow.
pub(crate) const MAGIC_OF_VALKEY: &[u8] = b"VALKEY";

/// The version of the files written here: Redis 7.0 is the first to read it, and everybody since does.
pub const VERSION: u16 = 10;

/// The version of Redis 7.4, which brought fields that expire.
pub(crate) const VERSION_OF_EXPIRING_FIELDS: u16 = 12;

/// The newest version of Redis's that is read.
pub(crate) const VERSION_MAX: u16 = 12;

/// The versions of Valkey's that are read.
pub(crate) const VERSIONS_OF_VALKEY: std::ops::RangeInclusive<u16> = 80..=81;

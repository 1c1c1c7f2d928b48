//! Hashes: fields with values, some of which may expire.

mod edit;

use crate::hash_seed::HashSeed;
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack::Listpack;
use crate::member::{MemberValue, Members};
use crate::string::Str;
use crate::table::Table;
pub use edit::{HashLimits, HashMut};

/// A hash in its large form: a table of fields.
#[derive(Clone)]
pub struct Hash {
    table: Table<Members>,
}

/// A hash, to be read in the form it has.
#[derive(Clone, Copy)]
pub enum HashRef<'a> {
    /// Fields and values in turn.
    Compact(Listpack<'a>),
    /// Fields, values and expiry times in turn.
    Expiring(Listpack<'a>),
    /// A table.
    Large(&'a Hash),
}

impl<'a> HashRef<'a> {
    /// The hash of this kind, which lies in these bytes unless it is large.
    #[inline]
    pub(crate) fn of(kind: Kind, bytes: &'a [u8], large: Option<&'a Large>) -> HashRef<'a> {
        match (kind, large) {
            (_, Some(Large::Hash(hash))) => HashRef::Large(hash),
            (Kind::ExpiringHashPack, _) => HashRef::Expiring(Listpack::new(bytes)),
            _ => HashRef::Compact(Listpack::new(bytes)),
        }
    }

    /// How many fields there are. O(1).
    pub fn len(self) -> usize {
        match self {
            HashRef::Compact(pack) => pack.len() / 2,
            HashRef::Expiring(pack) => pack.len() / 3,
            HashRef::Large(hash) => hash.len(),
        }
    }

    /// Whether there is no field.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Visits every field with its value and its expiry time. O(fields).
    pub fn for_each(self, mut visit: impl FnMut(Str<'_>, Str<'_>, Option<i64>)) {
        match self {
            HashRef::Compact(pack) => {
                let mut elements = pack.iter();
                while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                    visit(field, value, None);
                }
            }
            HashRef::Expiring(pack) => {
                let mut elements = pack.iter();
                while let (Some(field), Some(value), Some(expiry)) =
                    (elements.next(), elements.next(), elements.next())
                {
                    visit(field, value, expiry.integer().filter(|expiry| *expiry != 0));
                }
            }
            HashRef::Large(hash) => hash.table.for_each(|member| {
                if let MemberValue::Content(value) = member.value() {
                    visit(member.key(), value, member.stamp());
                }
            }),
        }
    }
}

impl Hash {
    /// Makes a hash without fields.
    pub const fn new(seed: HashSeed) -> Hash {
        Hash { table: Table::new(seed) }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Hash>() + self.table.memory_bytes()
    }

    /// Removes fields that have expired by `now`, at most about `fields_max`, reports each, and says whether
    /// there may be more.
    pub fn expire(&mut self, now: i64, fields_max: usize, report: impl FnMut(Str<'_>)) -> bool {
        self.table.expire(now, fields_max, report)
    }

    /// A lower bound of the fields' expiry times; `i64::MAX` when there is none.
    pub fn next_due(&self) -> i64 {
        self.table.next_due()
    }
}

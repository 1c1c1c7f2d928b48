//! Reading files and payloads.

mod hash;
mod http_cache;
pub(crate) mod input;
mod list;
mod packed;
mod reader;
mod set;
mod sorted_set;
mod stream;
mod value;
mod ziplist;
mod zipmap;

pub(crate) use reader::marks;
pub use reader::{Decoded, Item, Reader, Record, Verification};
pub(crate) use value::Decoder;

use spinel_types::{HashLimits, HashSeed, ListLimits, SetLimits, SortedSetLimits};

/// How values are built.
#[derive(Clone, Copy, Debug)]
pub struct Forms {
    /// The secret of the tables of large collections.
    pub seed: HashSeed,
    /// The sizes at which hashes change their form.
    pub hash: HashLimits,
    /// The sizes at which lists change their form.
    pub list: ListLimits,
    /// The sizes at which sets change their form.
    pub set: SetLimits,
    /// The sizes at which sorted sets change their form.
    pub sorted_set: SortedSetLimits,
    /// The longest string in bytes.
    pub string_bytes_max: usize,
}

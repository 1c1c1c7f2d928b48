//! Copies of entries with their values, packed one behind the other.
//!
//! ```text
//! bytes    [entry][entry][entry] …     as in the table; see `entry`
//!                    └─ larges[number]
//! ```
//!
//! Copying a small value is a copy of its bytes; a large one is cloned. Reading goes in the order of copying.

use crate::entry::Entry;
use crate::kind::Kind;
use crate::large::Large;
use crate::value::Value;

/// Entries with their values, copied out of a map.
#[derive(Default)]
pub struct Copies {
    bytes: Vec<u8>,
    larges: Vec<Large>,
    /// Memory of the large values when they were copied.
    larges_bytes: usize,
    len: usize,
}

/// Bytes of an entry's value that say which large value hangs off it; see `values`.
const NUMBER_BYTES: usize = size_of::<u32>();

impl Copies {
    /// Makes an empty collection, which owns no memory.
    pub const fn new() -> Copies {
        Copies { bytes: Vec::new(), larges: Vec::new(), larges_bytes: 0, len: 0 }
    }

    /// Makes an empty collection with room for so many bytes of entries.
    pub fn with_room(bytes: usize) -> Copies {
        Copies { bytes: Vec::with_capacity(bytes), ..Copies::new() }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the entries, without large values.
    pub fn entry_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Memory in bytes of the large values. What they still share with those they were copied from is counted, too.
    pub fn large_bytes(&self) -> usize {
        self.larges_bytes
    }

    /// Memory in bytes, counted as [`Copies::large_bytes`] does.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.larges.capacity() * size_of::<Large>() + self.larges_bytes
    }

    /// Removes all entries and keeps the memory of the small ones.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.larges.clear();
        (self.larges_bytes, self.len) = (0, 0);
    }

    /// Gives memory back that is beyond what this many bytes of entries need.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
    }

    /// The entries with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Entry<'_>, Value<'_>)> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let entry = Entry::new(rest);
            rest = &rest[entry.encoded_len()..];
            Some((entry, Value::with(entry, self.large(entry))))
        })
    }

    /// Copies an entry, off which a copy of this large value hangs if there is one.
    pub(crate) fn push(&mut self, entry: Entry<'_>, large: Option<Large>) {
        self.bytes.extend_from_slice(entry.bytes());
        self.len += 1;
        if let Some(large) = large {
            let number = u32::try_from(self.larges.len()).expect("copies are few at a time");
            let at = self.bytes.len() - NUMBER_BYTES;
            self.bytes[at..].copy_from_slice(&number.to_le_bytes());
            self.larges_bytes += large.memory_bytes();
            self.larges.push(large);
        }
    }

    fn large(&self, entry: Entry<'_>) -> Option<&Large> {
        if !Kind::is_large(entry) {
            return None;
        }
        let bytes = entry.value();
        let mut number = [0; NUMBER_BYTES];
        number.copy_from_slice(&bytes[bytes.len() - NUMBER_BYTES..]);
        self.larges.get(u32::from_le_bytes(number) as usize)
    }
}

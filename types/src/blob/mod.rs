//! Bytes that never change and are shared by a counter.
//!
//! Large ones lie in a file in memory ([`memory_file`]), so that a socket can take their pages as they are instead of a copy.
//! Everybody else reads them as memory.

mod extents;
pub mod memory_file;

use memory_file::Extent;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// So many bytes go to the memory file, if there is one. Of what is smaller, copying costs less than asking the system to share it,
/// and what it would waste of its last page is more.
pub const LARGE_BYTES: usize = 64 << 10;

/// Bytes that never change. A clone costs a counter.
#[derive(Clone)]
pub struct Blob(Place);

/// Where they lie.
#[derive(Clone)]
enum Place {
    Heap(Arc<[u8]>),
    File(Arc<Extent>),
}

impl Blob {
    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Place::Heap(bytes) => bytes.len(),
            Place::File(extent) => extent.memory_bytes(),
        }
    }

    /// Whether it is the same one, and not only of the same bytes. O(1).
    pub fn is_same(&self, other: &Blob) -> bool {
        match (&self.0, &other.0) {
            (Place::Heap(bytes), Place::Heap(others)) => Arc::ptr_eq(bytes, others),
            (Place::File(extent), Place::File(other)) => Arc::ptr_eq(extent, other),
            _ => false,
        }
    }

    /// Pieces of so many bytes together as one, each copied once to where it stays. O(bytes).
    pub fn gathered<'a>(length: usize, pieces: impl Iterator<Item = &'a [u8]> + Clone) -> Blob {
        let extent = if length < LARGE_BYTES { None } else { memory_file::keep(length, &mut pieces.clone()) };
        if let Some(extent) = extent {
            return Blob(Place::File(Arc::new(extent)));
        }
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
        let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has it yet");
        for piece in pieces {
            let (place, behind) = rest.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            rest = behind;
        }
        Blob(Place::Heap(bytes))
    }
}

impl Deref for Blob {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Heap(bytes) => bytes,
            Place::File(extent) => extent,
        }
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Blob {
        Blob::gathered(bytes.len(), std::iter::once(bytes))
    }
}

impl<const N: usize> From<[u8; N]> for Blob {
    fn from(bytes: [u8; N]) -> Blob {
        bytes[..].into()
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Blob {
        bytes[..].into()
    }
}

impl Default for Blob {
    fn default() -> Blob {
        Blob(Place::Heap([].into()))
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        **self == **other
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_their_bytes_wherever_they_lie() {
        for len in [0, 1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1, 5 * LARGE_BYTES + 4097] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let blob = Blob::from(&bytes[..]);
            let clone = blob.clone();
            assert!(Blob::gathered(len, bytes.chunks(1_000)) == blob, "{len}");
            assert_eq!((&blob[..], blob.memory_bytes() >= len), (&bytes[..], true));
            let is_in_file = memory_file::place_of(&blob).is_some();
            assert_eq!(is_in_file, len >= LARGE_BYTES && memory_file::is_there(), "{len}");
            assert!(blob.is_same(&clone) && !blob.is_same(&Blob::from(&bytes[..])), "{len}");
            drop(blob);
            assert!(*clone == bytes[..] && clone == Blob::from(bytes));
        }
        assert_eq!(Blob::default().len(), 0);
    }
}

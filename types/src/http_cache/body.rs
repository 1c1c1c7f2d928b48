//! Bodies, wherever their bytes are.

use super::filed::{Filed, Lost};
use super::packed::{Packed, Unpacker};
use crate::blob::Blob;
use std::borrow::Cow;
use std::sync::Arc;

/// Bodies of so many bytes are copied rather than shared if they are in memory as they came: they lie with the rest of their variants.
pub(super) const SMALL_BYTES_MAX: usize = 4096;

/// A body of its own.
#[derive(Clone, Debug)]
pub enum Body {
    /// In memory as it came.
    Plain(Blob),
    /// In memory, compressed.
    Packed(Arc<Packed>),
    /// Kept by somebody else, in a file.
    Filed(Arc<Filed>),
}

/// A look at a body, wherever it is.
#[derive(Clone, Copy, Debug)]
pub enum BodyRef<'b> {
    /// In memory as it came.
    Plain(&'b [u8]),
    /// In memory, compressed.
    Packed(&'b Arc<Packed>),
    /// Kept by somebody else, in a file.
    Filed(&'b Arc<Filed>),
}

impl Body {
    /// A body in memory, compressed if that is worth it. O(bytes), and slow.
    pub fn packed(bytes: &[u8]) -> Body {
        Packed::of(bytes).map_or_else(|| Body::Plain(bytes.into()), |packed| Body::Packed(Arc::new(packed)))
    }

    /// A look at it.
    #[inline]
    pub fn as_ref(&self) -> BodyRef<'_> {
        match self {
            Body::Plain(bytes) => BodyRef::Plain(bytes),
            Body::Packed(packed) => BodyRef::Packed(packed),
            Body::Filed(filed) => BodyRef::Filed(filed),
        }
    }

    /// The same body, compressed if it is in memory as it came and that is worth it. O(bytes), and slow.
    #[must_use]
    pub fn compressed(self) -> Body {
        let Body::Plain(bytes) = &self else { return self };
        Packed::of(bytes).map_or(self, |packed| Body::Packed(Arc::new(packed)))
    }

    /// Bytes of memory. O(1).
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Body::Plain(bytes) => bytes.memory_bytes(),
            Body::Packed(packed) => packed.memory_bytes(),
            Body::Filed(_) => size_of::<Filed>(),
        }
    }
}

impl<'b> BodyRef<'b> {
    /// Its bytes, if they are in memory as they are sent. O(1).
    #[inline]
    pub fn plain(self) -> Option<&'b [u8]> {
        match self {
            BodyRef::Plain(bytes) => Some(bytes),
            BodyRef::Packed(_) | BodyRef::Filed(_) => None,
        }
    }

    /// What keeps its bytes, if they are in a file. O(1).
    #[inline]
    pub fn filed(self) -> Option<&'b Arc<Filed>> {
        match self {
            BodyRef::Filed(filed) => Some(filed),
            BodyRef::Plain(_) | BodyRef::Packed(_) => None,
        }
    }

    /// Length in bytes as it is sent.
    pub fn len(self) -> usize {
        match self {
            BodyRef::Plain(bytes) => bytes.len(),
            BodyRef::Packed(packed) => packed.len() as usize,
            BodyRef::Filed(filed) => filed.len() as usize,
        }
    }

    /// Whether nothing is sent.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether it is known that its bytes are not to be had any more.
    #[inline]
    pub fn is_lost(self) -> bool {
        match self {
            BodyRef::Plain(_) | BodyRef::Packed(_) => false,
            BodyRef::Filed(filed) => filed.is_lost(),
        }
    }

    /// Whether it is the same one, and not only of the same bytes; of small ones nobody can tell. O(1).
    pub fn is_same(self, other: BodyRef<'_>) -> bool {
        match (self, other) {
            (BodyRef::Plain(bytes), BodyRef::Plain(others)) if bytes.len() <= SMALL_BYTES_MAX => {
                bytes == others
            }
            (BodyRef::Plain(bytes), BodyRef::Plain(others)) => std::ptr::eq(bytes, others),
            (BodyRef::Packed(packed), BodyRef::Packed(other)) => Arc::ptr_eq(packed, other),
            (BodyRef::Filed(filed), BodyRef::Filed(other)) => Arc::ptr_eq(filed, other),
            _ => false,
        }
    }

    /// All bytes as they are sent. O(bytes); what is in a file is read.
    pub fn bytes(self) -> Result<Cow<'b, [u8]>, Lost> {
        match self {
            BodyRef::Plain(bytes) => Ok(Cow::Borrowed(bytes)),
            BodyRef::Packed(packed) => Unpacker::all(packed).map(Cow::Owned),
            BodyRef::Filed(filed) => filed.bytes().map(Cow::Owned),
        }
    }
}

impl PartialEq for BodyRef<'_> {
    fn eq(&self, other: &BodyRef<'_>) -> bool {
        match (self, other) {
            (BodyRef::Plain(bytes), BodyRef::Plain(others)) => bytes == others,
            (BodyRef::Packed(packed), BodyRef::Packed(other)) => packed == other,
            (BodyRef::Filed(filed), BodyRef::Filed(other)) => filed.id() == other.id(),
            _ => false,
        }
    }
}

impl Eq for BodyRef<'_> {}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Body {}

impl Default for Body {
    fn default() -> Body {
        Body::Plain(Blob::default())
    }
}

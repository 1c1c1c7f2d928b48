//! Bodies, wherever their bytes are.

use super::filed::{Filed, Lost};
use super::packed::{Packed, Unpacker};
use crate::blob::Blob;
use std::borrow::Cow;
use std::sync::Arc;

/// Where a body is.
#[derive(Clone, Debug)]
pub enum Body {
    /// In memory as it came.
    Plain(Blob),
    /// In memory, compressed.
    Packed(Arc<Packed>),
    /// Kept by somebody else, in a file.
    Filed(Arc<Filed>),
}

impl Body {
    /// A body in memory, compressed if that is worth it. O(bytes), and slow.
    pub fn packed(bytes: &[u8]) -> Body {
        Packed::of(bytes).map_or_else(|| Body::Plain(bytes.into()), |packed| Body::Packed(Arc::new(packed)))
    }

    /// Its bytes, if they are in memory as they are sent. O(1).
    #[inline]
    pub fn plain(&self) -> Option<&[u8]> {
        match self {
            Body::Plain(bytes) => Some(bytes),
            Body::Packed(_) | Body::Filed(_) => None,
        }
    }

    /// What keeps its bytes, if they are in a file. O(1).
    #[inline]
    pub fn filed(&self) -> Option<&Arc<Filed>> {
        match self {
            Body::Filed(filed) => Some(filed),
            Body::Plain(_) | Body::Packed(_) => None,
        }
    }

    /// The same body, compressed if it is in memory as it came and that is worth it. O(bytes), and slow.
    #[must_use]
    pub fn compressed(self) -> Body {
        let Body::Plain(bytes) = &self else { return self };
        Packed::of(bytes).map_or(self, |packed| Body::Packed(Arc::new(packed)))
    }

    /// Length in bytes as it is sent.
    pub fn len(&self) -> usize {
        match self {
            Body::Plain(bytes) => bytes.len(),
            Body::Packed(packed) => packed.len() as usize,
            Body::Filed(filed) => filed.len() as usize,
        }
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is known that its bytes are not to be had any more.
    #[inline]
    pub fn is_lost(&self) -> bool {
        match self {
            Body::Plain(_) | Body::Packed(_) => false,
            Body::Filed(filed) => filed.is_lost(),
        }
    }

    /// Whether it is the same one, and not only of the same bytes. O(1).
    pub fn is_same(&self, other: &Body) -> bool {
        match (self, other) {
            (Body::Plain(bytes), Body::Plain(others)) => bytes.is_same(others),
            (Body::Packed(packed), Body::Packed(other)) => Arc::ptr_eq(packed, other),
            (Body::Filed(filed), Body::Filed(other)) => Arc::ptr_eq(filed, other),
            _ => false,
        }
    }

    /// All bytes as they are sent. O(bytes); what is in a file is read.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, Lost> {
        match self {
            Body::Plain(bytes) => Ok(Cow::Borrowed(bytes)),
            Body::Packed(packed) => Unpacker::all(packed).map(Cow::Owned),
            Body::Filed(filed) => filed.bytes().map(Cow::Owned),
        }
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

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        match (self, other) {
            (Body::Plain(bytes), Body::Plain(others)) => bytes == others,
            (Body::Packed(packed), Body::Packed(other)) => packed == other,
            (Body::Filed(filed), Body::Filed(other)) => filed.id() == other.id(),
            _ => false,
        }
    }
}

impl Eq for Body {}

impl Default for Body {
    fn default() -> Body {
        Body::Plain(Blob::default())
    }
}

//! Reading and editing streams, which have one form and count no changes themselves.

use super::guard::KeyGuard;
use super::view::View;
use crate::error::Error;
use spinel_types::{Large, OwnedValue, Place, Stream, Value, ValueType};

impl View<'_> {
    /// Looks at a stream, counting a hit or a miss and marking it used.
    pub fn read_stream(&mut self, key: &[u8]) -> Result<Option<&Stream>, Error> {
        match self.read_value(key) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(Error::WrongType),
        }
    }
}

impl KeyGuard<'_, '_> {
    /// Opens the stream for editing; an empty one if there is none. What changes is told to
    /// [`count_changes`](KeyGuard::count_changes).
    pub fn stream(&mut self) -> Result<&mut Stream, Error> {
        let place = self.open(ValueType::Stream, |_| OwnedValue::Large(Large::Stream(Box::default())))?;
        Ok(place.into_large().expect("a stream is large").as_stream_mut())
    }

    /// Opens the stream for editing, if there is one. What changes is told to
    /// [`count_changes`](KeyGuard::count_changes).
    pub fn existing_stream(&mut self) -> Result<Option<&mut Stream>, Error> {
        let large = self.open_existing(ValueType::Stream)?.and_then(Place::into_large);
        Ok(large.map(Large::as_stream_mut))
    }
}

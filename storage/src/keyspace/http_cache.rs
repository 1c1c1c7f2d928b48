//! Reading and editing entries of HTTP caches, which have one form and count no changes themselves.

use super::guard::KeyGuard;
use super::view::View;
use super::{DbIndex, Keyspace};
use crate::error::Error;
use spinel_types::http_cache::{Numbers, Variant};
use spinel_types::{HttpCache, Large, OwnedValue, Place, Value, ValueType};
use std::sync::OnceLock;

/// A variant that was read and is to be fetched again.
#[derive(Clone, Copy, Debug)]
pub struct Due<'d> {
    /// The database and key under which it was found.
    pub place: (DbIndex, &'d [u8]),
    /// The variant.
    pub variant: &'d Variant,
    /// Where it is to be fetched from.
    pub url: &'d [u8],
    /// Whether that is so even if it is fresh.
    pub is_forced: bool,
}

/// Who fetches again what was read.
#[derive(Default)]
pub(super) struct Refresher(OnceLock<Box<Refresh>>);

type Refresh = dyn Fn(Due<'_>) + Send + Sync;

impl Keyspace {
    /// Names who fetches again what commands read that is no longer fresh. He is told while the shard of the key is locked, so he must be quick, and
    /// must not use the keyspace. There can be one; whether there was none yet.
    pub fn set_refresher(&self, refresh: impl Fn(Due<'_>) + Send + Sync + 'static) -> bool {
        self.refresher.0.set(Box::new(refresh)).is_ok()
    }

    /// Has a variant fetched again, if there is somebody who does.
    pub(crate) fn refresh(&self, due: Due<'_>) {
        if let Some(refresh) = self.refresher.0.get() {
            refresh(due);
        }
    }
}

impl View<'_> {
    /// Looks at an entry of an HTTP cache, counting a hit or a miss and marking it used. What was purged is not there any more.
    pub fn read_http_cache(&mut self, key: &[u8]) -> Result<Option<&HttpCache>, Error> {
        match self.read_value(key) {
            None => Ok(None),
            Some(Value::HttpCache(cache)) => Ok(Some(cache)),
            Some(_) => Err(Error::WrongType),
        }
    }
}

impl KeyGuard<'_, '_> {
    /// Puts a variant into the entry, which is made if there is none, in the place of one with the same selector.
    pub fn put_variant(&mut self, mut variant: Variant) -> Result<(), Error> {
        variant.set_numbers(Numbers { sequence: self.keyspace().purge_number(), ..*variant });
        let fresh = |_| OwnedValue::Large(Large::HttpCache(HttpCache::new()));
        let place = self.open(ValueType::HttpCache, fresh)?;
        let cache = place.into_large().expect("an entry of an HTTP cache is large").as_http_cache_mut();
        cache.put(variant);
        self.count_changes(1);
        Ok(())
    }

    /// Opens the entry for editing, if there is one. What changes is told to [`count_changes`](KeyGuard::count_changes).
    pub fn existing_http_cache(&mut self) -> Result<Option<&mut HttpCache>, Error> {
        let large = self.open_existing(ValueType::HttpCache)?.and_then(Place::into_large);
        Ok(large.map(Large::as_http_cache_mut))
    }
}

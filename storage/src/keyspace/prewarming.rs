//! Which variants are fetched again before they are no longer fresh.

use super::http_cache::Due;
use super::{DbIndex, Keyspace};
use crate::time::UnixMillis;
use spinel_cache::timeline;
use spinel_types::http_cache::{NEVER, Variant};
use spinel_types::{Entry, Large, Values};

/// Variants that were used lately and are soon no longer fresh.
#[derive(Clone, Copy)]
pub(crate) struct SoonStale {
    /// They are no longer fresh then.
    pub(crate) fresh_until: i64,
    /// They were used since.
    pub(crate) used_since: i64,
    /// At most so many.
    pub(crate) count: usize,
}

impl SoonStale {
    /// Whether a variant is one of these. One that doesn't know where it came from can't be fetched.
    fn has(&self, variant: &Variant, now: UnixMillis) -> bool {
        !variant.url().is_empty()
            && variant.fresh_until != NEVER
            && variant.fresh_until <= self.fresh_until
            && variant.used_at() >= self.used_since.max(1)
            && !timeline::is_over(variant, now.0)
    }
}

impl Keyspace {
    /// Has the variants of an entry fetched again that are chosen, and of which `is_meant` says so, and counts them.
    pub(crate) fn refresh_soon_stale(
        &self,
        (entry, values): (Entry<'_>, &Values),
        (db, now): (DbIndex, UnixMillis),
        chosen: SoonStale,
        is_meant: impl Fn(&Variant) -> bool,
    ) -> usize {
        let Some(Large::HttpCache(cache)) = values.large(entry) else { return 0 };
        let due = cache.variants().iter().filter(|variant| chosen.has(variant, now) && is_meant(variant));
        due.take(chosen.count)
            .map(|variant| {
                let place = (db, entry.key());
                self.refresh(Due { place, variant, url: variant.url(), is_forced: true });
            })
            .count()
    }
}

//! One answer, and for how long it may be used.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::{Body, Fields};

/// A deadline that doesn't come.
pub const NEVER: i64 = i64::MAX;

/// An answer as it is kept.
///
/// `fresh_until` ≤ `stale_until` ≤ `grace_until`: until the first it is fresh, until the second it is served while one refresh
/// runs, until the third it is served if its origin fails, and then it is gone.
#[derive(Debug)]
pub struct Variant {
    /// The status code, 100 to 999.
    pub status: u16,
    /// Bits that the rules derived from the answer's fields when it was stored, so that no reader parses them again.
    pub rules: u32,
    /// How old the answer was when it came, in seconds, by RFC 9111's `corrected_initial_age`.
    pub initial_age: u32,
    /// When it came, or was last found valid.
    pub stored_at: i64,
    /// Until when it is fresh.
    pub fresh_until: i64,
    /// Until when it is served stale at once.
    pub stale_until: i64,
    /// Until when it is what remains if its origin fails.
    pub grace_until: i64,
    /// Seconds of freshness that were given when it was written, and hold again when it is refreshed.
    pub ttl: Option<u32>,
    /// Seconds of stale-while-revalidate that were given.
    pub swr: Option<u32>,
    /// Seconds of grace that were given.
    pub grace: Option<u32>,
    /// The number of the write that stored it: purges with higher numbers are meant for it.
    pub sequence: u64,
    /// The answer's fields.
    pub fields: Fields,
    /// The request's fields that chose it, names in lower case, sorted, values as the rules normalise them; empty if every
    /// request is answered with it.
    pub selector: Fields,
    /// Its tags, as names without values.
    pub tags: Fields,
    /// Where it came from and is fetched again, or empty.
    pub url: Box<[u8]>,
    /// The answer's body.
    pub body: Body,
    /// Whether the body is for a file, on servers that keep such files.
    pub is_for_disk: bool,
    /// How often and when it was used, counted in place.
    pub(super) uses: Uses,
}

#[derive(Debug, Default)]
pub(super) struct Uses {
    hits: AtomicU64,
    last: AtomicI64,
}

impl Variant {
    /// Counts a use at `now`.
    #[inline]
    pub fn note_use(&self, now: i64) {
        self.uses.hits.fetch_add(1, Ordering::Relaxed);
        self.uses.last.store(now, Ordering::Relaxed);
        if let Body::Filed(filed) = &self.body {
            filed.note_use(now);
        }
    }

    /// How often it was used.
    pub fn hits(&self) -> u64 {
        self.uses.hits.load(Ordering::Relaxed)
    }

    /// When it was used last, or 0.
    pub fn used_at(&self) -> i64 {
        self.uses.last.load(Ordering::Relaxed)
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        let texts = self.fields.encoded().len() + self.selector.encoded().len() + self.tags.encoded().len();
        size_of::<Variant>() + texts + self.url.len() + self.body.memory_bytes()
    }
}

impl Default for Variant {
    fn default() -> Variant {
        Variant {
            status: 200,
            rules: 0,
            initial_age: 0,
            stored_at: 0,
            fresh_until: NEVER,
            stale_until: NEVER,
            grace_until: NEVER,
            ttl: None,
            swr: None,
            grace: None,
            sequence: 0,
            fields: Fields::default(),
            selector: Fields::default(),
            tags: Fields::default(),
            url: Box::default(),
            body: Body::default(),
            is_for_disk: false,
            uses: Uses::default(),
        }
    }
}

impl Clone for Variant {
    fn clone(&self) -> Variant {
        let uses = Uses { hits: self.hits().into(), last: self.used_at().into() };
        let Variant { status, rules, initial_age, stored_at, fresh_until, stale_until, grace_until, .. } =
            *self;
        let Variant { ttl, swr, grace, sequence, is_for_disk, .. } = *self;
        Variant {
            status,
            rules,
            initial_age,
            stored_at,
            fresh_until,
            stale_until,
            grace_until,
            ttl,
            swr,
            grace,
            sequence,
            fields: self.fields.clone(),
            selector: self.selector.clone(),
            tags: self.tags.clone(),
            url: self.url.clone(),
            body: self.body.clone(),
            is_for_disk,
            uses,
        }
    }
}

//! What was stored when something was asked of an origin: who changes that meanwhile knows more than the answer that comes.

use spinel_cache::timeline::is_over;
use spinel_types::HttpCache;
use spinel_types::http_cache::{Fields, Variant};

/// The variants of a key at a moment. Nothing is kept in memory by it.
#[derive(Default)]
pub(super) struct Stock(Vec<Item>);

struct Item {
    selector: Fields,
    id: u64,
    grace_until: i64,
}

impl Stock {
    /// Those of an entry that may still be used.
    pub(super) fn of(entry: &HttpCache, now: i64) -> Stock {
        let items = entry.variants().iter().filter(|variant| !is_over(variant, now)).map(|variant| Item {
            selector: variant.selector().to_owned(),
            id: variant.id(),
            grace_until: variant.grace_until,
        });
        Stock(items.collect())
    }

    /// Whether a variant may take the place of what is there: if that is what was there, or nothing both times. What went because its
    /// time was over does not count as changed.
    pub(super) fn gives_way(&self, variant: &Variant, entry: Option<&HttpCache>, now: i64) -> bool {
        let former = self.0.iter().find(|item| item.selector.as_ref() == variant.selector());
        let present = entry.and_then(|entry| entry.of_selector(variant.selector()));
        match (former, present) {
            (None, None) => true,
            (None, Some(present)) => is_over(present, now),
            (Some(former), None) => former.grace_until <= now,
            (Some(former), Some(present)) => former.id == present.id(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::http_cache::{Numbers, Parts};

    fn variant(language: &[u8], grace_until: i64) -> Variant {
        let selector = Fields::new([(&b"accept-language"[..], language)]);
        let numbers = Numbers { fresh_until: 0, stale_until: 0, grace_until, ..Numbers::default() };
        Parts { numbers, selector, ..Parts::default() }.into()
    }

    fn entry(variants: &[&Variant]) -> HttpCache {
        let mut entry = HttpCache::new();
        for variant in variants {
            entry.put((*variant).clone());
        }
        entry
    }

    #[test]
    fn only_what_was_there_is_replaced() {
        let (german, english) = (variant(b"de", 100), variant(b"en", 100));
        let other = variant(b"de", 100);
        let new = variant(b"de", 100);
        let nothing = Stock::default();
        let stock = Stock::of(&entry(&[&german, &english]), 0);
        for (stock, present, expected) in [
            (&nothing, None, true),
            (&nothing, Some(entry(&[&english])), true),
            (&nothing, Some(entry(&[&german])), false),
            (&stock, Some(entry(&[&german, &english])), true),
            (&stock, Some(entry(&[&german])), true),
            (&stock, Some(entry(&[&english, &other])), false),
            (&stock, Some(entry(&[&english])), false),
            (&stock, None, false),
        ] {
            assert_eq!(stock.gives_way(&new, present.as_ref(), 50), expected, "{present:?}");
        }
    }

    #[test]
    fn what_ends_by_time_has_not_changed() {
        let german = variant(b"de", 100);
        let new = variant(b"de", 300);
        assert!(Stock::of(&entry(&[&german]), 0).gives_way(&new, None, 100));
        assert!(Stock::of(&entry(&[&german]), 100).gives_way(&new, Some(&entry(&[&german])), 100));
    }
}

//! Asking for what hangs off entries ahead, pointer by pointer, as [the table](crate::table) does for entries.

use super::{Values, number_of};
use crate::kind::Kind;
use crate::large::Large;
use crate::table::Guess;

/// Names what hangs off an entry, until the map changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LargeNumber(u32);

impl Values {
    /// Says what hangs off a guessed entry, and asks for what names it to be loaded; the entry should be in the cache.
    #[inline]
    pub fn prefetch_name(&self, guess: Guess) -> Option<LargeNumber> {
        let entry = self.table.guessed(guess).filter(|entry| Kind::is_large(*entry))?;
        let number = number_of(entry);
        self.larges.prefetch(number);
        Some(LargeNumber(number))
    }

    /// Asks for what hangs off an entry to be loaded; its [name](Values::prefetch_name) should be in the cache.
    #[inline]
    pub fn prefetch_large(&self, LargeNumber(number): LargeNumber) {
        if let Large::HttpCache(cache) = self.larges.at(number) {
            cache.prefetch();
        }
    }

    /// Asks for what [that](Values::prefetch_large) holds.
    #[inline]
    pub fn prefetch_content(&self, LargeNumber(number): LargeNumber) {
        if let Large::HttpCache(cache) = self.larges.at(number) {
            cache.prefetch_content();
        }
    }
}

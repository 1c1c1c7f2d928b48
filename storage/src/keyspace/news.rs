//! What a command did, as those hear it who listen.
//!
//! A running command collects its news in a list that its thread uses again and again. When the handler is done, and
//! the shards are still locked, the list is told; so what concerns one key is told in the order in which it happened.

use super::DbIndex;
use super::event::Event;
use std::ops::Range;

/// What is being listened for. A command looks once and collects only that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observed(u32);

impl Observed {
    /// Every write, as a line of the journal.
    pub const JOURNAL: Observed = Observed(1);
    /// Which keys are changed.
    pub const KEYS: Observed = Observed(1 << 1);
    /// Events.
    pub const EVENTS: Observed = Observed(1 << 2);
    /// Events that tell of reads, too.
    pub const MISSES: Observed = Observed(1 << 3);
    /// What keys had before, so that it can be brought back.
    pub(crate) const UNDO: Observed = Observed(1 << 4);
    /// What keys had at the cut of a snapshot that doesn't have it yet.
    pub(crate) const SNAPSHOT: Observed = Observed(1 << 5);

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Observed) -> Observed {
        Observed(self.0 | other.0)
    }

    /// Whether all of `other` is listened for.
    #[inline]
    pub const fn has(self, other: Observed) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is listened for.
    #[inline]
    pub(crate) const fn has_any(self, other: Observed) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is listened for.
    #[inline]
    pub const fn is_nothing(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Observed {
        Observed(bits)
    }
}

/// One piece of news.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'n> {
    /// A key was changed, made or removed.
    Changed(DbIndex, &'n [u8]),
    /// Something has happened to a key.
    Event(DbIndex, &'n [u8], Event),
    /// All keys of a database were removed.
    Emptied(DbIndex),
}

/// What one command did, in the order in which it did so.
#[derive(Debug, Default)]
pub struct News {
    items: Vec<Entry>,
    /// The event of changed keys of which nothing else is told.
    usual: Option<Event>,
    /// The keys, one behind the other.
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Entry {
    db: DbIndex,
    key: Range<usize>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Changed,
    Event(Event),
    Emptied,
}

impl News {
    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The news in their order.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        self.items.iter().map(|entry| match entry.what {
            What::Changed => Item::Changed(entry.db, &self.bytes[entry.key.clone()]),
            What::Event(event) => Item::Event(entry.db, &self.bytes[entry.key.clone()], event),
            What::Emptied => Item::Emptied(entry.db),
        })
    }

    pub(crate) fn change(&mut self, db: DbIndex, key: &[u8]) {
        self.add(db, key, What::Changed);
    }

    pub(crate) fn event(&mut self, db: DbIndex, key: &[u8], event: Event) {
        self.add(db, key, What::Event(event));
    }

    /// Starts the news of a command.
    pub(crate) fn begin(&mut self, usual: Option<Event>) {
        self.usual = usual;
    }

    /// What the command usually tells of a key that it changed.
    pub(crate) fn usual_event(&mut self, db: DbIndex, key: &[u8]) {
        if let Some(event) = self.usual {
            self.event(db, key, event);
        }
    }

    pub(crate) fn emptied(&mut self, db: DbIndex) {
        self.items.push(Entry { db, key: 0..0, what: What::Emptied });
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
    }

    fn add(&mut self, db: DbIndex, key: &[u8], what: What) {
        let is_same = |last: &&Entry| last.what != What::Emptied && &self.bytes[last.key.clone()] == key;
        let kept = self.items.last().filter(is_same).map(|last| last.key.clone());
        let key = kept.unwrap_or_else(|| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key);
            start..self.bytes.len()
        });
        self.items.push(Entry { db, key, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_told_in_their_order() {
        let mut news = News::default();
        news.change(DbIndex(1), b"a");
        news.event(DbIndex(1), b"a", Event::NEW);
        news.emptied(DbIndex(2));
        news.change(DbIndex(0), b"");
        let items: Vec<_> = news.iter().collect();
        let expected = [
            Item::Changed(DbIndex(1), b"a"),
            Item::Event(DbIndex(1), b"a", Event::NEW),
            Item::Emptied(DbIndex(2)),
            Item::Changed(DbIndex(0), b""),
        ];
        assert_eq!(items, expected);
        assert_eq!(news.bytes, b"a", "a key that comes again is kept once");
        news.clear();
        assert!(news.is_empty());
    }
}

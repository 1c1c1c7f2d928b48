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
    /// Events with the parts of the value that they are about: fields of hashes.
    pub const PARTS: Observed = Observed(1 << 5);
    /// What keys had before, so that it can be brought back.
    pub(crate) const UNDO: Observed = Observed(1 << 4);
    /// What keys had at the cut of a snapshot that doesn't have it yet.
    pub(crate) const SNAPSHOT: Observed = Observed(1 << 6);
    /// How much memory writes take, as [`Keyspace::growth`](super::Keyspace::growth) sums it up.
    pub const GROWTH: Observed = Observed(1 << 7);

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
    /// The time had come for a key, or members of its value. Nobody did it.
    Lapsed(DbIndex, &'n [u8]),
    /// Something has happened to a key.
    Event(DbIndex, &'n [u8], Event),
    /// The parts of the value that the event before is about, if there are any and somebody listens.
    Parts(DbIndex, &'n [u8], Event, Parts<'n>),
    /// All keys of a database were removed.
    Emptied(DbIndex),
}

/// Parts of a value, by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts<'n> {
    places: &'n [Range<usize>],
    bytes: &'n [u8],
}

impl<'n> Parts<'n> {
    /// Their names.
    pub fn iter(&self) -> impl Iterator<Item = &'n [u8]> + use<'n> {
        let bytes = self.bytes;
        self.places.iter().map(move |place| &bytes[place.clone()])
    }
}

/// What one command did, in the order in which it did so.
#[derive(Debug, Default)]
pub struct News {
    items: Vec<Entry>,
    /// The event of changed keys of which nothing else is told.
    usual: Option<Event>,
    /// The keys and parts, one behind the other.
    bytes: Vec<u8>,
    /// Where the names of parts are.
    parts: Vec<Range<usize>>,
    /// From which one on they belong to the next event.
    next_parts: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    db: DbIndex,
    key: Range<usize>,
    what: What,
    parts: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Changed,
    Lapsed,
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
        self.items.iter().flat_map(|entry| {
            let (db, key) = (entry.db, &self.bytes[entry.key.clone()]);
            let first = match entry.what {
                What::Changed => Item::Changed(db, key),
                What::Lapsed => Item::Lapsed(db, key),
                What::Event(event) => Item::Event(db, key, event),
                What::Emptied => Item::Emptied(db),
            };
            let parts = Parts { places: &self.parts[entry.parts.clone()], bytes: &self.bytes };
            let second = match entry.what {
                What::Event(event) if !entry.parts.is_empty() => Some(Item::Parts(db, key, event, parts)),
                _ => None,
            };
            [Some(first), second].into_iter().flatten()
        })
    }

    pub(crate) fn change(&mut self, db: DbIndex, key: &[u8]) {
        self.add(db, key, What::Changed, 0..0);
    }

    pub(crate) fn lapse(&mut self, db: DbIndex, key: &[u8]) {
        self.add(db, key, What::Lapsed, 0..0);
    }

    /// Adds an event, about the parts that were named since the last one.
    pub(crate) fn event(&mut self, db: DbIndex, key: &[u8], event: Event) {
        let parts = std::mem::replace(&mut self.next_parts, self.parts.len())..self.parts.len();
        self.add(db, key, What::Event(event), parts);
    }

    /// Names a part of a value that the next event is about.
    pub(crate) fn part(&mut self, name: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.parts.push(start..self.bytes.len());
    }

    /// Starts the news of a command.
    pub(crate) fn begin(&mut self, usual: Option<Event>) {
        self.usual = usual;
        self.parts.truncate(self.next_parts);
    }

    /// What the command usually tells of a key that it changed.
    pub(crate) fn usual_event(&mut self, db: DbIndex, key: &[u8]) {
        if let Some(event) = self.usual {
            self.event(db, key, event);
        }
    }

    pub(crate) fn emptied(&mut self, db: DbIndex) {
        self.items.push(Entry { db, key: 0..0, what: What::Emptied, parts: 0..0 });
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.parts.clear();
        self.next_parts = 0;
    }

    fn add(&mut self, db: DbIndex, key: &[u8], what: What, parts: Range<usize>) {
        let is_same = |last: &&Entry| last.what != What::Emptied && &self.bytes[last.key.clone()] == key;
        let kept = self.items.last().filter(is_same).map(|last| last.key.clone());
        let key = kept.unwrap_or_else(|| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key);
            start..self.bytes.len()
        });
        self.items.push(Entry { db, key, what, parts });
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

    #[test]
    fn parts_belong_to_the_event_that_follows() {
        let (mut news, db, set) = (News::default(), DbIndex(0), Event::hash("hset"));
        news.event(db, b"h", Event::NEW);
        news.part(b"f");
        news.part(b"");
        news.change(db, b"h");
        news.event(db, b"h", set);
        news.event(db, b"h", Event::DEL);
        let items: Vec<_> = news.iter().collect();
        let Item::Parts(_, b"h", event, parts) = items[3] else { panic!("{items:?}") };
        assert_eq!((event, parts.iter().collect::<Vec<_>>()), (set, vec![&b"f"[..], b""]));
        assert_eq!((items.len(), items[4]), (5, Item::Event(db, b"h", Event::DEL)));
        news.part(b"lost");
        news.begin(None);
        news.event(db, b"h", set);
        assert_eq!(news.iter().count(), 6, "a command does not speak of what another one named");
    }
}

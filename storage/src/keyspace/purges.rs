//! Purges of HTTP cache entries that have been accepted and not been swept yet.
//!
//! ```text
//! purge  ── note (number) ──┐
//! write  ── variant.sequence = number of the last purge
//!                           └─ meant for a variant if number > sequence, and its tag or its key says so
//! ```
//!
//! A purge walks over nothing: it is a note of its database. Whoever comes across an entry applies the notes to it first, as
//! he would remove an expired key, so that nothing that was purged is ever seen under its key; the upkeep applies them to all the
//! others ([`sweep`](crate::engine::Engine::sweep_purges)) and forgets them.
//!
//! Notes are made while the gate is held alone. So each write is before or after a purge for everybody, in the journal, too,
//! and a copy of the data set that makes the same notes at the same places holds the same.

mod recent;

use super::event::Event;
use super::news::Observed;
use super::view::View;
use super::{DbIndex, Keyspace, shard_of};
use crate::pattern::{self, Case};
use recent::Recent;
use spinel_cache::timeline::Deadlines;
use spinel_types::http_cache::{Numbers, Revision, Variant};
use spinel_types::{Cursor, Entry, HttpCache, Large, OwnedValue, Remains, Slot, Values};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Which variants a purge is meant for, by its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Those with this tag.
    Tag,
    /// Those of keys that begin so.
    Prefix,
    /// Those of keys that match this pattern.
    Pattern,
}

/// What is to become of a variant that a purge is meant for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purge {
    /// It goes.
    Hard,
    /// It is stale from this time on, unless it was before.
    Soft(i64),
}

impl Purge {
    /// What two purges of the same variant come to.
    fn with(self, other: Purge) -> Purge {
        match (self, other) {
            (Purge::Soft(one), Purge::Soft(other)) => Purge::Soft(one.min(other)),
            _ => Purge::Hard,
        }
    }

    /// What it does to a variant. Doing it again changes nothing.
    fn revise(self, variant: &Variant) -> Revision {
        match self {
            Purge::Hard => Revision::Goes,
            Purge::Soft(at) if at >= variant.fresh_until => Revision::Stays,
            Purge::Soft(at) => {
                let mut stale: Numbers = **variant;
                Deadlines::softened(variant, at).set(&mut stale);
                Revision::Becomes(stale)
            }
        }
    }

    /// Whether it does anything to a variant.
    fn changes(self, variant: &Variant) -> bool {
        self == Purge::Hard || matches!(self, Purge::Soft(at) if at < variant.fresh_until)
    }
}

/// One purge.
#[derive(Clone, Copy, Debug)]
struct Note {
    number: u64,
    purge: Purge,
}

/// The notes of one database.
#[derive(Clone, Default, Debug)]
pub(crate) struct Purges {
    tags: BTreeMap<Box<[u8]>, Vec<Note>>,
    keys: BTreeMap<Box<[u8]>, Vec<Note>>,
    prefixes: Vec<(Box<[u8]>, Note)>,
    patterns: Vec<(Box<[u8]>, Note)>,
}

impl Purges {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.keys.is_empty() && self.prefixes.is_empty() && self.patterns.is_empty()
    }

    /// O(length of the word), or O(log notes).
    fn add(&mut self, (scope, word): (Scope, &[u8]), note: Note) {
        match scope {
            Scope::Tag => add_named(&mut self.tags, word, note),
            Scope::Prefix => self.prefixes.push((word.into(), note)),
            // Purges of single keys are the most common ones, and should not make all readers compare.
            Scope::Pattern if is_plain(word) => add_named(&mut self.keys, word, note),
            Scope::Pattern => self.patterns.push((word.into(), note)),
        }
    }

    /// Forgets the notes up to a number.
    fn forget(&mut self, last: u64) {
        for named in [&mut self.tags, &mut self.keys] {
            named.retain(|_, notes| {
                notes.retain(|note| note.number > last);
                !notes.is_empty()
            });
        }
        self.prefixes.retain(|(_, note)| note.number > last);
        self.patterns.retain(|(_, note)| note.number > last);
    }

    /// What says of the variants of a key what becomes of them. O(notes about keys), then O(tags) for each variant.
    fn judge(&self, key: &[u8]) -> impl Fn(&Variant) -> Option<Purge> + '_ {
        let starts = |(prefix, _): &&(Box<[u8]>, Note)| key.starts_with(prefix);
        let matches = |(pattern, _): &&(Box<[u8]>, Note)| pattern::matches(pattern, key, Case::Sensitive);
        let by_start = self.prefixes.iter().filter(starts);
        let by_pattern = self.patterns.iter().filter(matches);
        let mut of_key: Vec<Note> = by_start.chain(by_pattern).map(|(_, note)| *note).collect();
        of_key.extend(self.keys.get(key).into_iter().flatten());
        move |variant| {
            let tags = variant.tags().iter().filter_map(|(tag, _)| self.tags.get(tag)).flatten();
            let later = of_key.iter().chain(tags).filter(|note| note.number > variant.sequence);
            later.map(|note| note.purge).reduce(Purge::with)
        }
    }

    /// Whether an entry is another one after the purges.
    fn concern(&self, key: &[u8], cache: &HttpCache) -> bool {
        let judge = self.judge(key);
        cache.variants().iter().any(|variant| judge(variant).is_some_and(|purge| purge.changes(variant)))
    }

    /// Purges an entry.
    fn apply(&self, key: &[u8], cache: &mut HttpCache) {
        let judge = self.judge(key);
        cache.revise(|variant| judge(variant).map_or(Revision::Stays, |purge| purge.revise(variant)));
    }

    /// An entry as it is after the purges, if that is another one.
    pub(crate) fn applied(&self, key: &[u8], cache: &HttpCache) -> Option<HttpCache> {
        (!self.is_empty() && self.concern(key, cache)).then(|| {
            let mut purged = cache.clone();
            self.apply(key, &mut purged);
            purged
        })
    }
}

fn add_named(named: &mut BTreeMap<Box<[u8]>, Vec<Note>>, name: &[u8], note: Note) {
    let notes = named.entry(name.into()).or_default();
    if note.purge == Purge::Hard {
        // It is meant for all that the earlier ones are meant for.
        notes.clear();
    }
    notes.push(note);
}

/// Whether a pattern matches only itself.
fn is_plain(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"*?[\\".contains(byte))
}

/// A time in which nothing of a database was purged, and it was neither emptied nor exchanged. What is asked of an origin in one
/// may be meant by a purge that ended it: only the answer tells.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Epoch {
    last_purge: u64,
    generation: u64,
}

/// The notes of a database, for whoever is inside the gate.
#[derive(Default)]
pub(super) struct Noted {
    purges: RwLock<Purges>,
    /// The number of the last purge of this database.
    last: AtomicU64,
    recent: RwLock<Recent>,
    /// Whether there are any.
    has_any: AtomicBool,
}

/// The number of the last purge of any database.
#[derive(Default)]
pub(super) struct PurgeNumber(AtomicU64);

impl Keyspace {
    /// How many purges there have been in all databases: the number that whatever is written now has, if the caller is inside the gate.
    pub fn purge_number(&self) -> u64 {
        self.purge_number.0.load(Ordering::Relaxed)
    }

    /// The epoch of a database. It does not end while the caller is inside the gate.
    pub fn epoch(&self, db: DbIndex) -> Epoch {
        Epoch { last_purge: self.noted(db).last.load(Ordering::Relaxed), generation: self.generation(db) }
    }

    /// Whether a variant that was asked for in an epoch is not to be stored under a key any more: a purge since is meant for it, or the
    /// database was emptied or exchanged. The caller is inside the gate.
    pub(crate) fn is_purged_since(
        &self,
        epoch: Epoch,
        (db, key): (DbIndex, &[u8]),
        variant: &Variant,
    ) -> bool {
        let present = self.epoch(db);
        if present == epoch {
            return false;
        }
        let recent = self.noted(db).recent.read().unwrap_or_else(PoisonError::into_inner);
        present.generation != epoch.generation || recent.concerns(epoch.last_purge, key, variant)
    }

    /// Gives a value that is written now the number that it has then.
    pub(crate) fn number(&self, value: &mut OwnedValue) {
        if let OwnedValue::Large(Large::HttpCache(cache)) = value {
            cache.renumber(self.purge_number());
        }
    }

    /// Whether a database has purges that were not swept. The caller is inside the gate.
    #[inline]
    pub(crate) fn has_purges(&self, db: DbIndex) -> bool {
        self.noted(db).has_any.load(Ordering::Relaxed)
    }

    /// Notes a purge. The caller holds the gate alone.
    pub(crate) fn note_purge(&self, db: DbIndex, meant: (Scope, &[u8]), purge: Purge) {
        let number = self.purge_number.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.purges_mut(db).add(meant, Note { number, purge });
        self.noted(db).last.store(number, Ordering::Relaxed);
        self.noted(db).recent.write().unwrap_or_else(PoisonError::into_inner).add(number, meant);
        self.noted(db).has_any.store(true, Ordering::Relaxed);
    }

    /// Forgets the purges of a database up to a number.
    pub(crate) fn forget_purges(&self, db: DbIndex, last: u64) {
        let mut purges = self.purges_mut(db);
        purges.forget(last);
        self.noted(db).has_any.store(!purges.is_empty(), Ordering::Relaxed);
    }

    /// Exchanges the purges of two databases. The caller holds the gate alone.
    pub(super) fn swap_purges(&self, one: DbIndex, other: DbIndex) {
        std::mem::swap(&mut *self.purges_mut(one), &mut *self.purges_mut(other));
        for db in [one, other] {
            let has_any = !self.purges(db).is_empty();
            self.noted(db).has_any.store(has_any, Ordering::Relaxed);
        }
    }

    /// The purges of all databases as they are. The caller holds the gate alone.
    pub(crate) fn all_purges(&self) -> Vec<Purges> {
        (0..self.databases()).map(|db| self.purges(DbIndex(db)).clone()).collect()
    }

    /// Applies the purges of a database to the entries of some buckets of a shard, tells `report` of each key that is changed and
    /// whether it is gone, and somebody waits for it, and says where to go on.
    pub(crate) fn sweep_purges(
        &self,
        (db, shard): (DbIndex, usize),
        cursor: Cursor,
        buckets_max: usize,
        mut report: impl FnMut(&[u8], bool, bool),
    ) -> Option<Cursor> {
        let mut held = self.lock(db, shard);
        let purges = self.purges(db);
        let (mut concerned, mut next) = (Vec::new(), Some(cursor));
        for _ in 0..buckets_max {
            let Some(cursor) = next else { break };
            next = held.values.table().scan(cursor, |entry| {
                if let Some(cache) = http_cache_of(entry, &held.values)
                    && purges.concern(entry.key(), cache)
                {
                    concerned.push(entry.key().to_vec());
                }
            });
        }
        let before = held.values.memory_bytes() as i64;
        for key in concerned {
            let hash = self.hash(&key);
            debug_assert_eq!(shard_of(hash), shard);
            let slot = held.values.table().find(hash, &key).expect("it was just met");
            held.keep(&self.saving, db, slot);
            let remains = held.values.edit_http_cache(hash, slot, |cache| purges.apply(&key, cache));
            let is_gone = matches!(remains, Remains::Nothing(_));
            match remains {
                Remains::Nothing(large) => self.reclaim.value(large),
                // One that was to stay fresh for ever may now have an end.
                Remains::Members => self.note_expiries(db, true),
            }
            let is_awaited = held.lapse(&key);
            report(&key, is_gone, is_awaited);
        }
        self.note_growth(held.values.memory_bytes() as i64 - before);
        next
    }

    fn noted(&self, db: DbIndex) -> &Noted {
        &self.databases[usize::from(db.0)].noted
    }

    fn purges(&self, db: DbIndex) -> RwLockReadGuard<'_, Purges> {
        self.noted(db).purges.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn purges_mut(&self, db: DbIndex) -> RwLockWriteGuard<'_, Purges> {
        self.noted(db).purges.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn http_cache_of<'v>(entry: Entry<'_>, values: &'v Values) -> Option<&'v HttpCache> {
    match values.large(entry) {
        Some(Large::HttpCache(cache)) => Some(cache),
        _ => None,
    }
}

impl View<'_> {
    /// Applies the purges of the database to a key that was found; nothing if it is gone with that.
    #[cold]
    pub(super) fn apply_purges(&mut self, db: DbIndex, hash: u64, slot: Slot, key: &[u8]) -> Option<Slot> {
        let keyspace = self.scene.keyspace;
        let values = &self.shard(db, hash).values;
        let entry = values.table().entry(slot);
        let purges = keyspace.purges(db);
        let Some(cache) = http_cache_of(entry, values) else { return Some(slot) };
        if !purges.concern(key, cache) {
            return Some(slot);
        }
        self.keep_for_snapshot(db, hash, slot);
        self.leave_memory(db, hash);
        let values = &mut self.shard(db, hash).values;
        let remains = values.edit_http_cache(hash, slot, |cache| purges.apply(key, cache));
        self.take_memory(db, hash);
        if self.shard(db, hash).lapse(key) {
            self.chores.roused.push_back((db, key.into()));
        }
        if self.observed.has(Observed::KEYS) {
            self.chores.news.change(db, key);
        }
        let Remains::Nothing(large) = remains else {
            keyspace.note_expiries(db, true);
            return Some(slot);
        };
        keyspace.reclaim().value(large);
        self.tell_event(db, key, Event::DEL);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::http_cache::{Fields, Parts};

    fn parts(sequence: u64, tags: &[&[u8]]) -> Parts {
        let tags = Fields::new(tags.iter().map(|tag| (*tag, &b""[..])));
        Parts { numbers: Numbers { sequence, ..Numbers::default() }, tags, ..Parts::default() }
    }

    fn variant(sequence: u64, tags: &[&[u8]]) -> Variant {
        parts(sequence, tags).into()
    }

    fn noted(notes: &[((Scope, &[u8]), Purge)]) -> Purges {
        let mut purges = Purges::default();
        for (index, (scope, purge)) in notes.iter().enumerate() {
            purges.add(*scope, Note { number: index as u64 + 1, purge: *purge });
        }
        purges
    }

    #[test]
    fn a_purge_is_meant_for_what_was_written_before_it() {
        for (scope, is_meant) in [
            ((Scope::Tag, &b"one"[..]), true),
            ((Scope::Tag, &b"two"[..]), true),
            ((Scope::Tag, &b"three"[..]), false),
            ((Scope::Prefix, &b"host/"[..]), true),
            ((Scope::Prefix, &b"ost/"[..]), false),
            ((Scope::Pattern, &b"host/a"[..]), true),
            ((Scope::Pattern, &b"host/"[..]), false),
            ((Scope::Pattern, &b"host/[a-c]"[..]), true),
            ((Scope::Pattern, &b"*/b"[..]), false),
        ] {
            let purges = noted(&[(scope, Purge::Hard)]);
            let judge = purges.judge(b"host/a");
            let expected = is_meant.then_some(Purge::Hard);
            assert_eq!(judge(&variant(0, &[b"one", b"two"])), expected, "{scope:?}");
            assert_eq!(judge(&variant(1, &[b"one", b"two"])), None, "{scope:?}");
        }
    }

    #[test]
    fn several_purges_come_to_the_strongest() {
        let tag = (Scope::Tag, &b"one"[..]);
        let purges = noted(&[
            (tag, Purge::Soft(20)),
            (tag, Purge::Soft(10)),
            ((Scope::Prefix, &b""[..]), Purge::Soft(15)),
        ]);
        let judge = purges.judge(b"key");
        assert_eq!(judge(&variant(0, &[b"one"])), Some(Purge::Soft(10)));
        assert_eq!(judge(&variant(2, &[b"one"])), Some(Purge::Soft(15)));
        assert_eq!(judge(&variant(3, &[b"one"])), None);
        let purges = noted(&[(tag, Purge::Soft(20)), (tag, Purge::Hard), (tag, Purge::Soft(30))]);
        let judge = purges.judge(b"key");
        assert_eq!(judge(&variant(0, &[b"one"])), Some(Purge::Hard));
        assert_eq!(judge(&variant(2, &[b"one"])), Some(Purge::Soft(30)));
    }

    #[test]
    fn a_soft_purge_moves_deadlines_once() {
        let mut parts = parts(0, &[b"one"]);
        Deadlines { fresh_until: 20, stale_until: 25, grace_until: 35 }.set(&mut parts.numbers);
        let purges = noted(&[((Scope::Tag, &b"one"[..]), Purge::Soft(10))]);
        let mut entry = HttpCache::new();
        entry.put(parts.into());
        let purged = purges.applied(b"key", &entry).expect("it is fresh");
        let variant = &purged.variants()[0];
        assert_eq!((variant.fresh_until, variant.stale_until, variant.grace_until), (10, 15, 25));
        assert!(purges.applied(b"key", &purged).is_none());
    }

    #[test]
    fn notes_are_forgotten_up_to_a_number() {
        let scopes = [
            (Scope::Tag, &b"t"[..]),
            (Scope::Pattern, &b"k"[..]),
            (Scope::Prefix, &b"p"[..]),
            (Scope::Pattern, &b"*"[..]),
        ];
        let mut purges = noted(&scopes.map(|scope| (scope, Purge::Hard)));
        for (last, is_empty) in [(0, false), (3, false), (4, true)] {
            purges.forget(last);
            assert_eq!(purges.is_empty(), is_empty, "{last}");
        }
    }
}

//! What a running command tells those who listen, watch or wait.

use super::DbIndex;
use super::event::Event;
use super::news::Observed;
use super::view::View;

impl View<'_> {
    /// Tells that all keys of a database were removed.
    pub(crate) fn tell_emptied(&mut self, db: DbIndex) {
        let awaited = self.scene.keyspace.awaited(db);
        self.chores.roused.extend(awaited.into_iter().map(|key| (db, key)));
        if self.observed.has(Observed::KEYS) {
            self.chores.news.emptied(db);
        }
    }

    /// Tells that a database was exchanged for another.
    pub(crate) fn tell_exchanged(&mut self, db: DbIndex) {
        let awaited = self.scene.keyspace.awaited(db);
        self.chores.roused.extend(awaited.into_iter().map(|key| (db, key)));
    }

    /// Tells of an event.
    pub(crate) fn tell_event(&mut self, db: DbIndex, key: &[u8], event: Event) {
        if self.observed.has(Observed::EVENTS) {
            self.chores.news.event(db, key, event);
        }
    }

    /// Names parts of a value that the next event is about.
    pub(crate) fn name_parts<'p>(&mut self, parts: impl IntoIterator<Item = &'p [u8]>) {
        if self.observed.has(Observed::PARTS) {
            parts.into_iter().for_each(|part| self.chores.news.part(part));
        }
    }

    /// Tells what the command usually tells of a key that it changed.
    pub(crate) fn tell_usual(&mut self, db: DbIndex, key: &[u8]) {
        if self.observed.has(Observed::EVENTS) {
            self.chores.news.usual_event(db, key);
        }
    }

    /// Tells that a key was not found.
    pub(crate) fn tell_miss(&mut self, db: DbIndex, key: &[u8]) {
        if self.observed.has(Observed::MISSES) {
            self.chores.news.event(db, key, Event::KEY_MISS);
        }
    }

    /// Lets those look again who wait for a key.
    #[inline]
    pub(crate) fn rouse_waiters(&mut self, db: DbIndex, hash: u64, key: &[u8]) {
        let interest = self.shard(db, hash).interest.as_ref();
        if interest.is_some_and(|interest| interest.is_awaited(key)) {
            self.chores.roused.push_back((db, key.into()));
        }
    }

    /// Tells that a key was changed, but not those who wait for it.
    #[inline]
    pub(crate) fn tell_change(&mut self, db: DbIndex, hash: u64, key: &[u8]) {
        self.shard(db, hash).tell_watchers(key);
        if self.observed.has(Observed::KEYS) {
            self.chores.news.change(db, key);
        }
    }

    /// Tells that the time had come for a key or some of its value.
    pub(super) fn tell_lapse(&mut self, db: DbIndex, hash: u64, key: &[u8]) {
        if self.shard(db, hash).lapse(key) {
            self.chores.roused.push_back((db, key.into()));
        }
        if self.observed.has(Observed::KEYS) {
            self.chores.news.lapse(db, key);
        }
    }
}

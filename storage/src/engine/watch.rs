//! Watching keys: WATCH.

use super::{Setting, Turn};
use crate::keyspace::interest::Ticket;
pub use crate::keyspace::interest::{Change, WatchFlag};
use crate::keyspace::shard::Shard;
use crate::keyspace::union::Union;
use crate::keyspace::view::Held;
use crate::keyspace::{DbIndex, Keyspace, shard_of};
use crate::time::UnixMillis;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys of which somebody wants to know whether they have changed.
///
/// Give it back to [`Turn::unwatch`]: until then the engine keeps an entry per key.
#[derive(Debug, Default)]
pub struct Watch {
    ticket: Option<Ticket>,
    flag: Option<Arc<WatchFlag>>,
    /// The keys, and whether each had expired already when it was first watched.
    keys: BTreeMap<(DbIndex, Box<[u8]>), bool>,
}

impl Watch {
    /// Whether no key is watched.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys are watched.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// What tells that any of the keys has changed.
    pub fn flag(&self) -> Option<&Arc<WatchFlag>> {
        self.flag.as_ref()
    }

    /// Whether any of the keys was changed, made or removed since it is watched. Who holds the shard of another key
    /// learns of all changes that its holder before him can know of.
    pub fn has_changed(&self) -> bool {
        self.flag.as_ref().is_some_and(|flag| flag.change() != Change::None)
    }
}

impl Turn<'_> {
    /// Watches more keys. O(keys * log(watched keys of the shard)).
    pub fn watch(&mut self, watch: &mut Watch, db: DbIndex, keys: &[&[u8]]) {
        let keyspace = &self.engine.keyspace;
        let ticket = *watch.ticket.get_or_insert_with(|| keyspace.draw_ticket());
        let flag = watch.flag.get_or_insert_default();
        for key in keys {
            let was_expired = with_shard(keyspace, db, key, |shard| {
                let was_expired = has_expired(shard, keyspace.hash(key), key, self.now);
                shard.with_interest(|interest| interest.watch(key, ticket, flag, was_expired));
                was_expired
            });
            watch.keys.entry((db, Box::from(*key))).or_insert(was_expired);
        }
    }

    /// Whether a watched key has expired since it is watched and is still in memory, so that nobody was told. O(keys).
    pub fn has_expired(&self, watch: &Watch) -> bool {
        let keyspace = &self.engine.keyspace;
        let fresh = watch.keys.iter().filter(|(_, was_expired)| !**was_expired);
        fresh.map(|(key, _)| key).any(|(db, key)| {
            with_shard(keyspace, *db, key, |shard| has_expired(shard, keyspace.hash(key), key, self.now))
        })
    }

    /// Looks at a key, which removes it if it has expired. The thread holds no shard.
    pub fn look_at(&mut self, db: DbIndex, key: &[u8]) {
        let mut union =
            Union::lock(&self.engine.keyspace, vec![(db, shard_of(self.engine.keyspace.hash(key)))]);
        self.with_view(Held::Several(&mut union), Setting { db, ..Setting::default() }, key, |view| {
            view.peek(key);
        });
        self.tell_lapses();
    }

    /// Stops watching. O(keys * log(watched keys of the shard)).
    pub fn unwatch(&self, watch: &mut Watch) {
        let Watch { ticket: Some(ticket), keys, .. } = std::mem::take(watch) else { return };
        for (db, key) in keys.into_keys() {
            with_shard(&self.engine.keyspace, db, &key, |shard| {
                shard.with_interest(|interest| interest.unwatch(&key, ticket));
            });
        }
    }
}

fn with_shard<R>(keyspace: &Keyspace, db: DbIndex, key: &[u8], use_it: impl FnOnce(&mut Shard) -> R) -> R {
    use_it(&mut keyspace.lock(db, shard_of(keyspace.hash(key))))
}

/// Whether a key is in memory and has expired.
fn has_expired(shard: &Shard, hash: u64, key: &[u8], now: UnixMillis) -> bool {
    let table = shard.values.table();
    let expiry = table.find(hash, key).and_then(|slot| table.entry(slot).stamp());
    expiry.is_some_and(|expiry| expiry <= now.0)
}

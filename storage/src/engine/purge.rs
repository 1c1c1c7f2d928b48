//! Sweeping purges of HTTP cache entries: what was only noted is done, and forgotten.
//!
//! One walk over a database does the work of all purges that were noted when it began, so that a purge lasts about as long as
//! a walk however many there are. A walk is a row of short steps; between two of them everybody else has the shards.

use super::upkeep::STRIPE;
use super::{Author, Engine};
use crate::keyspace::event::Event;
use crate::keyspace::news::{News, Observed};
use crate::keyspace::{DbIndex, SHARDS};
use spinel_types::Cursor;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A step looks at so many buckets of up to 12 entries. Where all of them are purged, that is some 400 values to be freed.
const BUCKETS_PER_STEP: usize = 32;
/// After so many steps whoever sweeps is asked whether he has something else to do.
const STEPS_PER_ROUND: usize = 256;

/// A walk over a database.
#[derive(Clone, Copy, Debug)]
struct Walk {
    db: DbIndex,
    /// Where the database's keys become others, it ends.
    generation: u64,
    /// It does all purges up to this number.
    last: u64,
    shard: usize,
    cursor: Cursor,
}

/// Where sweeping stands.
#[derive(Default)]
pub(super) struct Sweeping(Mutex<Option<Walk>>);

impl Sweeping {
    fn walk(&self) -> MutexGuard<'_, Option<Walk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Goes on doing the purges that were noted, and says whether it has more to do. Call it again at once while it has, ten
    /// times a second otherwise: with nothing to do it costs a load per database.
    pub fn sweep_purges(&self) -> bool {
        let mut walk = self.sweeping.walk();
        if walk.is_none() && self.first_to_sweep().is_none() {
            return false;
        }
        for _ in 0..STEPS_PER_ROUND {
            let _inside = self.keyspace.gate.shared(STRIPE);
            let Some(mut next) = walk.take().or_else(|| self.begin_walk()) else { return false };
            if self.step(&mut next) {
                *walk = Some(next);
            }
        }
        true
    }

    /// Does all purges that were noted. O(keys) of the databases with purges.
    pub fn finish_purges(&self) {
        while self.sweep_purges() {}
    }

    fn first_to_sweep(&self) -> Option<DbIndex> {
        (0..self.keyspace.databases()).map(DbIndex).find(|db| self.keyspace.has_purges(*db))
    }

    fn begin_walk(&self) -> Option<Walk> {
        let (keyspace, db) = (&self.keyspace, self.first_to_sweep()?);
        let (generation, last) = (keyspace.generation(db), keyspace.purge_number());
        Some(Walk { db, generation, last, shard: 0, cursor: Cursor::default() })
    }

    /// Takes a step; whether there is another one to take.
    fn step(&self, walk: &mut Walk) -> bool {
        let (keyspace, db) = (&self.keyspace, walk.db);
        if keyspace.generation(db) != walk.generation {
            // What is there now was not walked over, and its purges came with it.
            return false;
        }
        let next = keyspace.sweep_purges(
            (db, walk.shard),
            walk.cursor,
            BUCKETS_PER_STEP,
            |key, is_gone, is_awaited| self.tell_purged(db, key, (is_gone, is_awaited)),
        );
        (walk.shard, walk.cursor) =
            next.map_or((walk.shard + 1, Cursor::default()), |next| (walk.shard, next));
        if walk.shard < SHARDS {
            return true;
        }
        keyspace.forget_purges(db, walk.last);
        false
    }

    /// Tells the audience of a key that a purge has changed, and notes the key if somebody waits for it.
    fn tell_purged(&self, db: DbIndex, key: &[u8], (is_gone, is_awaited): (bool, bool)) {
        if is_awaited {
            self.overdue().push((db, key.into()));
        }
        let observed = self.observed();
        let mut news = News::default();
        if observed.has(Observed::KEYS) {
            news.change(db, key);
        }
        if is_gone && observed.has(Observed::EVENTS) {
            news.event(db, key, Event::DEL);
        }
        if !news.is_empty() {
            self.tell(&news, Author::default());
        }
    }
}

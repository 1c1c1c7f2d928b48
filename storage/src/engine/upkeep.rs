//! Work that nobody waits for: removing expired keys.

use super::{Author, Engine};
use crate::keyspace::event::Event;
use crate::keyspace::lapse::{Lapse, Lapsed};
use crate::keyspace::news::{News, Observed};
use crate::keyspace::{DbIndex, SHARDS};
use crate::time::UnixMillis;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// After so many keys no further segment of a table is begun under one hold of a shard's lock, so a hold
/// removes at most this and one segment more: at 0.16 µs a key, a quarter of a millisecond.
const KEYS_PER_HOLD: usize = 128;
/// The shards of a database are visited in steps of this. Whoever goes through them in order, as INFO does,
/// would otherwise catch up with the upkeep and wait for it at every shard.
const STRIDE: usize = 101;
const _: () = assert!(SHARDS.is_power_of_two() && STRIDE % 2 == 1, "every shard has its turn");
/// No stripe of a thread; upkeep passes the gate on one of its own.
pub(super) const STRIPE: usize = usize::MAX;

/// Where the last round stopped, and what all rounds did.
#[derive(Default)]
pub(super) struct Upkeep {
    next_shard: AtomicUsize,
    pub(super) expired: AtomicU64,
    pub(super) expired_members: AtomicU64,
}

impl Engine {
    /// Removes expired keys, at most about `keys_max`, and returns how many. Call it every few milliseconds
    /// while it returns much, every 100 milliseconds otherwise; a round with nothing due costs a lock per
    /// shard of the databases in which something expires. In a [copy](crate::keyspace::Keyspace::is_copy) nothing goes by itself.
    pub fn expire_round(&self, now: UnixMillis, keys_max: usize) -> usize {
        if !self.keyspace.is_expiring() || self.keyspace.is_copy() {
            return 0;
        }
        let shards = usize::from(self.keyspace.databases()) * SHARDS;
        let first = self.upkeep.next_shard.load(Ordering::Relaxed);
        let (mut removed, mut step) = (0, 0);
        while step < shards {
            let number = (first + step) % shards;
            let (db, shard) = (DbIndex((number / SHARDS) as u16), number * STRIDE % SHARDS);
            if !self.keyspace.has_expiries(db) {
                step += SHARDS - number % SHARDS;
                continue;
            }
            step += 1;
            removed += self.expire_shard(db, shard, now);
            if removed >= keys_max {
                self.upkeep.next_shard.store(number + 1, Ordering::Relaxed);
                break;
            }
        }
        removed
    }

    /// Whether somebody waits for keys while something expires or comes due with time.
    pub fn awaits_time(&self) -> bool {
        self.waiters() > 0 && self.keyspace.is_expiring()
    }

    fn expire_shard(&self, db: DbIndex, shard: usize, now: UnixMillis) -> usize {
        let mut removed = 0;
        let has_members_due = loop {
            let _inside = self.keyspace.gate.shared(STRIPE);
            // It may have become a copy since the round began: whoever makes it one waits until all are out.
            if self.keyspace.is_copy() {
                break false;
            }
            let (has_more, has_members_due) =
                self.keyspace.expire_shard(db, shard, now, KEYS_PER_HOLD, |key, is_awaited| {
                    removed += 1;
                    let lapse = Lapse { db, key: key.to_vec(), what: Lapsed::Key };
                    self.record_lapse(&lapse);
                    self.tell_lapse(&lapse, is_awaited);
                });
            if !has_more {
                break has_members_due;
            }
        };
        if removed > 0 {
            self.upkeep.expired.fetch_add(removed as u64, Ordering::Relaxed);
        }
        if has_members_due {
            removed += self.expire_members(db, shard, now);
        }
        removed
    }

    pub(super) fn record_lapse(&self, lapse: &Lapse) {
        if self.journal.has_readers() {
            self.journal.append_words(lapse.db, &lapse.words());
        }
    }

    /// Tells the audience what has lapsed, and notes the key if somebody waits for it.
    pub(super) fn tell_lapse(&self, lapse: &Lapse, is_awaited: bool) {
        let (db, key) = (lapse.db, &*lapse.key);
        if is_awaited {
            self.overdue().push((db, key.into()));
        }
        let observed = self.observed();
        let mut news = News::default();
        if observed.has(Observed::KEYS) {
            news.lapse(db, key);
        }
        if observed.has(Observed::EVENTS) {
            let (event, is_gone) = lapse.events();
            if observed.has(Observed::PARTS) {
                lapse.members().iter().for_each(|member| news.part(member));
            }
            event
                .into_iter()
                .chain(is_gone.then_some(Event::DEL))
                .for_each(|event| news.event(db, key, event));
        }
        if !news.is_empty() {
            self.tell(&news, Author::default());
        }
    }

    /// Removes expired members of values, and returns how many; one for all of a value.
    fn expire_members(&self, db: DbIndex, shard: usize, now: UnixMillis) -> usize {
        let mut removed = 0;
        loop {
            let _inside = self.keyspace.gate.shared(STRIPE);
            if self.keyspace.is_copy() {
                return removed;
            }
            let has_more =
                self.keyspace.expire_members(db, shard, now, KEYS_PER_HOLD, |lapse, expired, is_awaited| {
                    removed += lapse.expired();
                    self.upkeep.expired_members.fetch_add(expired, Ordering::Relaxed);
                    self.record_lapse(&lapse);
                    self.tell_lapse(&lapse, is_awaited);
                });
            if !has_more {
                return removed;
            }
        }
    }
}

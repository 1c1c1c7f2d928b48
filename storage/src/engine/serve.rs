//! Serving those who wait, when what they wait for has come.
//!
//! The thread whose command changed a key does it, right after that command and before its next one: so a client that
//! pushes and then looks sees what a single-threaded server would show. Each waiter's command runs as any other, on
//! the shards of all its keys. It may change keys that others wait for; these are served after those who stand in the
//! queues already.

use super::execute::{Patience, Setting, Turn};
use super::wait::{Otherwise, Served, Waiter};
use super::{Author, Engine};
use crate::command::Run;
use crate::command::flags::Flags;
use crate::keyspace::chores::Chores;
use crate::keyspace::union::Union;
use crate::keyspace::view::{Held, View};
use crate::keyspace::{DbIndex, shard_of};
use spinel_resp::Protocol;
use spinel_types::ValueType;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Engine {
    /// Makes a waiter that waits for nothing but the end of its time, or [`Waiter::give_up`].
    pub fn wait_idly(
        &self,
        protocol: Protocol,
        timeout: Option<Duration>,
        otherwise: Otherwise,
    ) -> Arc<Waiter> {
        Arc::new(Waiter::idle(self.keyspace.draw_ticket(), protocol, timeout, otherwise))
    }
}

impl Turn<'_> {
    /// Serves who waits for keys that changed. The thread holds no shard.
    #[inline]
    pub(super) fn serve_roused(&mut self) {
        while let Some((db, key)) = self.notes.chores.roused.pop_front() {
            self.serve_queue(db, &key);
        }
    }

    /// Serves those whose key has gone in the background.
    pub fn serve_overdue(&mut self) {
        let overdue = self.engine.take_overdue();
        self.notes.chores.roused.extend(overdue);
        self.serve_roused();
    }

    /// Ends somebody's wait because he does not want the reply any more; returns it if it came before.
    /// O(keys * log(waiters)).
    pub fn leave(&mut self, waiter: &Arc<Waiter>) -> Option<Served> {
        let served = waiter.leave();
        if self.forget(waiter) {
            for key in &waiter.keys {
                let (db, hash) = (waiter.setting.db, self.engine.keyspace.hash(key));
                let mut shard = self.engine.keyspace.lock(db, shard_of(hash));
                shard.with_interest(|interest| interest.leave(key, waiter.ticket()));
            }
        }
        served
    }

    /// Looks at keys on behalf of a command that runs alone or holds their shards.
    pub(super) fn with_view<R>(
        &mut self,
        mut held: Held<'_>,
        setting: Setting,
        key: &[u8],
        look: impl FnOnce(&mut View<'_>) -> R,
    ) -> R {
        let mut view = View {
            scene: &self.scene,
            is_untouching: true,
            observed: self.engine.observed().with(self.extra),
            held: held.lend(),
            db: setting.db,
            now: self.now,
            client: setting.author.client,
            known: (key, self.engine.keyspace.hash(key)),
            entropy: self.entropy,
            changes: 0,
            chores: &mut self.notes.chores,
            trimmed: Vec::new(),
        };
        look(&mut view)
    }

    /// Records and tells what looking at keys found expired.
    pub(super) fn tell_lapses(&mut self) {
        let Chores { lapsed, news, .. } = &mut self.notes.chores;
        for lapse in lapsed.drain(..) {
            self.engine.journal().append_words(lapse.db, &lapse.words());
        }
        if !news.is_empty() {
            self.engine.tell(news, Author::default());
            news.clear();
        }
    }

    #[cold]
    fn serve_queue(&mut self, db: DbIndex, key: &[u8]) {
        let mut from = 0;
        while let Some(waiter) = self.next_in_queue(db, key, from) {
            from = waiter.ticket() + 1;
            self.serve(&waiter);
        }
    }

    /// The first in a queue, from a ticket on, who can be served by what the key holds now.
    fn next_in_queue(&self, db: DbIndex, key: &[u8], from: u64) -> Option<Arc<Waiter>> {
        let hash = self.engine.keyspace.hash(key);
        let shard = self.engine.keyspace.lock(db, shard_of(hash));
        let interest = shard.interest.as_ref()?;
        let table = shard.values.table();
        let is_alive = |expiry: Option<i64>| expiry.is_none_or(|expiry| expiry > self.now.0);
        let entry =
            table.find(hash, key).map(|slot| table.entry(slot)).filter(|entry| is_alive(entry.stamp()));
        let held = entry.map(ValueType::of);
        let is_served = |waiter: &&Arc<Waiter>| {
            let is_concerned = waiter.until_gone || held == Some(waiter.awaited);
            is_concerned && !self.engine.departed.has(waiter.setting.author.client)
        };
        interest.queue(key, from).find(is_served).map(Arc::clone)
    }

    /// Runs the command of somebody who waits. If that finds what it wants, or the wait has ended, he leaves the queues.
    fn serve(&mut self, waiter: &Arc<Waiter>) {
        let Some(prepared) = &waiter.prepared else { return };
        let command = self.engine.table().row(prepared.id).command;
        let Run::Data(handler) = command.run else { return };
        let (db, keyspace) = (waiter.setting.db, &self.engine.keyspace);
        let words: Vec<&[u8]> = waiter.words.iter().map(|word| &**word).collect();
        let objection = self.engine.objects_to(prepared.id, &words, (db, waiter.setting.author));
        let mut union = Union::lock(keyspace, self.shards(prepared, db, &words));
        let setting = Setting { patience: Patience::Waiting, ..waiter.setting };
        let tells_reads = setting.tells_reads && command.flags.contains(Flags::READONLY);
        let has_ended = waiter.serve(|reply| {
            if let Some(error) = objection {
                reply.error_bytes(&error.bytes());
                return Some(Some(error));
            }
            let result = self.call(handler, prepared, Held::Several(&mut union), setting, &words, reply);
            if tells_reads {
                self.engine.tell_reads(&waiter.keys, setting.author);
            }
            (!std::mem::take(&mut self.notes.waits_on)).then(|| result.err())
        });
        if has_ended {
            for key in &waiter.keys {
                union.of_key(db, key).with_interest(|interest| interest.leave(key, waiter.ticket()));
            }
            self.forget(waiter);
        }
    }

    /// Counts one who waits less, unless that was done. Whether he was counted.
    fn forget(&self, waiter: &Waiter) -> bool {
        let was_counted = waiter.forget();
        if was_counted {
            self.engine.keyspace.waiters().fetch_sub(1, Ordering::Relaxed);
        }
        was_counted
    }
}

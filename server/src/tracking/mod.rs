//! Client-side caching: clients are told when what they have read has changed.
//!
//! ```text
//! a read of a tracking client ─→ table: key → clients          a write ─→ key's clients taken ─→ mailboxes
//! CLIENT TRACKING ON BCAST    ─→ prefixes: prefix → clients              └→ clients of its prefixes
//! ```
//!
//! A client is told of what it has changed itself after all others, when its command is over. Who broadcasts is told once
//! per round, which is what a thread runs between two looks at its sockets.
//!
//! A key is noted before the command that reads it runs: a write in between is told, and one before it is seen by
//! the read. It is noted again when the command waited and is served by another client's thread. Writes are heard from the engine while the shards of their keys are locked.

mod invalidation;
mod own;
mod prefixes;
mod round;
mod session;
mod table;

pub(crate) use own::run;
pub(crate) use prefixes::{first_overlapping, overlap, overlapping};
pub(crate) use session::{Caching, SessionTracking};

use crate::config::{Config, table as settings};
use crate::pubsub::{HardLimits, Mailbox, Message};
use invalidation::Invalidation;
use prefixes::Prefixes;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::Engine;
use spinel_storage::engine::Author;
use spinel_storage::keyspace::news::{Item, News, Observed};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use table::{Readers, Table};

/// Which reads are noted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mode {
    /// All.
    #[default]
    All,
    /// Those after CLIENT CACHING YES.
    OptIn,
    /// Those not after CLIENT CACHING NO.
    OptOut,
    /// None: the client is told of all keys with certain prefixes.
    Broadcast,
}

/// How a client wants to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// Not of its own writes.
    pub(crate) skips_own: bool,
    /// The client that is told instead; 0 for none.
    pub(crate) redirect: u64,
}

/// A client that is told.
struct Tracker {
    options: Options,
    mailbox: Arc<Mailbox>,
    /// The mailbox of the client that is told instead.
    redirect: Option<Arc<Mailbox>>,
}

impl Tracker {
    fn tell(&self, invalidation: &Invalidation, limits: &HardLimits) {
        let Some(redirect) = &self.redirect else {
            // A client that is gone needs to know nothing, nor does who was told instead.
            let _ = self.mailbox.put_with(limits, |bytes, to| invalidation.append_to(bytes, to, None));
            return;
        };
        if self.mailbox.is_closed() {
            return;
        }
        let reader = self.mailbox.protocol();
        let is_there = redirect.put_with(limits, |bytes, to| invalidation.append_to(bytes, to, Some(reader)));
        if !is_there {
            self.tell_broken(limits);
        }
    }

    /// The client that was to be told instead is gone.
    fn tell_broken(&self, limits: &HardLimits) {
        self.mailbox.note_broken_redirect();
        if self.mailbox.protocol() == Protocol::Resp3 {
            let mut writer = ReplyWriter::new(Protocol::Resp2);
            writer.push(2);
            writer.bulk(b"tracking-redir-broken");
            writer.integer(self.options.redirect as i64);
            self.mailbox.put(&Message::written(writer.take()), limits);
        }
    }
}

/// All tracking clients and what they have read.
#[derive(Default)]
pub(crate) struct Tracking {
    table: Table,
    prefixes: RwLock<Prefixes>,
    trackers: RwLock<HashMap<u64, Arc<Tracker>>>,
    /// How many trackers there are.
    clients: AtomicUsize,
    /// How many connections track or have tracked. What was read is known as long as there is one: who stops tracking and
    /// starts again hears of it.
    connections: AtomicUsize,
    /// How many keys may be in the table; 0: any number.
    keys_max: AtomicUsize,
}

/// What INFO tells.
pub(crate) struct TrackingSums {
    pub(crate) clients: usize,
    pub(crate) keys: usize,
    pub(crate) items: usize,
    pub(crate) prefixes: usize,
}

impl Tracking {
    /// Tells who has to know of a command's writes.
    pub(crate) fn hear(&self, news: &News, author: Author, limits: &HardLimits) {
        if self.connections.load(Ordering::Acquire) == 0 {
            return;
        }
        let has_prefixes = self.prefixes().len() > 0;
        own::tell_unless_of(author.client, self, limits);
        let trackers = self.trackers();
        let teller = Teller { trackers: &trackers, client: author.client, limits };
        // A client hears of what its scripts write even if it doesn't want to hear of its own writes.
        let writer = if author.is_script { 0 } else { author.client };
        let changed = |key: &[u8], writer: u64| {
            self.tell_readers(&teller, key);
            if has_prefixes {
                round::remember(key, writer);
            }
        };
        let mut is_emptied = false;
        for item in news.iter() {
            match item {
                Item::Changed(_, key) => changed(key, writer),
                Item::Lapsed(_, key) => changed(key, 0),
                Item::Emptied(_) if !is_emptied => {
                    is_emptied = true;
                    self.table.clear();
                    teller.tell_everybody();
                }
                _ => {}
            }
        }
        drop(trackers);
        if !own::is_running(author.client) {
            own::tell_unless_of(0, self, limits);
        }
        if round::is_long() {
            self.end_round(limits);
        }
    }

    /// Tells those with prefixes which keys the calling thread has changed since it last did so.
    pub(crate) fn end_round(&self, limits: &HardLimits) {
        let changed = round::take();
        if changed.is_empty() {
            return;
        }
        let (prefixes, trackers) = (self.prefixes(), self.trackers());
        let teller = Teller { trackers: &trackers, client: 0, limits };
        for (clients, keys) in prefixes.matching(&changed) {
            teller.tell_of_round(clients, &keys);
        }
    }

    fn tell_readers(&self, teller: &Teller<'_>, key: &[u8]) {
        if let Some(readers) = self.table.take(key) {
            teller.tell_readers(key, &readers);
        }
    }

    /// Notes that a client reads a key. With too many keys, another one is forgotten and told to have changed.
    fn note(&self, key: &[u8], client: u64, limits: &HardLimits) {
        if let Some((key, readers)) = self.table.add(key, client, self.keys_max.load(Ordering::Relaxed)) {
            let trackers = self.trackers();
            Teller { trackers: &trackers, client: 0, limits }.tell_readers(&key, &readers);
        }
    }

    /// Notes what a client has read that waited for it, unless he is gone by now.
    pub(crate) fn hear_reads(&self, keys: &[Box<[u8]>], client: u64, limits: &HardLimits) {
        if self.trackers().contains_key(&client) {
            for key in keys {
                self.note(key, client, limits);
            }
        }
    }

    /// Takes over how many keys may be in the table; 0: any number.
    pub(crate) fn apply(&self, config: &Config) {
        let keys_max = config.number(settings::TRACKING_TABLE_MAX_KEYS) as usize;
        self.keys_max.store(keys_max, Ordering::Relaxed);
    }

    /// A connection tracks for the first time.
    fn join(&self, engine: &Engine) {
        let _alone = self.trackers_mut();
        self.connections.fetch_add(1, Ordering::AcqRel);
        engine.observe(Observed::KEYS, true);
    }

    /// A connection that tracks or has tracked ends. With the last one, what was read is forgotten.
    fn part(&self, engine: &Engine) {
        let _alone = self.trackers_mut();
        if self.connections.fetch_sub(1, Ordering::AcqRel) == 1 {
            engine.observe(Observed::KEYS, false);
            self.table.clear();
        }
    }

    /// Enters a client, or changes how it is told.
    fn enter(&self, mailbox: &Arc<Mailbox>, options: Options, redirect: Option<Arc<Mailbox>>) {
        let tracker = Tracker { options, mailbox: Arc::clone(mailbox), redirect };
        let mut trackers = self.trackers_mut();
        trackers.insert(mailbox.client, Arc::new(tracker));
        self.clients.store(trackers.len(), Ordering::Release);
    }

    /// Forgets a client. What it has read is forgotten when it changes.
    fn leave(&self, client: u64, prefixes: &BTreeSet<Box<[u8]>>) {
        let mut table = self.prefixes.write().unwrap_or_else(PoisonError::into_inner);
        for prefix in prefixes {
            table.remove(prefix, client);
        }
        drop(table);
        let mut trackers = self.trackers_mut();
        trackers.remove(&client);
        self.clients.store(trackers.len(), Ordering::Release);
    }

    /// How a client is told by now; itself, if it tracks no more.
    fn tracker_of(&self, mailbox: &Arc<Mailbox>) -> Arc<Tracker> {
        let present = self.trackers().get(&mailbox.client).cloned();
        let itself = || Tracker { options: Options::default(), mailbox: Arc::clone(mailbox), redirect: None };
        present.unwrap_or_else(|| Arc::new(itself()))
    }

    fn add_prefix(&self, prefix: &[u8], client: u64) {
        self.prefixes.write().unwrap_or_else(PoisonError::into_inner).add(prefix, client);
    }

    /// What there is.
    pub(crate) fn sums(&self) -> TrackingSums {
        TrackingSums {
            clients: self.clients.load(Ordering::Relaxed),
            keys: self.table.keys(),
            items: self.table.items(),
            prefixes: self.prefixes().len(),
        }
    }

    fn prefixes(&self) -> RwLockReadGuard<'_, Prefixes> {
        self.prefixes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn trackers(&self) -> RwLockReadGuard<'_, HashMap<u64, Arc<Tracker>>> {
        self.trackers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn trackers_mut(&self) -> RwLockWriteGuard<'_, HashMap<u64, Arc<Tracker>>> {
        self.trackers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what happened into mailboxes.
struct Teller<'t> {
    trackers: &'t HashMap<u64, Arc<Tracker>>,
    /// The client that did it.
    client: u64,
    limits: &'t HardLimits,
}

impl Teller<'_> {
    /// A client that is to be told of keys.
    fn tracker(&self, client: u64) -> Option<&Arc<Tracker>> {
        let tracker = self.trackers.get(&client)?;
        (!(tracker.options.skips_own && client == self.client)).then_some(tracker)
    }

    fn tell_readers(&self, key: &[u8], readers: &Readers) {
        let invalidation = Invalidation::of_change(Some(key));
        for tracker in readers.as_slice().iter().filter_map(|client| self.tracker(*client)) {
            if tracker.options.mode != Mode::Broadcast {
                self.tell_or_remember(tracker, Some(key), &invalidation);
            }
        }
    }

    fn tell_everybody(&self) {
        for tracker in self.trackers.values() {
            self.tell_or_remember(tracker, None, &Invalidation::Everything);
        }
    }

    /// Tells a client of a key or of everything; later, if it is the one that did it.
    fn tell_or_remember(&self, tracker: &Arc<Tracker>, key: Option<&[u8]>, invalidation: &Invalidation) {
        if tracker.mailbox.client == self.client {
            own::remember(tracker, key);
        } else {
            tracker.tell(invalidation, self.limits);
        }
    }

    /// Tells clients of keys that others, or they themselves, have changed.
    fn tell_of_round(&self, clients: &[u64], keys: &[(&[u8], u64)]) {
        let all = Invalidation::of(keys.iter().map(|(key, _)| *key));
        for client in clients {
            let Some(tracker) = self.trackers.get(client) else { continue };
            let is_told = |(_, writer): &&(&[u8], u64)| !tracker.options.skips_own || writer != client;
            let told: Vec<&[u8]> = keys.iter().filter(is_told).map(|(key, _)| *key).collect();
            if told.len() == keys.len() {
                tracker.tell(&all, self.limits);
            } else if !told.is_empty() {
                tracker.tell(&Invalidation::of(told.into_iter()), self.limits);
            }
        }
    }
}

//! Client-side caching: clients are told when what they have read has changed.
//!
//! ```text
//! a read of a tracking client ─→ table: key → clients          a write ─→ key's clients taken ─→ mailboxes
//! CLIENT TRACKING ON BCAST    ─→ prefixes: prefix → clients              └→ clients of its prefixes
//! ```
//!
//! A key is noted before the command that reads it runs: a write in between is told, and one before it is seen by
//! the read. Writes are heard from the engine while the shards of their keys are locked.

mod invalidation;
mod prefixes;
mod session;
mod table;

pub(crate) use session::{Caching, SessionTracking};

use crate::pubsub::{HardLimits, Mailbox, Message};
use invalidation::Invalidation;
use prefixes::Prefixes;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::Engine;
use spinel_storage::keyspace::news::{Item, News, Observed};
use std::collections::HashMap;
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

/// All tracking clients and what they have read.
#[derive(Default)]
pub(crate) struct Tracking {
    table: Table,
    prefixes: RwLock<Prefixes>,
    trackers: RwLock<HashMap<u64, Tracker>>,
    /// How many trackers there are.
    clients: AtomicUsize,
}

/// What INFO tells.
pub(crate) struct TrackingSums {
    pub(crate) clients: usize,
    pub(crate) keys: usize,
    pub(crate) items: usize,
    pub(crate) prefixes: usize,
}

impl Tracking {
    /// Tells who has to know of a command's writes. `client` is the one that wrote.
    pub(crate) fn hear(&self, news: &News, client: u64, limits: &HardLimits) {
        if self.clients.load(Ordering::Acquire) == 0 {
            return;
        }
        let trackers = self.trackers();
        let teller = Teller { trackers: &trackers, client, limits };
        let mut is_emptied = false;
        for item in news.iter() {
            match item {
                Item::Changed(_, key) => self.tell_readers(&teller, key),
                Item::Emptied(_) if !is_emptied => {
                    is_emptied = true;
                    self.table.clear();
                    trackers.values().for_each(|tracker| teller.tell(tracker, &Invalidation::Everything));
                }
                _ => {}
            }
        }
        self.broadcast(&teller, news);
    }

    fn tell_readers(&self, teller: &Teller<'_>, key: &[u8]) {
        if let Some(readers) = self.table.take(key) {
            teller.tell_readers(key, &readers);
        }
    }

    fn broadcast(&self, teller: &Teller<'_>, news: &News) {
        let prefixes = self.prefixes.read().unwrap_or_else(PoisonError::into_inner);
        if prefixes.len() == 0 {
            return;
        }
        let changed = |item| if let Item::Changed(_, key) = item { Some(key) } else { None };
        let mut keys: Vec<&[u8]> = news.iter().filter_map(changed).collect();
        keys.sort_unstable();
        keys.dedup();
        prefixes.each_matching(&keys, |clients, keys| {
            let invalidation = Invalidation::of(keys.iter().copied());
            for tracker in clients.iter().filter_map(|client| teller.tracker(*client)) {
                teller.tell(tracker, &invalidation);
            }
        });
    }

    /// Notes that a client reads a key. With too many keys, another one is forgotten and told to have changed.
    fn note(&self, key: &[u8], client: u64, keys_max: usize, limits: &HardLimits) {
        if let Some((key, readers)) = self.table.add(key, client, keys_max) {
            let trackers = self.trackers();
            Teller { trackers: &trackers, client: 0, limits }.tell_readers(&key, &readers);
        }
    }

    /// Enters a client, or changes how it is told.
    fn enter(
        &self,
        mailbox: &Arc<Mailbox>,
        options: Options,
        redirect: Option<Arc<Mailbox>>,
        engine: &Engine,
    ) {
        let tracker = Tracker { options, mailbox: Arc::clone(mailbox), redirect };
        let mut trackers = self.trackers_mut();
        trackers.insert(mailbox.client, tracker);
        engine.observe(Observed::KEYS, true);
        self.clients.store(trackers.len(), Ordering::Release);
    }

    /// Forgets a client. What it has read is forgotten when it changes.
    fn leave(&self, client: u64, prefixes: &[Box<[u8]>], engine: &Engine) {
        let mut table = self.prefixes.write().unwrap_or_else(PoisonError::into_inner);
        for prefix in prefixes {
            table.remove(prefix, client);
        }
        drop(table);
        let mut trackers = self.trackers_mut();
        trackers.remove(&client);
        self.clients.store(trackers.len(), Ordering::Release);
        if trackers.is_empty() {
            engine.observe(Observed::KEYS, false);
            self.table.clear();
        }
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
            prefixes: self.prefixes.read().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    fn trackers(&self) -> RwLockReadGuard<'_, HashMap<u64, Tracker>> {
        self.trackers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn trackers_mut(&self) -> RwLockWriteGuard<'_, HashMap<u64, Tracker>> {
        self.trackers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what happened into mailboxes.
struct Teller<'t> {
    trackers: &'t HashMap<u64, Tracker>,
    /// The client that did it.
    client: u64,
    limits: &'t HardLimits,
}

impl Teller<'_> {
    /// A client that is to be told of keys.
    fn tracker(&self, client: u64) -> Option<&Tracker> {
        let tracker = self.trackers.get(&client)?;
        (!(tracker.options.skips_own && client == self.client)).then_some(tracker)
    }

    fn tell_readers(&self, key: &[u8], readers: &Readers) {
        let invalidation = Invalidation::of([key].into_iter());
        for tracker in readers.as_slice().iter().filter_map(|client| self.tracker(*client)) {
            if tracker.options.mode != Mode::Broadcast {
                self.tell(tracker, &invalidation);
            }
        }
    }

    fn tell(&self, tracker: &Tracker, invalidation: &Invalidation) {
        let Some(redirect) = &tracker.redirect else {
            // A client that is gone needs to know nothing.
            let _ =
                tracker.mailbox.put_with(self.limits, |bytes, to| invalidation.append_to(bytes, to, None));
            return;
        };
        let reader = tracker.mailbox.protocol();
        let is_there =
            redirect.put_with(self.limits, |bytes, to| invalidation.append_to(bytes, to, Some(reader)));
        if !is_there {
            self.tell_broken(tracker);
        }
    }

    /// The client that was to be told instead is gone.
    fn tell_broken(&self, tracker: &Tracker) {
        tracker.mailbox.note_broken_redirect();
        if tracker.mailbox.protocol() == Protocol::Resp3 {
            let mut writer = ReplyWriter::new(Protocol::Resp2);
            writer.push(2);
            writer.bulk(b"tracking-redir-broken");
            writer.integer(tracker.options.redirect as i64);
            tracker.mailbox.put(&Message::written(writer.take()), self.limits);
        }
    }
}

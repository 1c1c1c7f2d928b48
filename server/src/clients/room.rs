//! `maxmemory-clients`: the largest clients go when all together take too much.
//!
//! Every connection notes after a batch by how much it has grown, so that the sum of all is known for the price of a
//! comparison while nothing changes. What others put into mailboxes is found out by the upkeep thread, which adds
//! everything up ten times a second.
//!
//! The same sum says when nothing more is run for clients that don't read what they have asked for: while all together
//! take more than `client-unread-pause`, and one has left a megabyte unread, it has to read first.

use super::{Class, Client, Clients, Flag, describe};
use crate::config::{Config, table};
use crate::log;
use crate::server::{Shared, now};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// With a lower limit, nobody could be served.
const BYTES_MIN: u64 = 128 << 10;

/// Who leaves no more than this unread is always served.
const UNREAD_BYTES_MIN: usize = 1 << 20;

/// How much all clients may take, and how much they do.
#[derive(Default)]
pub(crate) struct Room {
    /// The limit; 0: none.
    bytes_max: AtomicU64,
    /// What all clients take that have been noted.
    bytes: AtomicI64,
    /// Whether it was too much, and nobody could go.
    is_stuck: AtomicBool,
    /// Clients that went.
    pub(crate) evicted: AtomicU64,
    /// Held by who lets clients go, so that nobody goes twice.
    choosing: Mutex<()>,
}

impl Room {
    fn has_enough(&self) -> bool {
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        bytes_max == 0 || self.bytes.load(Ordering::Relaxed) <= i64::try_from(bytes_max).unwrap_or(i64::MAX)
    }

    /// Counts what a client takes now in place of what it took.
    pub(super) fn count(&self, client: &Client, bytes: usize) {
        let before = client.counted_bytes.swap(bytes, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as i64 - before as i64, Ordering::Relaxed);
    }
}

/// The limit in bytes that the settings ask for, 0 for none: a number, or a share of `maxmemory` if that is set.
fn bytes_max(config: &Config) -> u64 {
    let number = config.number(table::MAXMEMORY_CLIENTS);
    match (number, config.maxmemory()) {
        (0, _) | (..0, 0) => 0,
        (..0, maxmemory) => share(maxmemory, number.unsigned_abs()).max(BYTES_MIN),
        (bytes, _) => bytes.unsigned_abs().max(BYTES_MIN),
    }
}

fn share(whole: u64, percent: u64) -> u64 {
    (u128::from(whole) * u128::from(percent) / 100) as u64
}

/// Lets the settings take effect.
pub(crate) fn apply(shared: &Shared) {
    shared.clients.room.bytes_max.store(bytes_max(&shared.config), Ordering::Relaxed);
    make_room(shared);
}

/// Notes what a client takes after a batch, and lets the largest go if that is too much.
#[inline]
pub(crate) fn note(client: &Client, shared: &Shared) {
    let (bytes, room) = (client.memory_bytes(), &shared.clients.room);
    if bytes == client.counted_bytes.load(Ordering::Relaxed) || client.has(Flag::Killed) {
        return;
    }
    room.count(client, bytes);
    if !room.has_enough() && !room.is_stuck.load(Ordering::Relaxed) {
        make_room(shared);
    }
}

/// Adds up what all clients take, and lets the largest go until that is no more than allowed. O(clients).
pub(crate) fn make_room(shared: &Shared) {
    let room = &shared.clients.room;
    if room.bytes_max.load(Ordering::Relaxed) == 0 {
        return;
    }
    let _alone = room.choosing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all = shared.clients.all();
    // Who goes makes room, though it may take a moment until his thread gets to him.
    all.retain(|client| !client.has(Flag::Killed));
    for client in &all {
        room.count(client, client.memory_bytes());
    }
    let mut bytes: u64 = all.iter().map(|client| client.counted_bytes.load(Ordering::Relaxed) as u64).sum();
    all.retain(|client| may_go(client));
    all.sort_unstable_by_key(|client| client.counted_bytes.load(Ordering::Relaxed));
    while bytes > room.bytes_max.load(Ordering::Relaxed) {
        let Some(largest) = all.pop() else { break };
        bytes -= largest.counted_bytes.load(Ordering::Relaxed) as u64;
        evict(&largest, shared);
    }
    let is_stuck = bytes > room.bytes_max.load(Ordering::Relaxed);
    if is_stuck && !room.is_stuck.swap(is_stuck, Ordering::Relaxed) {
        log::warning!("Over client maxmemory after evicting all evictable clients");
    }
    room.is_stuck.store(is_stuck, Ordering::Relaxed);
}

/// Whether nothing is to be run for a client before it has read more of what it has asked for.
#[inline]
pub(crate) fn is_behind(client: &Client, shared: &Shared) -> bool {
    let is_behind = client.unsent_bytes.load(Ordering::Relaxed) > UNREAD_BYTES_MIN && is_tight(shared);
    if is_behind {
        client.set(Flag::Behind, true);
    }
    is_behind
}

fn is_tight(shared: &Shared) -> bool {
    let most = shared.config.number(table::CLIENT_UNREAD_PAUSE);
    most > 0 && shared.clients.room.bytes.load(Ordering::Relaxed) > most
}

/// Lets those go on who had to read first, if there is room again. O(clients) where somebody has to.
pub(crate) fn go_on(shared: &Shared) {
    if is_tight(shared) {
        return;
    }
    for client in shared.clients.all() {
        if client.has(Flag::Behind) {
            client.set(Flag::Behind, false);
            client.wake();
        }
    }
}

fn may_go(client: &Client) -> bool {
    !client.has(Flag::NoEvict) && matches!(client.class(), Class::Normal | Class::PubSub)
}

fn evict(client: &Arc<Client>, shared: &Shared) {
    let mut line = Vec::new();
    describe(client, shared.engine.table(), now(), 0, &mut line);
    log::notice!("Evicting client: {}", String::from_utf8_lossy(&line).trim_end());
    shared.clients.room.evicted.fetch_add(1, Ordering::Relaxed);
    shared.clients.kill(client, &shared.engine);
    shared.clients.room.count(client, 0);
}

impl Clients {
    /// Forgets what a client took that is gone.
    pub(super) fn leave_room(&self, client: &Client) {
        self.room.count(client, 0);
    }
}

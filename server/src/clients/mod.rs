//! The clients of a server: who is connected, and how others reach them.
//!
//! A connection belongs to one worker thread; what CLIENT LIST shows of it and what others may do to it is in
//! its [`Client`], which the registry shares. The connection writes there once per batch, relaxed: an observer
//! sees numbers at most a batch old.

mod client;
pub(crate) mod filter;
mod limits;
mod line;
mod pause;
pub(crate) mod room;
pub(crate) mod seats;
mod throttle;

pub(crate) use client::{Class, Client, Flag, Peer, Traffic};
pub(crate) use limits::{OutputLimits, apply_hard_limits, enforce};
pub(crate) use line::{FIXED_BYTES, describe};
pub(crate) use pause::{Pause, PauseMode, PauseReason};
use room::Room;
pub(crate) use throttle::Throttle;

use crate::acl::Account;
use spinel_storage::{Engine, UnixMillis};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All clients, by id, which is the order of their coming.
#[derive(Default)]
pub(crate) struct Clients {
    last_id: AtomicU64,
    by_id: Mutex<BTreeMap<u64, Arc<Client>>>,
    /// Connections that were closed because the client did not read its replies.
    pub(crate) over_output_limit: AtomicU64,
    /// How much they may take.
    pub(crate) room: Room,
    /// Connections that are being held back.
    pub(crate) held: AtomicUsize,
    /// What holds commands back.
    pub(crate) pause: Pause,
    /// Who failed to authenticate lately.
    pub(crate) throttle: Throttle,
}

impl Clients {
    /// Enters a new client.
    pub(crate) fn enter(&self, peer: Peer, account: Arc<Account>, now: UnixMillis) -> Arc<Client> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(id, peer, account, now));
        self.lock().insert(id, Arc::clone(&client));
        client
    }

    /// Closes a client's connection as soon as its thread gets to it. Nothing is sent to it any more, nor is anything taken
    /// for it that it waits for.
    pub(crate) fn kill(&self, client: &Client, engine: &Engine) {
        // Who has left already would never be forgotten.
        let clients = self.lock();
        if clients.contains_key(&client.id) {
            engine.stop_serving(client.id);
        }
        drop(clients);
        client.kill();
    }

    /// Forgets a client whose connection has ended.
    pub(crate) fn leave(&self, client: &Client, engine: &Engine) {
        self.lock().remove(&client.id);
        self.leave_room(client);
        engine.forget_client(client.id);
        if let Some(mailbox) = client.mailbox() {
            mailbox.close();
        }
    }

    /// The client with this number, unless somebody has killed it.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.lock().get(&id).filter(|client| !client.has(Flag::Killed)).cloned()
    }

    /// How many clients there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// How many clients there were since the server started.
    pub(crate) fn total(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }

    /// All clients as of now that nobody has killed, in the order of their coming.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        self.lock().values().filter(|client| !client.has(Flag::Killed)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

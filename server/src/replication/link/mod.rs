//! The server as a replica: what its threads share of the primary, and what they ask of the thread that copies it.
//!
//! ```text
//! REPLICAOF ─ order ─→ thread `link`: connection ⇄ Link ─→ units ─→ engine
//!                                          └─→ snapshot ─→ file ─→ saver: the keyspace emptied and loaded
//! ```
//!
//! Whether commands of clients are refused is known before the reply to `REPLICAOF` is; everything else happens on the
//! thread.

mod address;
mod copying;
mod disk;
mod handover;
mod host;
mod shown;
mod snapshot_file;
mod socket;
mod thread;

pub(crate) use address::Address;
pub(crate) use shown::{info, role};
pub(crate) use thread::LinkThread;

use crate::attention::{Attention, Concern};
use crate::config::{Config, table};
use crate::log;
use crate::server::Shared;
use spinel_replication::{LinkStatus, Position};
use spinel_storage::Error;
use spinel_storage::engine::wait::Waiter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What clients are told who want to change a copy.
pub(crate) const READ_ONLY: Error = Error::Text("READONLY You can't write against a read only replica.");
/// What clients are told who want to use a copy that may be old.
pub(crate) const PRIMARY_DOWN: Error =
    Error::Text("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
/// What is told who waits for something that the primary decides on from now on.
const NO_LONGER: Error = Error::Text(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/// The primary of this server, if it has one.
pub(crate) struct Upstream {
    state: Mutex<State>,
    refuses_writes: AtomicBool,
    /// Told when everything is to be refused that tells of data.
    attention: Arc<Attention>,
    orders: UnboundedSender<Order>,
    /// Until the thread starts.
    received: Mutex<Option<UnboundedReceiver<Order>>>,
}

#[derive(Default)]
struct State {
    /// Whom the server is to copy.
    primary: Option<Address>,
    progress: Progress,
    /// As what it is poisoned, if it was refused for that last.
    poison: Option<String>,
}

/// How far the copy is.
#[derive(Clone, Copy)]
struct Progress {
    status: LinkStatus,
    position: Option<Position>,
    /// When something came last from the primary.
    heard_ms: Option<u64>,
    /// Since when there is no link, if there was one.
    down_since_ms: Option<u64>,
    /// How long the snapshot is that comes, and how much of it is there. The length is -1 before it is known, and 0 if it is
    /// not told.
    snapshot_bytes: (i64, i64),
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            status: LinkStatus::Connect,
            position: None,
            heard_ms: None,
            down_since_ms: None,
            snapshot_bytes: (-1, 0),
        }
    }
}

/// What the thread is to do.
enum Order {
    /// Copy this server.
    Follow(Address),
    /// Make a replica the primary, and copy it, as the failover of this number says.
    FailOver(u64),
    /// See whether the primary is still to be followed.
    Look,
    /// Copy nobody, and tell who waits for that.
    Lead(Option<Told>),
    Stop,
}

/// Who waits for the server to be its own master.
struct Told {
    waiter: Arc<Waiter>,
    /// Whether the answer is OK, or nothing.
    is_answered: bool,
}

impl Told {
    fn tell(&self) {
        let is_answered = self.is_answered;
        self.waiter.answer(|reply| {
            if is_answered {
                reply.ok();
            }
        });
    }
}

impl Upstream {
    /// Of a server that is to start.
    pub(crate) fn new(config: &Config, attention: &Arc<Attention>) -> Upstream {
        let (orders, received) = unbounded_channel();
        let upstream = Upstream {
            state: Mutex::default(),
            refuses_writes: AtomicBool::new(false),
            attention: Arc::clone(attention),
            orders,
            received: Mutex::new(Some(received)),
        };
        upstream.state().primary = Address::parse(&config.text(table::REPLICAOF));
        upstream.apply(config);
        upstream
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server copies another one. Takes a lock.
    pub(crate) fn is_replica(&self) -> bool {
        self.state().primary.is_some()
    }

    /// Whether it does, and has no link to it. Takes a lock.
    pub(crate) fn is_down(&self) -> bool {
        let state = self.state();
        state.primary.is_some() && state.progress.status != LinkStatus::Connected
    }

    /// Whether commands of clients that write are refused; costs a relaxed load.
    #[inline]
    pub(crate) fn refuses_writes(&self) -> bool {
        self.refuses_writes.load(Ordering::Relaxed)
    }

    /// Lets settings take effect.
    pub(crate) fn apply(&self, config: &Config) {
        self.decide(&self.state(), config);
    }

    fn decide(&self, state: &State, config: &Config) {
        let is_replica = state.primary.is_some();
        log::set_replica(is_replica);
        let is_down = is_replica && state.progress.status != LinkStatus::Connected;
        let is_stale = is_down && !config.is_on(table::REPLICA_SERVE_STALE_DATA);
        self.refuses_writes.store(is_replica && config.is_on(table::REPLICA_READ_ONLY), Ordering::Relaxed);
        self.attention.set(Concern::StaleData, is_stale);
    }

    /// Notes how far the copy is.
    fn show(&self, config: &Config, change: impl FnOnce(&mut Progress)) {
        let mut state = self.state();
        let was = state.progress.status;
        change(&mut state.progress);
        let is = state.progress.status;
        if matches!(is, LinkStatus::Sync | LinkStatus::Connected) {
            state.poison = None;
        }
        if was != is {
            if was == LinkStatus::Connected {
                state.progress.down_since_ms = Some(thread::now_ms());
            }
            self.decide(&state, config);
        }
    }

    /// Notes as what the primary is poisoned, so that it is not followed.
    fn note_poison(&self, name: &str) {
        self.state().poison = Some(name.to_owned());
    }

    /// Has the thread see whether the primary is still to be followed.
    pub(crate) fn look(&self) {
        // The thread lives as long as the server.
        let _ = self.orders.send(Order::Look);
    }

    /// Makes the server copy another one; whether it did not yet. Writes of clients are refused from now on.
    pub(crate) fn follow(&self, address: Address, shared: &Shared) -> bool {
        let mut state = self.state();
        if state.primary.as_ref().is_some_and(|primary| primary.is_same(&address)) {
            return false;
        }
        shared.config.store(table::REPLICAOF, &address.setting());
        *state = State { primary: Some(address.clone()), ..State::default() };
        self.decide(&state, &shared.config);
        // The thread lives as long as the server.
        let _ = self.orders.send(Order::Follow(address));
        true
    }

    /// Makes the server its own master, whose writes begin when what the primary sent has run; whether it was none. Who
    /// waits for it is answered.
    pub(crate) fn lead(&self, shared: &Shared, waiter: Option<Arc<Waiter>>) -> bool {
        self.end(shared, waiter.map(|waiter| Told { waiter, is_answered: true }))
    }

    /// The same; the wait of who waits ends without a reply.
    pub(crate) fn lead_silently(&self, shared: &Shared, waiter: Arc<Waiter>) -> bool {
        self.end(shared, Some(Told { waiter, is_answered: false }))
    }

    fn end(&self, shared: &Shared, told: Option<Told>) -> bool {
        let mut state = self.state();
        if state.primary.take().is_none() {
            return false;
        }
        log::set_replica(false);
        shared.config.store(table::REPLICAOF, &Address::nobody());
        // As above.
        let _ = self.orders.send(Order::Lead(told));
        true
    }

    /// Has the thread begin a failover.
    pub(crate) fn fail_over(&self, number: u64) {
        // As above.
        let _ = self.orders.send(Order::FailOver(number));
    }

    /// Notes that the server copies the heir of a failover from now on.
    pub(super) fn hand_over(&self, heir: &Address, shared: &Shared) {
        let mut state = self.state();
        shared.config.store(table::REPLICAOF, &heir.setting());
        *state = State { primary: Some(heir.clone()), ..State::default() };
        self.decide(&state, &shared.config);
    }

    /// Notes that the server is its own master, unless it was told otherwise meanwhile.
    fn has_ended(&self, shared: &Shared) {
        let mut state = self.state();
        if state.primary.is_none() {
            *state = State::default();
            shared.engine.keyspace().set_copy(false);
            shared.replication.lead(shared);
            self.decide(&state, &shared.config);
            drop(state);
            shared.replication.failover.resume(shared);
        }
    }
}

/// Ends the waits of clients for what may never come: only the primary changes keys from now on.
fn end_waits(shared: &Shared) {
    for client in shared.clients.all() {
        if let Some(waiter) = client.waiter().filter(|waiter| waiter.keys().next().is_some()) {
            waiter.fail(NO_LONGER);
        }
    }
}

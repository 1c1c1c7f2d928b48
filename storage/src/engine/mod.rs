//! The engine: one execution path for servers, embedded use, scripts and replays.
//!
//! ```text
//! words ─ resolve (name, arity) ─ plan (keys → shards) ─ lock ─ handler ─ journal ─ unlock
//! ```
//!
//! An [`Engine`] is shared by all threads; each thread runs commands through an [`Executor`] of its own,
//! which passes the gate once per batch ([`Executor::begin`]) and executes any number of commands in it.

mod audience;
mod claim;
mod closed;
pub mod counters;
mod delays;
mod departed;
pub mod effect;
pub mod errand;
mod evict;
mod execute;
mod familiar;
mod hold;
mod http_cache;
pub mod journal;
mod load;
mod prepare;
mod prewarm;
mod purge;
mod record;
mod residence;
mod serve;
pub mod snapshot;
mod spare;
mod upkeep;
pub mod wait;
mod watch;

use crate::command::table::{CommandId, CommandTable};
use crate::command::{Extent, Run};
use crate::error::Error;
use crate::keyspace::access::AccessPolicy;
use crate::keyspace::news::{News, Observed};
use crate::keyspace::{DbIndex, Keyspace};
use audience::Attention;
pub use audience::{Audience, Author, Doorkeeper};
pub use claim::{Claim, Suspended};
pub use closed::Closed;
use counters::{CounterSums, Counters};
pub use delays::{Delay, Delays};
use departed::Departed;
use errand::Errands;
pub use evict::{EvictionOrder, EvictionPolicy};
pub use execute::{Executor, Outcome, Patience, Setting, Turn};
pub use familiar::Familiar;
pub use hold::{Hold, Holds};
use journal::Journal;
pub use load::{ExpiredKeys, LoadError, LoadListener, LoadOptions, Loaded, PresentKeys};
pub use prepare::{KeyHash, Prepared};
pub use prewarm::Prewarming;
use spinel_types::HashSeed;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
pub use watch::{Change, Watch, WatchFlag};

/// What an engine is made with.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How many databases there are.
    pub databases: u16,
    /// Secret of the key hash; random unless runs must repeat.
    pub seed: (u64, u64),
}

/// Keyspace, commands, journal and statistics of one data set.
pub struct Engine {
    pub(crate) keyspace: Keyspace,
    table: CommandTable,
    journal: Arc<Journal>,
    attention: Arc<Attention>,
    audience: OnceLock<Arc<dyn Audience>>,
    doorkeeper: OnceLock<Arc<dyn Doorkeeper>>,
    threads: Mutex<Vec<Arc<Counters>>>,
    next_stripe: AtomicUsize,
    /// [`AccessPolicy`] in 64 bits, so that reading it costs nothing.
    access: AtomicU64,
    upkeep: upkeep::Upkeep,
    sweeping: purge::Sweeping,
    /// Keys that somebody waits for and that expired in the background.
    overdue: Mutex<Vec<(DbIndex, Box<[u8]>)>>,
    /// Clients that are served no more.
    departed: Departed,
    errands: Errands,
    delays: Arc<Delays>,
}

impl Engine {
    /// Makes an engine with an empty keyspace that knows the commands of `table`.
    pub fn new(options: &EngineOptions, table: CommandTable) -> Engine {
        let (low, high) = options.seed;
        let keyspace = Keyspace::new(options.databases, HashSeed::new(low, high));
        Engine::with(keyspace, table, Arc::default())
    }

    fn with(keyspace: Keyspace, table: CommandTable, delays: Arc<Delays>) -> Engine {
        let attention = Arc::<Attention>::default();
        keyspace.gate.use_stripe(upkeep::STRIPE);
        keyspace.gate.use_stripe(snapshot::STRIPE);
        keyspace.gate.use_stripe(errand::STRIPE);
        Engine {
            keyspace,
            table,
            journal: Arc::new(Journal::new(Arc::clone(&attention))),
            attention,
            audience: OnceLock::new(),
            doorkeeper: OnceLock::new(),
            threads: Mutex::default(),
            next_stripe: AtomicUsize::new(0),
            access: AtomicU64::new(pack_access(AccessPolicy::Recency)),
            upkeep: upkeep::Upkeep::default(),
            sweeping: purge::Sweeping::default(),
            overdue: Mutex::default(),
            departed: Departed::default(),
            errands: Errands::default(),
            delays,
        }
    }

    /// How long is waited after keys that are loaded or saved.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    /// The commands.
    #[inline]
    pub fn table(&self) -> &CommandTable {
        &self.table
    }

    /// Whether a call uses keys, or looks at the keyspace otherwise; of a command of the host only its specifications tell.
    pub fn uses_keys(&self, id: CommandId, words: &[&[u8]]) -> bool {
        let command = &self.table.row(id).command;
        let is_data = matches!(command.run, Run::Data(_));
        !command.keys.is_empty() || is_data && command.reach.of_call(words) != Extent::Keys
    }

    /// The keyspace.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The journal of all writes.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Names who hears what commands do. Only the first one named does.
    pub fn set_audience(&self, audience: Arc<dyn Audience>) {
        self.audience.get_or_init(|| audience);
    }

    /// Names who decides whether those who waited may still do what they waited for. Only the first one named does.
    pub fn set_doorkeeper(&self, doorkeeper: Arc<dyn Doorkeeper>) {
        self.doorkeeper.get_or_init(|| doorkeeper);
    }

    /// Why a command must not run after its wait, if that is so.
    fn objects_to(&self, command: CommandId, words: &[&[u8]], place: (DbIndex, Author)) -> Option<Error> {
        self.doorkeeper.get()?.objects_to(command, words, place)
    }

    /// Lets the audience hear of something, or not. To start with it hears of nothing.
    pub fn observe(&self, what: Observed, is_wanted: bool) {
        self.attention.set(what, is_wanted);
    }

    /// What is being listened for.
    #[inline]
    pub(crate) fn observed(&self) -> Observed {
        self.attention.observed()
    }

    /// Tells the audience.
    pub(crate) fn tell(&self, news: &News, author: Author) {
        if let Some(audience) = self.audience.get() {
            audience.hear(news, author);
        }
    }

    /// Tells the audience what somebody who waited has read.
    fn tell_reads(&self, keys: &[Box<[u8]>], author: Author) {
        if let Some(audience) = self.audience.get() {
            audience.hear_reads(keys, author);
        }
    }

    /// What access clocks mean.
    #[inline]
    pub fn access_policy(&self) -> AccessPolicy {
        unpack_access(self.access.load(Ordering::Relaxed))
    }

    /// Changes what access clocks mean.
    pub fn set_access_policy(&self, policy: AccessPolicy) {
        self.access.store(pack_access(policy), Ordering::Relaxed);
    }

    /// Lets expired keys be removed in the background, or not; they are invisible either way.
    pub fn set_active_expiry(&self, is_active: bool) {
        self.keyspace.set_active_expiry(is_active);
    }

    /// Statistics of all threads together.
    pub fn counters(&self) -> CounterSums {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let expired = self.upkeep.expired.load(Ordering::Relaxed);
        let reclaim = self.keyspace.reclaim();
        let (freeing, freed_later) = (reclaim.pending(), reclaim.freed());
        let expired_members = self.upkeep.expired_members.load(Ordering::Relaxed);
        let mut sums =
            CounterSums { expired, expired_members, freeing, freed_later, ..CounterSums::default() };
        for thread in threads.iter() {
            sums.hits += thread.hits.value();
            sums.misses += thread.misses.value();
            sums.expired += thread.expired.value();
            sums.expired_members += thread.expired_members.value();
            sums.changes += thread.changes.value();
            sums.evicted += thread.evicted.value();
        }
        sums
    }

    /// Starts hit, miss and expiry counts again.
    pub fn reset_counters(&self) {
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            thread.hits.reset();
            thread.misses.reset();
            thread.expired.reset();
            thread.expired_members.reset();
            thread.evicted.reset();
        }
        self.upkeep.expired.store(0, Ordering::Relaxed);
        self.upkeep.expired_members.store(0, Ordering::Relaxed);
        self.keyspace.reclaim().reset_freed();
    }

    /// Serves a client no more that may wait for something: from now on nothing is taken for it. Once it waits for nothing,
    /// [`forget_client`](Engine::forget_client) is to be called. O(log(clients that are about to go)).
    pub fn stop_serving(&self, client: u64) {
        self.departed.add(client);
    }

    /// Forgets a client that has left all queues.
    pub fn forget_client(&self, client: u64) {
        self.departed.remove(client);
    }

    /// How many wait for keys.
    pub fn waiters(&self) -> usize {
        self.keyspace.waiters().load(Ordering::Relaxed)
    }

    fn overdue(&self) -> MutexGuard<'_, Vec<(DbIndex, Box<[u8]>)>> {
        self.overdue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_overdue(&self) -> Vec<(DbIndex, Box<[u8]>)> {
        std::mem::take(&mut *self.overdue())
    }

    fn register_thread(&self) -> (usize, Arc<Counters>) {
        let counters = Arc::<Counters>::default();
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        let stripe = self.next_stripe.fetch_add(1, Ordering::Relaxed);
        self.keyspace.gate.use_stripe(stripe);
        (stripe, counters)
    }
}

const FREQUENCY_BIT: u64 = 1 << 63;
const MODIFICATION: u64 = 1;

fn pack_access(policy: AccessPolicy) -> u64 {
    match policy {
        AccessPolicy::Recency => 0,
        AccessPolicy::Modification => MODIFICATION,
        AccessPolicy::Frequency { log_factor, decay_minutes } => {
            FREQUENCY_BIT | u64::from(log_factor & 0x7fff_ffff) << 32 | u64::from(decay_minutes)
        }
    }
}

fn unpack_access(bits: u64) -> AccessPolicy {
    if bits & FREQUENCY_BIT == 0 {
        return if bits == MODIFICATION { AccessPolicy::Modification } else { AccessPolicy::Recency };
    }
    AccessPolicy::Frequency { log_factor: (bits >> 32) as u32 & 0x7fff_ffff, decay_minutes: bits as u32 }
}

//! Replication: what the threads of a server share of it.
//!
//! ```text
//! journal ─→ backlog ─→ Sender of each replica ─→ its connection
//! snapshot ─→ Transfer ─↗
//! ```
//!
//! A replica is a connection that has said `PSYNC`. Its own task takes what it is to be sent whenever the socket has room, from the
//! backlog or from a snapshot that is being walked over; several replicas share either. Whoever looks at the backlog first
//! brings there what the journal has.
//!
//! Who holds the state waits for nothing else. It is locked inside of turns and while the keyspace is closed, so nobody may
//! enter either while he holds it.

mod bell;
mod failover;
mod farewell;
mod full;
mod limits;
mod link;
mod place;
mod pledges;
pub(crate) mod poison;
mod relay;
mod seat;
mod sender;
mod shown;
mod transfer;
mod wait;

pub(crate) use failover::{Failover, NO_REPLICAS_NOW, Plan, Target};
pub(crate) use farewell::ReplicaWait;
pub(crate) use full::run as synchronize;
pub(crate) use link::{Address, LinkThread, PRIMARY_DOWN, READ_ONLY, Upstream};
pub(crate) use pledges::{Outcome, Promise};
pub(crate) use seat::{Filter, Introduction};
pub(crate) use sender::Sender;
pub(crate) use shown::{info, role};
pub(crate) use wait::Copies;

use crate::attention::{Attention, Concern};
use crate::clients::Client;
use crate::config::{Config, table};
use crate::log;
use crate::quorum::{Quorum, Quorums, Shown};
use crate::server::{Shared, databases};
use bell::Bell;
use pledges::Pledges;
use seat::Seat;
use spinel_persistence::vfs::{RealVfs, Vfs};
use spinel_replication::{Answer, Asked, Phase, Primary, ReplicationId};
use spinel_storage::engine::journal::Reader;
use spinel_storage::system::random_word;
use spinel_storage::time::Clock;
use spinel_storage::{DbIndex, Engine};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use transfer::Transfer;
use wait::Wait;

/// What replicas lack beyond this is kept on disk for them.
const MEMORY_BYTES_MAX: u64 = 8 << 20;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";
/// The same, of which it is to be on disk at once. Redis and Valkey don't look at the last word.
const GETACK_DISK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$4\r\nDISK\r\n";

/// What a server knows of its replicas.
pub(crate) struct Replication {
    state: Mutex<State>,
    bell: Arc<Bell>,
    pub(crate) failover: Failover,
    /// Whether what happens is sent at once, because somebody waits for copies of it.
    is_urgent: AtomicBool,
    /// What is asked of writes.
    pub(crate) quorums: Quorums,
    /// How many replicas have said something in time, and how many of these have a log.
    good: Shown,
    /// Whether these are less than `min-replicas-to-write`.
    is_short: AtomicBool,
    /// Since when a replica counts as silent, and how many must not be, by the settings.
    lag_ms: AtomicU64,
    good_min: AtomicU64,
    /// How often the stream has ended that this server wrote.
    era: AtomicU64,
    /// How often replies have waited in vain for replicas.
    broken_promises: AtomicU64,
    /// Told when writes may have to be refused, because too few replicas have them in time.
    attention: Arc<Attention>,
}

/// How replicas began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Synchronizations {
    /// With a snapshot.
    pub(crate) full: u64,
    /// Where they were.
    pub(crate) partial: u64,
    /// With a snapshot, though they asked to go on.
    pub(crate) refused: u64,
}

struct State {
    primary: Primary,
    synchronizations: Synchronizations,
    /// Reads the journal while there is a backlog.
    reader: Option<Reader>,
    /// What has run of a primary's stream and is not in the backlog, while that is the stream.
    relayed: Option<Vec<u8>>,
    /// The database that the primary's stream has selected behind that.
    db: DbIndex,
    seats: BTreeMap<u64, Seat>,
    /// The snapshot that is being sent, or was: who comes may still join.
    transfer: Option<Arc<Transfer>>,
    /// Those that nobody is sent any more: their files are better dropped where nobody waits.
    past: Vec<Arc<Transfer>>,
    /// Whether somebody was told to begin one.
    is_ordered: bool,
    waits: Vec<Wait>,
    pledges: Pledges,
    pinged_ms: u64,
    /// Nothing is said between commands: the server is about to end, where they do.
    is_hushed: bool,
    /// Since when nobody copies this server.
    lonely_ms: u64,
}

impl Replication {
    pub(crate) fn new(engine: &Engine, config: &Config, attention: &Arc<Attention>) -> Replication {
        let bell = Arc::new(Bell::default());
        let rung = Arc::clone(&bell);
        let is_first = engine.journal().set_bell(move || rung.ring());
        debug_assert!(is_first, "an engine has one server");
        let primary = Primary::new(new_id(), config.number(table::REPL_BACKLOG_SIZE).unsigned_abs());
        Replication {
            state: Mutex::new(State {
                primary,
                synchronizations: Synchronizations::default(),
                reader: None,
                relayed: None,
                db: DbIndex(0),
                seats: BTreeMap::new(),
                transfer: None,
                past: Vec::new(),
                is_ordered: false,
                waits: Vec::new(),
                pledges: Pledges::default(),
                pinged_ms: 0,
                is_hushed: false,
                lonely_ms: 0,
            }),
            bell,
            failover: Failover::default(),
            is_urgent: AtomicBool::new(false),
            quorums: Quorums::new(databases(config)),
            good: Shown::default(),
            is_short: AtomicBool::new(false),
            lag_ms: AtomicU64::new(0),
            good_min: AtomicU64::new(0),
            era: AtomicU64::new(0),
            broken_promises: AtomicU64::new(0),
            attention: Arc::clone(attention),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many replicas began how.
    pub(crate) fn synchronizations(&self) -> Synchronizations {
        self.state().synchronizations
    }

    /// Starts counting again, for CONFIG RESETSTAT.
    pub(crate) fn reset_counts(&self) {
        self.broken_promises.store(0, Ordering::Relaxed);
        self.state().synchronizations = Synchronizations::default();
    }

    /// The name of the stream.
    pub(crate) fn id(&self) -> ReplicationId {
        self.state().primary.history().id()
    }

    /// Makes a connection a replica that asks so.
    pub(crate) fn attach(
        &self,
        (client, introduction): (&Arc<Client>, Introduction),
        asked: &Asked,
        is_silent: bool,
        shared: &Shared,
    ) -> (Sender, Answer) {
        let mut state = self.state();
        let state = &mut *state;
        if !state.is_kept() {
            state.primary.begin(new_id());
            state.reader = Some(shared.engine.journal().attach());
            log::notice!(
                "Replication backlog created, my new replication IDs are '{}'",
                state.primary.history().id()
            );
        }
        state.advance();
        let answer = state.primary.attach(client.id, asked, now_ms());
        let counts = &mut state.synchronizations;
        match answer {
            Answer::Continue => counts.partial += 1,
            Answer::Full => counts.full += 1,
        }
        counts.refused += u64::from(answer == Answer::Full && asked.id.is_some());
        let filter = introduction.filter;
        let seat = Seat { client: Arc::clone(client), introduction, is_silent, transfer: None };
        state.seats.insert(client.id, seat);
        let needs_walk = answer == Answer::Full && !state.join(client.id);
        if needs_walk && filter != Filter::All {
            state.send_without_keys(client.id, filter, shared);
        } else if needs_walk && !state.is_ordered {
            state.is_ordered = true;
            shared.persistence.synchronize();
        }
        state.count_good(self);
        (Sender::new(client), answer)
    }

    /// Forgets a replica whose connection has ended.
    pub(crate) fn detach(&self, key: u64) {
        let mut state = self.state();
        state.primary.detach(key);
        let seat = state.seats.remove(&key);
        if let Some(transfer) = seat.and_then(|seat| seat.transfer) {
            transfer.leave(key);
        }
        if state.seats.is_empty() {
            state.lonely_ms = now_ms();
        }
        state.forget_transfer();
        state.count_good(self);
        state.look_at_pledges(self);
        state.look_at_waits(self);
    }

    /// A replica says how much it has, and how much of that is on disk.
    pub(crate) fn acknowledge(&self, client: &Client, offset: u64, durable: Option<u64>) {
        let mut state = self.state();
        let known = |state: &State| {
            state.primary.replica(client.id).map(|replica| (replica.phase, replica.has_log)).unzip()
        };
        let was = known(&state);
        state.primary.acknowledge(client.id, offset, durable, now_ms());
        if was != known(&state) {
            state.count_good(self);
        }
        if was.0 == Some(Phase::Loading) {
            log::notice!("Streamed replica with replica {} succeeded", state.name(client.id));
            client.wake();
        }
        state.look_at_pledges(self);
        state.look_at_waits(self);
        self.failover.ring();
    }

    /// How many replicas have said something in time, and how many of these have a log.
    pub(crate) fn good(&self) -> Quorum {
        self.good.get()
    }

    /// Whether a write is to be refused for which so many replicas are needed.
    pub(crate) fn lacks(&self, quorum: Quorum) -> bool {
        self.is_short.load(Ordering::Relaxed) || !quorum.is_within(self.good())
    }

    /// Counts the replicas on which writes can rely.
    pub(crate) fn count_good(&self) {
        self.state().count_good(self);
    }

    /// Does what has to be done now and then: ten times a second.
    pub(crate) fn tend(&self, shared: &Shared) {
        self.tend_stream(shared);
        self.spill(shared);
    }

    /// Brings to the backlog what the journal has, says signs of life, and ends what nobody wants any more.
    fn tend_stream(&self, shared: &Shared) {
        let (config, now) = (&shared.config, now_ms());
        let seconds = |key| config.number(key).unsigned_abs() * 1000;
        let is_failing_over = self.failover.is_on();
        let mut state = self.state();
        let state = &mut *state;
        state.count_good(self);
        let broken = state.pledges.end_overdue(now);
        self.broken_promises.fetch_add(broken as u64, Ordering::Relaxed);
        if !state.is_kept() {
            return;
        }
        state.advance();
        state.look_at_pledges(self);
        state.look_at_waits(self);
        if state.seats.is_empty() && state.relayed.is_some() {
            // Who follows the same primary may come when this server has taken its place.
            return;
        }
        if state.seats.is_empty() {
            let ttl = seconds(table::REPL_BACKLOG_TTL);
            if ttl > 0 && now.saturating_sub(state.lonely_ms) > ttl {
                state.primary.end();
                state.reader = None;
                log::notice!(
                    "Replication backlog freed after {} seconds without connected replicas.",
                    ttl / 1000
                );
            }
            return;
        }
        // The primary's own signs of life are relayed. While a replica is to get all, there is not to be more.
        let is_own = state.relayed.is_none() && !is_failing_over && !state.is_hushed;
        if is_own && now.saturating_sub(state.pinged_ms) >= seconds(table::REPL_PING_REPLICA_PERIOD) {
            state.pinged_ms = now;
            state.insert(PING);
            state.wake_all();
        }
    }

    /// Moves to disk what replicas lack beyond what may be in memory, and gives back what they don't lack any more. While the disk is
    /// busy nobody is kept from the state.
    fn spill(&self, shared: &Shared) {
        loop {
            let mut state = self.state();
            let spill = state.primary.begin_spill(MEMORY_BYTES_MAX);
            let emptied = (
                state.primary.take_emptied(),
                state.transfer.as_ref().map(|transfer| transfer.take_emptied()),
                std::mem::take(&mut state.past),
            );
            drop(state);
            drop(emptied);
            let Some(mut spill) = spill else { return };
            let outcome = spill.write(|| scratch_file(&shared.config));
            let has_more = self.state().primary.end_spill(spill);
            if let Err(error) = outcome {
                log::warning!("What replicas lack can't be kept on disk: {error}");
                let behind = self.state().farthest_behind();
                return behind.iter().for_each(|client| shared.clients.kill(client, &shared.engine));
            }
            if !has_more {
                return;
            }
        }
    }

    /// Lets settings take effect.
    pub(crate) fn apply(&self, config: &Config) {
        let mut state = self.state();
        state.primary.resize_backlog(config.number(table::REPL_BACKLOG_SIZE).unsigned_abs());
        let number = |key| config.number(key).unsigned_abs();
        self.lag_ms.store(number(table::MIN_REPLICAS_MAX_LAG) * 1000, Ordering::Relaxed);
        self.good_min.store(number(table::MIN_REPLICAS_TO_WRITE), Ordering::Relaxed);
        state.count_good(self);
    }
}

impl State {
    /// Brings to the backlog what the journal has, and drops what nobody lacks.
    fn advance(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.take().into_iter().for_each(|piece| self.primary.append(piece.into()));
            self.primary.trim();
        }
        if let Some(relayed) = self.relayed.as_mut().filter(|relayed| !relayed.is_empty()) {
            self.primary.append(std::mem::take(relayed).into());
            self.primary.trim();
        }
    }

    /// Adds something to the stream that is no effect.
    fn insert(&mut self, line: &[u8]) {
        self.advance();
        self.primary.append(line.to_vec().into());
    }

    /// Lets all replicas look what there is for them.
    fn wake_all(&self) {
        self.seats.values().for_each(|seat| seat.client.wake());
    }

    /// Gives a replica the snapshot that others are being sent, if it can have that.
    fn join(&mut self, key: u64) -> bool {
        let Some(transfer) = self.transfer.clone() else { return false };
        let Some(seat) = self.seats.get_mut(&key) else { return false };
        let has_joined = seat.introduction.filter == Filter::All
            && self.primary.join(key, transfer.cut)
            && transfer.enter(&seat.client);
        if has_joined {
            seat.transfer = Some(transfer);
        }
        has_joined
    }

    /// Forgets the snapshot if nobody is sent it any more.
    fn forget_transfer(&mut self) {
        if !self.seats.values().any(|seat| seat.transfer.is_some()) {
            self.past.extend(self.transfer.take());
        }
    }

    /// Counts the replicas that have said something in time, and lets writes be refused if somebody asks for more of them. What is
    /// not this server's own stream has no writes of its clients.
    fn count_good(&self, replication: &Replication) {
        let (lag_ms, now) = (replication.lag_ms.load(Ordering::Relaxed), now_ms());
        let limit_ms = if lag_ms == 0 { u64::MAX } else { lag_ms };
        let replicas = self.primary.good_replicas(limit_ms, now);
        let good = match self.reader {
            Some(_) => Quorum {
                in_memory: replicas as u32,
                on_disk: self.primary.good_keepers(limit_ms, now) as u32,
            },
            None => Quorum::NONE,
        };
        let is_short = lag_ms > 0 && (replicas as u64) < replication.good_min.load(Ordering::Relaxed);
        replication.good.set(good);
        replication.is_short.store(is_short, Ordering::Relaxed);
        replication
            .attention
            .set(Concern::LackingReplicas, is_short || !replication.quorums.highest().is_within(good));
    }

    fn name(&self, key: u64) -> String {
        self.seats.get(&key).map_or_else(String::new, Seat::name)
    }
}

/// A file for what is too much for memory. It has no name any more.
fn scratch_file(config: &Config) -> std::io::Result<Box<dyn spinel_persistence::vfs::File>> {
    let folder = config.path(table::DIR).unwrap_or_default();
    let path = folder.join(format!("temp-repl-{}-{:016x}.spool", std::process::id(), random_word()));
    let file = RealVfs.create(&path)?;
    RealVfs.remove(&path)?;
    Ok(file)
}

/// A name for a stream.
fn new_id() -> ReplicationId {
    let words = [random_word(), random_word(), random_word()];
    let bytes = words.map(u64::to_le_bytes).concat();
    ReplicationId::from_bytes(bytes[..20].try_into().expect("there are 24"))
}

fn now_ms() -> u64 {
    spinel_storage::system::SystemClock.monotonic_ms()
}

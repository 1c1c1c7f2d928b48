//! FAILOVER: a primary makes one of its replicas the primary, and copies it from then on.
//!
//! ```text
//! no-failover ─→ waiting-for-sync ─ a replica has all ─→ failover-in-progress ─ it is the primary ─→ no-failover
//!      ↑                 │ ABORT, or it takes too long            │ ABORT, or it refuses
//!      └─────────────────┴────────────────────────────────────────┘
//! ```
//!
//! Here is what was asked for and how far it is. The thread `link` does it (`link/handover.rs`): it waits for no replica inside
//! of a turn. Writes are held back from the first moment to the last, and nothing changes by itself meanwhile.
//!
//! Whoever holds the state may ask for that of the upstream and of replication, and not the other way round.

use super::poison::{self, Poisoned};
use super::{Address, GETACK, Replication, Seat};
use crate::clients::{PauseMode, PauseReason};
use crate::log;
use crate::server::{Shared, now};
use spinel_replication::{Phase, Position};
use spinel_storage::{Error, UnixMillis};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What is told who wants to be a replica meanwhile.
pub(crate) const NO_REPLICAS_NOW: Error = Error::Text("NOMASTERLINK Can't SYNC while failing over");

const UNDER_WAY: Error = Error::Text("ERR FAILOVER already in progress.");
const OF_REPLICA: Error = Error::Text("ERR FAILOVER is not valid when server is a replica.");
const ALONE: Error = Error::Text("ERR FAILOVER requires connected replicas.");
const FORCE_NEEDS_MORE: Error =
    Error::Text("ERR FAILOVER with force option requires both a timeout and target HOST and IP.");
const NO_REPLICA: Error = Error::Text("ERR FAILOVER target HOST and PORT is not a replica.");
const NOT_ONLINE: Error = Error::Text("ERR FAILOVER target replica is not online.");

/// The failover of a server, if there is one.
#[derive(Default)]
pub(crate) struct Failover {
    running: Mutex<Option<Running>>,
    /// How many there were.
    count: AtomicU64,
    /// Told when a replica has said something, and when the failover has ended.
    changed: Notify,
}

/// What FAILOVER asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Who is to become the primary; if nobody is named, any replica that has all.
    pub(crate) target: Option<Target>,
    /// Whether it becomes the primary when it takes too long, with what it has.
    pub(crate) is_forced: bool,
    /// How long a replica may take until it has all.
    pub(crate) timeout: Option<Duration>,
}

/// The words that name a replica; maybe nobody's.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: i64,
}

struct Running {
    /// Tells it from others.
    number: u64,
    plan: Plan,
    begun: Instant,
    /// Who becomes the primary, once that is decided.
    heir: Option<Address>,
}

/// What the thread waits for.
pub(super) enum Wait {
    /// For a replica, at most until then.
    Goes { until: Option<Instant> },
    /// This one becomes the primary.
    Ends(Address),
    /// There is no failover any more.
    Over,
}

impl Failover {
    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is one.
    pub(crate) fn is_on(&self) -> bool {
        self.running().is_some()
    }

    /// The state as INFO tells it.
    pub(super) fn state(&self) -> &'static str {
        match &*self.running() {
            None => "no-failover",
            Some(Running { heir: None, .. }) => "waiting-for-sync",
            Some(Running { heir: Some(_), .. }) => "failover-in-progress",
        }
    }

    /// Lets the thread look again.
    pub(super) fn ring(&self) {
        self.changed.notify_one();
    }

    /// Waits until there may be something new.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Begins one. Nothing is written from the moment on at which all are out who are inside now.
    pub(crate) fn begin(plan: Plan, shared: &Shared) -> Result<(), Error> {
        let mut running = shared.replication.failover.running();
        if running.is_some() {
            return Err(UNDER_WAY);
        }
        if shared.upstream.is_replica() {
            return Err(OF_REPLICA);
        }
        shared.replication.check(&plan)?;
        let heir = plan.target.as_ref().and_then(Target::address);
        if let Some(heir) = heir.filter(|heir| Poisoned::of(&shared.config).has(heir)) {
            return Err(poison::refusal(&heir));
        }
        if let Some(Target { host, port }) = &plan.target {
            log::notice!("FAILOVER requested to {host}:{port}.");
        } else {
            log::notice!("FAILOVER requested to any replica.");
        }
        let number = shared.replication.failover.count.fetch_add(1, Ordering::Relaxed);
        *running = Some(Running { number, plan, begun: Instant::now(), heir: None });
        let pause = &shared.clients.pause;
        pause.start(PauseReason::Failover, UnixMillis(i64::MAX), PauseMode::Writes, now());
        shared.upstream.fail_over(number);
        Ok(())
    }

    /// How the wait for a replica goes on. If it ends with one, that is the heir from now on.
    pub(super) fn look(&self, number: u64, shared: &Shared) -> Wait {
        let mut running = self.running();
        let Some(Running { plan, begun, heir, .. }) =
            running.as_mut().filter(|running| running.number == number)
        else {
            return Wait::Over;
        };
        let until = plan.timeout.map(|timeout| *begun + timeout);
        if let Some(address) =
            shared.replication.caught_up(plan.target.as_ref(), &Poisoned::of(&shared.config))
        {
            log::notice!("Failover target {address} is synced, failing over.");
            *heir = Some(address.clone());
            return Wait::Ends(address);
        }
        if until.is_none_or(|until| Instant::now() < until) {
            return Wait::Goes { until };
        }
        if let Some(address) = plan.target.as_ref().filter(|_| plan.is_forced).and_then(Target::address) {
            log::notice!("FAILOVER to {address} time out exceeded, failing over.");
            *heir = Some(address.clone());
            return Wait::Ends(address);
        }
        tell_end(running.take(), "Replica never caught up before timeout");
        Wait::Over
    }

    /// Makes the server a copy of the heir, unless that is not wanted any more. Returns where it is to go on.
    pub(super) fn hand_over(&self, heir: &Address, shared: &Shared) -> Option<Position> {
        let running = self.running();
        running.as_ref().filter(|running| running.heir.is_some())?;
        let position = shared.replication.hand_over()?;
        shared.upstream.hand_over(heir, shared);
        Some(position)
    }

    /// Ends one that has not succeeded; whether there was one. Writes go on once the server is its own master again.
    pub(crate) fn abort(&self, reason: &str, shared: &Shared) -> bool {
        let mut running = self.running();
        let Some(ended) = running.take() else { return false };
        let has_heir = ended.heir.is_some();
        tell_end(Some(ended), reason);
        if has_heir {
            shared.upstream.lead(shared, None);
        }
        self.ring();
        true
    }

    /// The heir is the primary, and writes are its business; whether there was a failover.
    pub(super) fn succeed(&self, shared: &Shared) -> bool {
        let mut running = self.running();
        let has_ended = running.take_if(|running| running.heir.is_some()).is_some();
        if has_ended {
            shared.clients.pause.end(PauseReason::Failover);
        }
        has_ended
    }

    /// Lets writes go on, unless there is another failover by now. The server is its own master.
    pub(super) fn resume(&self, shared: &Shared) {
        let running = self.running();
        let pause = &shared.clients.pause;
        if running.is_none() && pause.is_for(PauseReason::Failover) {
            shared.engine.keyspace().set_copy(false);
            pause.end(PauseReason::Failover);
        }
    }
}

fn tell_end(ended: Option<Running>, reason: &str) {
    if let Some(Target { host, port }) = ended.and_then(|ended| ended.plan.target) {
        log::notice!("FAILOVER to {host}:{port} aborted: {reason}");
    } else {
        log::notice!("FAILOVER aborted: {reason}");
    }
}

impl Target {
    fn address(&self) -> Option<Address> {
        Some(Address { host: self.host.clone(), port: u16::try_from(self.port).ok()? })
    }

    fn is(&self, seat: &Seat) -> bool {
        i64::from(seat.introduction.port) == self.port
            && seat.address().eq_ignore_ascii_case(self.host.as_bytes())
    }
}

impl Replication {
    /// Whether there are the replicas that a failover needs.
    fn check(&self, plan: &Plan) -> Result<(), Error> {
        let state = self.state();
        if state.seats.is_empty() {
            return Err(ALONE);
        }
        if plan.is_forced && (plan.timeout.is_none() || plan.target.is_none()) {
            return Err(FORCE_NEEDS_MORE);
        }
        let Some(target) = &plan.target else { return Ok(()) };
        let (key, _) = state.seats.iter().find(|(_, seat)| target.is(seat)).ok_or(NO_REPLICA)?;
        let is_online = state.primary.replica(*key).is_some_and(|replica| replica.phase == Phase::Online);
        if is_online { Ok(()) } else { Err(NOT_ONLINE) }
    }

    /// A replica that has all of the stream: the named one, or the first. This server is to follow it, so it may not be poisoned.
    fn caught_up(&self, target: Option<&Target>, poisoned: &Poisoned) -> Option<Address> {
        let mut state = self.state();
        state.advance();
        let end = state.primary.offset();
        state.primary.replicas().find_map(|(key, replica)| {
            let seat = state.seats.get(&key).filter(|seat| !seat.is_silent)?;
            let is_ready = replica.phase == Phase::Online && replica.acknowledged == end;
            let is_meant = target.is_none_or(|target| target.is(seat));
            (is_ready && is_meant).then(|| seat.place()).filter(|place| !poisoned.has(place))
        })
    }

    /// Asks all replicas how far they are, so that none waits for its time to say so.
    pub(super) fn ask_all(&self) {
        let mut state = self.state();
        if state.is_kept() {
            state.insert(GETACK);
            state.wake_all();
        }
    }

    /// From now on the stream is not this server's own, and goes on where it is with another primary, if that takes over.
    /// Replicas stay until that is known. Nobody writes any more.
    pub(super) fn hand_over(&self) -> Option<Position> {
        let mut state = self.state();
        state.advance();
        state.reader.take()?;
        state.relayed = Some(Vec::new());
        Some(state.position())
    }
}

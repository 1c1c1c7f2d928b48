//! The thread for work that nobody waits for: expired keys go, rates are sampled, clients that broke a limit end.

use crate::allocator;
use crate::clients;
use crate::latency::Event;
use crate::log;
use crate::memory;
use crate::memory_limit;
use crate::quotas;
use crate::residence::Pressure;
use crate::server::{Shared, now};
use crate::survey::Surveyor;
use crate::tls;
use spinel_storage::engine::Prewarming;
use spinel_storage::system::random_word;
use spinel_storage::{Executor, UnixMillis};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Keys removed before the thread looks whether it is to stop.
const KEYS_PER_ROUND: usize = 20_000;
/// How long it rests when there is little to do.
const REST: Duration = Duration::from_millis(100);

/// How long it rests while somebody waits for a key to which something may happen in time: so much later than it is due
/// may a delayed entry of a stream come.
const REST_OF_WAITERS: Duration = Duration::from_millis(10);

/// How long between two times that the log of slow commands is kept on disk, in milliseconds.
const COMMAND_LOG_KEPT_EVERY: i64 = 60_000;

/// The running thread.
pub(crate) struct Upkeep {
    thread: JoinHandle<()>,
    is_stopping: Arc<AtomicBool>,
}

impl Upkeep {
    /// Starts the thread.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Upkeep> {
        let (shared, is_stopping) = (Arc::clone(shared), Arc::<AtomicBool>::default());
        let stop = Arc::clone(&is_stopping);
        let thread = thread::Builder::new().name("upkeep".to_owned()).spawn(move || run(&shared, &stop))?;
        Ok(Upkeep { thread, is_stopping })
    }

    /// Ends the thread after the round it is in.
    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        // A panic in it was reported when it happened.
        let _ = self.thread.join();
    }
}

/// Removes expired keys, up to as many as a round may, and returns how many.
fn expire(shared: &Shared, now: UnixMillis) -> usize {
    let started = Instant::now();
    let removed = shared.engine.expire_round(now, KEYS_PER_ROUND);
    let took = started.elapsed();
    shared.latency.note(Event::ExpireCycle, took);
    shared.expiry.note(took, removed >= KEYS_PER_ROUND);
    removed
}

/// Serves who waits for what has come due, which may change data. Once inside, it is known whether writes are held back: who
/// holds them back waits until all are out.
fn serve_overdue(shared: &Shared, executor: &mut Executor, now: UnixMillis) {
    let mut turn = executor.begin(now);
    if shared.clients.pause.mode(now).is_none() {
        turn.serve_overdue();
    }
}

/// Goes on at once while there is much to do, else ten times a second.
fn run(shared: &Shared, stop: &AtomicBool) {
    let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
    let (mut sampled, mut enforced, mut kept) = (UnixMillis(0), UnixMillis(0), now());
    let (mut certificates, mut surveyor) = (tls::Watch::new(), Surveyor::default());
    let mut prewarming = Prewarming::default();
    while !stop.load(Ordering::Relaxed) {
        if shared.is_upkeep_paused.load(Ordering::Relaxed) {
            thread::park_timeout(REST);
            continue;
        }
        let now = now();
        // Keys stay as they are while writes are held back.
        let is_paused = shared.clients.pause.mode(now).is_some();
        let removed = if is_paused { 0 } else { expire(shared, now) };
        serve_overdue(shared, &mut executor, now);
        shared.pubsub.end_round();
        let mut has_more = removed >= KEYS_PER_ROUND;
        has_more |= shared.engine.sweep_purges();
        if removed > 0 {
            log::debug!("Removed {removed} expired keys");
        }
        if memory_limit::make_room(shared, &mut executor.begin(now)) {
            has_more = true;
        }
        let (is_short, is_time) =
            (shared.memory_limit.pressure() > Pressure::None, now.0 - sampled.0 >= REST.as_millis() as i64);
        let mut moves_on = false;
        if is_short || is_time {
            moves_on = shared.residence.work(shared, &mut executor, now) && is_short;
        }
        if is_time {
            sampled = now;
            shared.rates.sample(now.0, shared.sums());
            memory_limit::weigh(shared, now);
            if shared.memory_limit.is_set() {
                memory_limit::measure(shared);
            }
            if shared.quotas.has_memory() {
                quotas::look(shared);
            }
            clients::room::make_room(shared);
            clients::room::go_on(shared);
            shared.replication.tend(shared);
            shared.persistence.end_unwanted_log(&shared.config);
            shared.persistence.begin_due(shared, &mut executor.begin(now), now);
            surveyor.step(shared, now);
            if !is_paused && !shared.upstream.refuses_writes() {
                shared.engine.prewarm(&mut prewarming, now);
            }
        }
        if now.0 - enforced.0 >= 1000 {
            enforced = now;
            clients::enforce(shared, now);
            shared.replication.enforce(shared);
            memory_limit::look_again(shared);
            allocator::return_freed();
            memory::used_bytes(shared);
            certificates.look(shared);
        }
        if now.0 - kept.0 >= COMMAND_LOG_KEPT_EVERY {
            kept = now;
            shared.persistence.keep_command_log();
        }
        if !has_more {
            let is_soon = moves_on || shared.engine.awaits_time();
            thread::park_timeout(if is_soon { REST_OF_WAITERS } else { REST });
        }
    }
}

//! `maxmemory`: keys make room for others, or commands that may need more memory are refused.
//!
//! Adding up what is in use takes a lock per shard, so it is not done for each command: the upkeep thread does it ten
//! times a second, and so does every change of the setting. In between, the engine counts by how much keys grow
//! ([`Observed::GROWTH`]), so that asking costs two loads. Room is made before a window of commands runs, by the thread that
//! runs it, while it holds no shard; if that would take long, it is left to the next commands and to upkeep, as
//! `maxmemory-eviction-tenacity` says.

use crate::config::table;
use crate::eviction;
use crate::latency::Event;
use crate::memory;
use crate::server::{Shared, now};
use spinel_storage::Error;
use spinel_storage::engine::Turn;
use spinel_storage::keyspace::news::Observed;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a refused command is told.
pub(crate) const OUT_OF_MEMORY: Error =
    Error::Text("OOM command not allowed when used memory > 'maxmemory'.");

/// Keys removed between two looks at the clock.
const KEYS_PER_LOOK: usize = 16;

/// How much memory may be in use, and what is known of how much is.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    /// The limit; 0: none.
    bytes_max: AtomicU64,
    /// What was in use when it was measured last, less the growth of the keyspace by then.
    base: AtomicI64,
    /// Whether more is in use than is allowed, and no key may make room.
    is_exceeded: AtomicBool,
    /// Since when, in milliseconds since the epoch, more has been in use than is allowed; 0: not now.
    exceeded_since: AtomicI64,
    /// For how long more was in use than is allowed, until the last time it was.
    exceeded_ms: AtomicU64,
}

impl MemoryLimit {
    /// Whether there is a limit; costs one relaxed load.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.bytes_max.load(Ordering::Relaxed) > 0
    }

    /// Whether more was in use than is allowed when somebody looked last, and no key could go; costs one relaxed load.
    #[inline]
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }

    /// How many bytes more are in use than are allowed, nearly; not above 0 if there is room.
    #[inline]
    fn excess(&self, shared: &Shared) -> i64 {
        let used = self.base.load(Ordering::Relaxed) + shared.engine.keyspace().growth();
        used.saturating_sub_unsigned(self.bytes_max.load(Ordering::Relaxed))
    }

    /// Milliseconds in which more was in use than is allowed: those of the present time, and of all times.
    pub(crate) fn exceeded_ms(&self, now_ms: i64) -> (u64, u64) {
        let since = self.exceeded_since.load(Ordering::Relaxed);
        let current = if since > 0 { now_ms.saturating_sub(since).max(0).unsigned_abs() } else { 0 };
        (current, current + self.exceeded_ms.load(Ordering::Relaxed))
    }

    /// Notes at some time whether more is in use than is allowed.
    fn note(&self, is_over: bool, now_ms: i64) {
        let since = self.exceeded_since.load(Ordering::Relaxed);
        if is_over && since == 0 {
            self.exceeded_since.store(now_ms, Ordering::Relaxed);
        } else if !is_over && since > 0 && self.exceeded_since.swap(0, Ordering::Relaxed) > 0 {
            let lasted = now_ms.saturating_sub(since).max(0).unsigned_abs();
            self.exceeded_ms.fetch_add(lasted, Ordering::Relaxed);
        }
    }
}

/// Lets the setting take effect.
pub(crate) fn apply(shared: &Shared) {
    let bytes_max = shared.config.number(table::MAXMEMORY) as u64;
    shared.memory_limit.bytes_max.store(bytes_max, Ordering::Relaxed);
    shared.engine.observe(Observed::GROWTH, bytes_max > 0);
    measure(shared);
}

/// Adds up what is in use and returns whether it is more than allowed and no key may make room. O(shards).
pub(crate) fn measure(shared: &Shared) -> bool {
    let limit = &shared.memory_limit;
    let growth = shared.engine.keyspace().growth();
    let used = i64::try_from(memory::used_bytes(shared)).unwrap_or(i64::MAX);
    limit.base.store(used - growth, Ordering::Relaxed);
    let is_over = limit.is_set() && limit.excess(shared) > 0;
    if !is_over {
        limit.is_exceeded.store(false, Ordering::Relaxed);
        limit.note(false, now().0);
    } else if eviction::policy(&shared.config).is_none() {
        limit.is_exceeded.store(true, Ordering::Relaxed);
    }
    limit.is_exceeded()
}

/// Removes keys, if that is needed, until there is room, for at most as long as `maxmemory-eviction-tenacity` says. Whether
/// there is more to be done.
///
/// The turn holds no shards. With room, or without a limit, this costs three loads.
#[inline]
pub(crate) fn make_room(shared: &Shared, turn: &mut Turn<'_>) -> bool {
    let limit = &shared.memory_limit;
    limit.is_set() && (limit.excess(shared) > 0 || limit.is_exceeded()) && evict(shared, turn)
}

#[cold]
fn evict(shared: &Shared, turn: &mut Turn<'_>) -> bool {
    let limit = &shared.memory_limit;
    // Keys stay as they are while writes are held back, and nobody looks at what is half loaded.
    if turn.is_outside() || shared.clients.pause.mode(turn.now()).is_some() {
        return false;
    }
    let policy = eviction::policy(&shared.config);
    let (started, patience) =
        (Instant::now(), patience(shared.config.number(table::MAXMEMORY_EVICTION_TENACITY)));
    let mut removed = 0_usize;
    let mut is_stuck = false;
    while limit.excess(shared) > 0 {
        is_stuck = policy.is_none_or(|policy| !turn.evict(policy));
        removed += 1;
        let is_late =
            || removed.is_multiple_of(KEYS_PER_LOOK) && patience.is_some_and(|time| started.elapsed() > time);
        if is_stuck || is_late() {
            break;
        }
    }
    shared.latency.note(Event::EvictionCycle, started.elapsed());
    let is_over = limit.excess(shared) > 0;
    limit.note(is_over, turn.now().0);
    limit.is_exceeded.store(is_over && is_stuck, Ordering::Relaxed);
    is_over && !is_stuck
}

/// For how long keys are removed before a command runs; `None`: until there is room.
fn patience(tenacity: i64) -> Option<Duration> {
    match tenacity {
        ..=10 => Some(Duration::from_micros(50 * tenacity.max(0).unsigned_abs())),
        11..=99 => Some(Duration::from_micros(500).mul_f64(1.15_f64.powi(tenacity as i32 - 10))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_from_nothing_to_no_end() {
        assert_eq!(patience(0), Some(Duration::ZERO));
        assert_eq!(patience(10), Some(Duration::from_micros(500)));
        let two_minutes = patience(99).expect("it ends");
        assert!((100..150).contains(&two_minutes.as_secs()), "{two_minutes:?}");
        assert_eq!(patience(100), None);
    }

    #[test]
    fn times_without_room_add_up() {
        let limit = MemoryLimit::default();
        limit.note(false, 500);
        limit.note(true, 1000);
        limit.note(true, 1500);
        assert_eq!(limit.exceeded_ms(1700), (700, 700));
        limit.note(false, 2000);
        limit.note(true, 3000);
        assert_eq!(limit.exceeded_ms(3001), (1, 1001));
    }
}

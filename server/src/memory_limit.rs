//! `maxmemory`: keys make room for others, or commands that may need more memory are refused.
//!
//! Adding up what is in use takes a lock per shard, so it is not done for each command: the upkeep thread does it ten
//! times a second, and so does every change of the setting. In between, the engine counts by how much keys grow
//! ([`Observed::GROWTH`](spinel_storage::keyspace::news::Observed::GROWTH)), so that asking costs two loads. Room is made before a window of commands runs, by the thread that
//! runs it, while it holds no shard; if that would take long, it is left to the next commands and to upkeep, as
//! `maxmemory-eviction-tenacity` says.
//!
//! What is used is less than what is resident: pages are partly filled, and so are those of the allocator. From a limit of
//! [`COUNTED_FROM`] on, what is resident is limited. How much that is now is what the allocator has committed, which is known at
//! any time, and what is beside that, which is looked up now and then. [`crate::residence`] says how much of what is resident in vain
//! is to be won; the rest, the [`Overhead`], counts as used, so that keys go for it. Who wants memory while more is resident than is
//! allowed helps to win some first.

use crate::allocator::{self, Return};
use crate::clients;
use crate::config::table;
use crate::container;
use crate::eviction;
use crate::latency::Event;
use crate::log;
use crate::memory;
use crate::quotas;
use crate::residence::Pressure;
use crate::server::{Shared, now};
use spinel_storage::engine::Turn;
use spinel_storage::{Error, UnixMillis};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a refused command is told.
pub(crate) const OUT_OF_MEMORY: Error =
    Error::Text("OOM command not allowed when used memory > 'maxmemory'.");

/// Keys removed between two looks at the clock.
const KEYS_PER_LOOK: usize = 16;

/// With a lower limit, what the process takes in any case would weigh too much.
const COUNTED_FROM: i64 = 256 << 20;
/// No more than this part of the limit is ever counted.
const OVERHEAD_MAX: i64 = 2;
/// Into so many parts the difference is divided by which more, or less, counts, of which one does at a time.
const STEPS: (i64, i64) = (2, 4);
/// This part of the limit is kept free for what has not been moved together yet.
const SPARE: i64 = 64;
/// Of what is to be won one part of so many is believed: writes go on meanwhile.
const BELIEVED: i64 = 2;
/// Who makes room looks up what is resident if nobody has for so many milliseconds: that takes some microseconds.
const LOOK_MS: i64 = 5;
/// Memory is short when less than this part of the limit is left.
const ROOM: i64 = 32;
/// Who wants memory helps when more than this part of the limit is resident beyond it: before, the upkeep thread works alone.
const LEEWAY: i64 = 128;
/// With each further such part in use, keys are removed for as long again before a command runs, at most so many times.
const STRETCHED_MAX: i64 = 7;
/// How long he helps at a time, when a hundredth of the limit more than that is resident. With less it is a part of it.
const HELP_MAX: Duration = Duration::from_micros(500);
const HELP_MAX_BEYOND: i64 = 100;
/// What is resident beyond the limit by more than this part of it has not been won by moving in time, so keys go for it: with each
/// look so large a part of it counts, too.
const PATIENCE: i64 = 64;
const STEP_BEYOND: i64 = 16;

/// What is resident beside what is used, as far as it stays when all has been moved together.
#[derive(Default)]
struct Overhead(AtomicI64);

impl Overhead {
    fn bytes(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes note that so much is resident, and of what isn't used so much is to be won, with such a limit. While far too much is
    /// resident, no less counts than before.
    fn note(&self, resident: i64, used: i64, gain: i64, bytes_max: i64) {
        let beside = resident - used;
        let target = (beside + bytes_max / SPARE - gain / BELIEVED).clamp(0, bytes_max / OVERHEAD_MAX);
        let difference = target - self.bytes();
        let step = match difference {
            1.. => difference / STEPS.0,
            _ if far_beyond(resident, bytes_max) > 0 => 0,
            _ => difference / STEPS.1,
        };
        self.0.store(self.bytes() + step, Ordering::Relaxed);
        self.bound(beside, bytes_max);
    }

    /// Takes note that so much is resident, and so much used: for what is far beyond the limit, keys go now.
    fn note_resident(&self, resident: i64, used: i64, bytes_max: i64) {
        let beyond = far_beyond(resident, bytes_max);
        if beyond > 0 {
            self.0.fetch_max(bytes_max - used, Ordering::Relaxed);
            self.0.fetch_add(beyond / STEP_BEYOND, Ordering::Relaxed);
        }
    }

    /// Makes it no more than all that is resident beside what is used, and what is kept free.
    fn bound(&self, beside: i64, bytes_max: i64) {
        self.0.fetch_min((beside + bytes_max / SPARE).max(0), Ordering::Relaxed);
    }
}

/// How much memory may be in use, and what is known of how much is.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    /// The limit; 0: none.
    bytes_max: AtomicU64,
    /// What was in use when it was measured last, less the growth of the keyspace by then.
    base: AtomicI64,
    /// What counts as used, too.
    overhead: Overhead,
    /// What was resident when it was looked up last, less what the allocator had committed.
    beside_allocator: AtomicI64,
    /// When that was, in milliseconds since the epoch.
    looked_at: AtomicI64,
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

    /// How short memory is. Costs three loads.
    #[inline]
    pub(crate) fn pressure(&self) -> Pressure {
        match self.resident_max() {
            0 => Pressure::None,
            bytes_max => pressure(self.resident(), bytes_max),
        }
    }

    fn bytes_max(&self) -> i64 {
        i64::try_from(self.bytes_max.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }

    /// How much may be resident; 0: any.
    #[inline]
    fn resident_max(&self) -> i64 {
        let bytes_max = self.bytes_max();
        if bytes_max < COUNTED_FROM { 0 } else { bytes_max }
    }

    /// How much is resident now, nearly.
    #[inline]
    fn resident(&self) -> i64 {
        self.beside_allocator.load(Ordering::Relaxed).saturating_add_unsigned(allocator::committed_bytes())
    }

    #[inline]
    fn used(&self, shared: &Shared) -> i64 {
        self.base.load(Ordering::Relaxed) + shared.engine.keyspace().growth()
    }

    /// Takes note how much of what is resident is to be won by moving things together.
    pub(crate) fn note_gain(&self, shared: &Shared, gain: usize) {
        let bytes_max = self.resident_max();
        if bytes_max > 0 {
            let gain = i64::try_from(gain).unwrap_or(i64::MAX);
            self.overhead.note(self.resident(), self.used(shared), gain, bytes_max);
        }
    }

    /// How many bytes more are in use than are allowed, nearly; not above 0 if there is room.
    #[inline]
    fn excess(&self, shared: &Shared) -> i64 {
        self.used(shared)
            .saturating_add(self.overhead.bytes())
            .saturating_sub_unsigned(self.bytes_max.load(Ordering::Relaxed))
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
    let bytes_max = shared.config.maxmemory();
    shared.memory_limit.bytes_max.store(bytes_max, Ordering::Relaxed);
    quotas::observe_growth(shared);
    let is_counted = shared.memory_limit.resident_max() > 0;
    allocator::return_free(if is_counted { Return::Soon } else { Return::Late });
    allocator::limit_ahead(if is_counted { bytes_max } else { u64::MAX });
    if !is_counted {
        shared.memory_limit.overhead.bound(0, 0);
    }
    measure(shared);
}

/// Looks again how much the process may have, if the limit is a share of it. Called once a second.
pub(crate) fn look_again(shared: &Shared) {
    if !shared.config.has_memory_share() {
        return;
    }
    let before = container::memory_bytes();
    let now = container::look();
    if now != before {
        log::notice!(
            "The memory that the process may have has changed from {before} to {now} bytes: maxmemory is {} bytes now.",
            shared.config.maxmemory()
        );
        apply(shared);
        clients::room::apply(shared);
    }
}

/// Looks up how much is resident, and says how soon what is free goes back. Called ten times a second.
pub(crate) fn weigh(shared: &Shared, now: UnixMillis) {
    let limit = &shared.memory_limit;
    if limit.resident_max() == 0 || shared.persistence.any_loading().is_some() {
        limit.overhead.bound(0, 0);
        return;
    }
    look(shared, now);
    let is_short = limit.pressure() > Pressure::None;
    allocator::return_free(if is_short { Return::AtOnce } else { Return::Soon });
}

/// Looks up how much is resident. What is kept for a snapshot or waits for the log is no part of it: that comes on top, for a while.
fn look(shared: &Shared, now: UnixMillis) {
    let limit = &shared.memory_limit;
    limit.looked_at.store(now.0, Ordering::Relaxed);
    let (kept, _) = shared.engine.snapshot_bytes();
    let passing = kept + shared.persistence.log.unwritten_bytes();
    let resident = i64::try_from(memory::resident_bytes().saturating_sub(passing)).unwrap_or(i64::MAX);
    let beside = resident.saturating_sub_unsigned(allocator::committed_bytes());
    limit.beside_allocator.store(beside, Ordering::Relaxed);
    let (resident, used, bytes_max) = (limit.resident(), limit.used(shared), limit.resident_max());
    limit.overhead.note_resident(resident, used, bytes_max);
    limit.overhead.bound(resident - used, bytes_max);
}

/// The same, if that was not done for a moment: what was committed before may be written to for the first time.
fn look_again_if_due(shared: &Shared, now: UnixMillis) {
    let limit = &shared.memory_limit;
    let since = now.0.saturating_sub(limit.looked_at.load(Ordering::Relaxed));
    if limit.resident_max() > 0 && !(0..LOOK_MS).contains(&since) {
        look(shared, now);
    }
}

/// How short memory is with so much resident, of so much that may be.
#[inline]
fn pressure(resident: i64, bytes_max: i64) -> Pressure {
    match resident.saturating_sub(bytes_max) {
        beyond if beyond > bytes_max / LEEWAY => Pressure::Beyond,
        beyond if beyond > -(bytes_max / ROOM) => Pressure::Short,
        _ => Pressure::None,
    }
}

/// How much more is resident than moving may take its time for.
fn far_beyond(resident: i64, bytes_max: i64) -> i64 {
    resident.saturating_sub(bytes_max).saturating_sub(bytes_max / PATIENCE).max(0)
}

/// For how long who wants memory helps to win some.
fn help(resident: i64, bytes_max: i64) -> Duration {
    let most = bytes_max / HELP_MAX_BEYOND;
    let beyond = resident.saturating_sub(bytes_max).saturating_sub(bytes_max / LEEWAY).clamp(0, most);
    HELP_MAX.mul_f64(beyond as f64 / most.max(1) as f64)
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
    limit.is_set()
        && (limit.excess(shared) > 0 || limit.is_exceeded() || limit.pressure() == Pressure::Beyond)
        && evict(shared, turn)
}

#[cold]
fn evict(shared: &Shared, turn: &mut Turn<'_>) -> bool {
    let limit = &shared.memory_limit;
    // Keys stay as they are while writes are held back, and nobody looks at what is half loaded.
    let obeys = shared.config.is_on(table::REPLICA_IGNORE_MAXMEMORY) && shared.engine.keyspace().is_copy();
    if turn.is_outside() || shared.clients.pause.mode(turn.now()).is_some() || obeys {
        return false;
    }
    look_again_if_due(shared, turn.now());
    shared.residence.help(shared, turn, help(limit.resident(), limit.resident_max()));
    let policy = eviction::policy(&shared.config);
    let tenacity = shared.config.number(table::MAXMEMORY_EVICTION_TENACITY);
    let (started, patience) = (Instant::now(), patience(tenacity, limit.excess(shared), limit.bytes_max()));
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

/// For how long keys are removed before a command runs, with so much more in use than is allowed; `None`: until there is room.
/// Where small keys make room for large values, the usual time is not enough for what one window writes.
fn patience(tenacity: i64, excess: i64, bytes_max: i64) -> Option<Duration> {
    let usual = match tenacity {
        ..=10 => Duration::from_micros(50 * tenacity.max(0).unsigned_abs()),
        11..=99 => Duration::from_micros(500).mul_f64(1.15_f64.powi(tenacity as i32 - 10)),
        _ => return None,
    };
    let times = excess.max(0) / (bytes_max / LEEWAY).max(1);
    Some(usual * (1 + times.min(STRETCHED_MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_from_nothing_to_no_end() {
        const LIMIT: i64 = 1 << 30;
        let patience_at = |tenacity| patience(tenacity, LIMIT / 129, LIMIT);
        assert_eq!(patience_at(0), Some(Duration::ZERO));
        assert_eq!(patience_at(10), Some(Duration::from_micros(500)));
        let two_minutes = patience_at(99).expect("it ends");
        assert!((100..150).contains(&two_minutes.as_secs()), "{two_minutes:?}");
        assert_eq!(patience_at(100), None);
    }

    #[test]
    fn the_more_is_in_use_the_longer_keys_are_removed() {
        const LIMIT: i64 = 1 << 30;
        let micros = |excess| patience(10, excess, LIMIT).expect("it ends").as_micros();
        assert_eq!([LIMIT / 128, LIMIT / 32, LIMIT, i64::MAX].map(micros), [1000, 2500, 4000, 4000]);
        assert_eq!(micros(-LIMIT), 500);
        assert_eq!(patience(10, 9, 0), Some(Duration::from_millis(4)), "there is no limit any more");
    }

    #[test]
    fn what_stays_resident_in_vain_counts_as_used() {
        const LIMIT: i64 = 1 << 30;
        let overhead = Overhead::default();
        // Keys go until what is used and what counts as used are no more than the limit; a fifth more than is used is resident then.
        let resident = |used: i64| used / 5 * 6;
        let mut used = LIMIT;
        for _ in 0..100 {
            overhead.note(resident(used), used, 0, LIMIT);
            used = used.min(LIMIT - overhead.bytes());
        }
        let wanted = LIMIT - LIMIT / SPARE;
        let difference = resident(used) - wanted;
        assert!(difference.abs() < LIMIT / 1000, "{difference} bytes beside what is wanted");
        // What is to be won is partly believed, and with nothing resident in vain nothing counts but what is kept free.
        let before = overhead.bytes();
        (0..100).for_each(|_| overhead.note(resident(used), used, LIMIT / 16, LIMIT));
        assert!((before - overhead.bytes() - LIMIT / 16 / BELIEVED).abs() < 100, "{}", overhead.bytes());
        overhead.bound(1000, LIMIT);
        assert_eq!(overhead.bytes(), 1000 + LIMIT / SPARE);
        overhead.bound(0, 0);
        assert_eq!(overhead.bytes(), 0);
        // However much it is, half of the limit is for data.
        (0..100).for_each(|_| overhead.note(LIMIT * 9, 0, 0, LIMIT));
        assert!((overhead.bytes() - LIMIT / OVERHEAD_MAX).abs() < 100, "{}", overhead.bytes());
    }

    #[test]
    fn what_is_far_beyond_the_limit_counts_until_it_has_gone() {
        const LIMIT: i64 = 1 << 30;
        let overhead = Overhead::default();
        overhead.note_resident(LIMIT + LIMIT / 64, LIMIT / 2, LIMIT);
        assert_eq!(overhead.bytes(), 0, "moving has its time");
        let resident = LIMIT / 10 * 11;
        overhead.note_resident(resident, LIMIT / 2, LIMIT);
        assert!(overhead.bytes() > LIMIT / 2, "keys go at once");
        (0..8).for_each(|_| overhead.note_resident(resident, LIMIT / 2, LIMIT));
        let counted = overhead.bytes();
        assert!(counted > LIMIT / 2 + LIMIT / 32, "{counted}");
        // What is to be won is no reason to wait now, and is one later.
        overhead.note(resident, LIMIT / 2, LIMIT, LIMIT);
        assert_eq!(overhead.bytes(), counted);
        overhead.note(LIMIT, LIMIT / 2, LIMIT, LIMIT);
        assert!(overhead.bytes() < counted);
    }

    #[test]
    fn who_wants_memory_helps_when_more_is_resident_than_is_allowed() {
        const LIMIT: i64 = 512 << 20;
        let cases = [
            (0, Pressure::None, 0),
            (LIMIT - LIMIT / 32, Pressure::None, 0),
            (LIMIT - LIMIT / 33, Pressure::Short, 0),
            (LIMIT + LIMIT / 129, Pressure::Short, 0),
            (LIMIT + LIMIT / 128 + LIMIT / 200, Pressure::Beyond, 250),
            (LIMIT * 2, Pressure::Beyond, 500),
            (i64::MAX, Pressure::Beyond, 500),
        ];
        for (resident, expected, micros) in cases {
            assert!(pressure(resident, LIMIT) == expected, "{resident}");
            assert_eq!(help(resident, LIMIT).as_micros().next_multiple_of(10), micros, "{resident}");
        }
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

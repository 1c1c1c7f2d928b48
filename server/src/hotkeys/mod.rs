//! Which keys are used most: what `HOTKEYS` tells.
//!
//! ```text
//! requests ──1 of 256──→ Live (per thread: key → uses, of the last seconds) ──merged when somebody asks──→ rates
//! requests ──while a collection is on──→ Collected (per thread: key → time, bytes) ──────────────────────→ sums
//! ```
//!
//! The first is always on, as in Valkey, unless `hotkey-top-k` is 0. The second is what Redis has: somebody starts it and pays for it.
//! Why both: `docs/design/insight.md`.

mod collection;
mod live;
mod sampler;
mod sketch;

pub(crate) use collection::{Collection, Options, Sums};
pub(crate) use live::Live;
pub(crate) use sampler::Sampler;
pub(crate) use sketch::Place;

use crate::attention::Concern;
use crate::config::table;
use crate::observation::{By, Called};
use crate::server::{Shared, now};
use crate::session::Session;
use crate::statistics::Meter;
use crate::window::Ready;
use collection::{Collected, KEYS_PER_CALL};
use sampler::STANDS_FOR;
use spinel_storage::command::Run;
use spinel_storage::command::keys::KeyUse;
use spinel_storage::command::table::CommandId;
use spinel_storage::{DbIndex, UnixMillis};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys that are counted for each one that is told.
const COUNTED_PER_TOLD: usize = 4;
/// And no fewer in all.
const COUNTED_MIN: usize = 64;

/// How long a window of what is sampled is.
const WINDOW_MS: i64 = 5_000;

/// What one thread has counted.
pub(crate) struct Counted {
    live: Mutex<Live>,
    collected: Mutex<Collected>,
}

impl Default for Counted {
    fn default() -> Counted {
        Counted { live: Mutex::new(Live::new(WINDOW_MS)), collected: Mutex::default() }
    }
}

/// What all threads know.
pub(crate) struct HotKeys {
    collection: Mutex<Option<Collection>>,
    /// When the collection that is on is to end.
    due_ms: AtomicI64,
    /// Of how many commands it counts the keys of one.
    ratio: AtomicU64,
}

impl Default for HotKeys {
    fn default() -> HotKeys {
        HotKeys { collection: Mutex::default(), due_ms: AtomicI64::new(i64::MAX), ratio: AtomicU64::new(1) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many keys are told, and how many are counted for that.
fn sizes(shared: &Shared) -> (usize, usize) {
    let told = usize::try_from(shared.config.number(table::HOTKEY_TOP_K)).unwrap_or(0);
    (told, if told == 0 { 0 } else { (told * COUNTED_PER_TOLD).max(COUNTED_MIN) })
}

/// The keys that were used most in the last seconds, with uses in a second, the hottest first. None if nothing is sampled.
pub(crate) fn hottest(shared: &Shared, now: UnixMillis) -> Option<Vec<(Place, u64)>> {
    let (told, counted) = sizes(shared);
    if told == 0 {
        return None;
    }
    let rates = shared.statistics.iter().flat_map(|thread| lock(&thread.hot_keys.live).rates(now, counted));
    Some(most(rates, STANDS_FOR as f64, told))
}

/// So many keys of those that threads have counted, with the rates of all threads together times `scale`, the highest first.
pub(crate) fn most(rates: impl Iterator<Item = (Place, f64)>, scale: f64, count: usize) -> Vec<(Place, u64)> {
    let mut sums = HashMap::<Place, f64>::new();
    for (place, rate) in rates {
        *sums.entry(place).or_default() += rate;
    }
    let mut all: Vec<_> =
        sums.into_iter().map(|(place, rate)| (place, (rate * scale).round() as u64)).collect();
    all.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    all.truncate(count);
    all
}

/// Begins a collection, unless one is on. Returns whether it began.
pub(crate) fn start(shared: &Shared, options: Options, now: UnixMillis) -> bool {
    let hot = &shared.hot_keys;
    let mut collection = hot.current(shared, now);
    if collection.is_some_and(|collection| collection.ended.is_none()) {
        return false;
    }
    for thread in &shared.statistics {
        *lock(&thread.hot_keys.collected) = Collected::new(&options);
    }
    let begun = Collection::begin(options, now);
    hot.due_ms.store(begun.due_ms(), Ordering::Relaxed);
    hot.ratio.store(options.ratio, Ordering::Relaxed);
    *collection = Some(begun);
    shared.attention.set(Concern::Collection, true);
    true
}

/// Ends the collection that is on, and says whether there was one.
pub(crate) fn stop(shared: &Shared, now: UnixMillis) -> bool {
    match &mut *shared.hot_keys.current(shared, now) {
        Some(collection) if collection.ended.is_none() => {
            end(collection, now, shared);
            true
        }
        _ => false,
    }
}

fn end(collection: &mut Collection, now: UnixMillis, shared: &Shared) {
    shared.attention.set(Concern::Collection, false);
    collection.end(now);
}

/// Forgets what has been counted, unless a collection is on. Returns whether it is forgotten.
pub(crate) fn reset(shared: &Shared, now: UnixMillis) -> bool {
    let mut collection = shared.hot_keys.current(shared, now);
    if collection.is_some_and(|collection| collection.ended.is_none()) {
        return false;
    }
    *collection = None;
    for thread in &shared.statistics {
        *lock(&thread.hot_keys.collected) = Collected::default();
        lock(&thread.hot_keys.live).clear();
    }
    true
}

/// The collection that is on or was on last, and what it has brought.
pub(crate) fn collected(shared: &Shared, now: UnixMillis) -> Option<(Collection, Sums)> {
    let collection = (*shared.hot_keys.current(shared, now))?;
    let mut sums = Sums::default();
    shared.statistics.iter().for_each(|thread| sums.add(&lock(&thread.hot_keys.collected)));
    Some((collection, sums))
}

impl HotKeys {
    /// The collection, which has ended if it was due.
    fn current(&self, shared: &Shared, now: UnixMillis) -> MutexGuard<'_, Option<Collection>> {
        let mut current = lock(&self.collection);
        if let Some(collection) = &mut *current
            && collection.ended.is_none()
            && now.0 >= collection.due_ms()
        {
            end(collection, UnixMillis(collection.due_ms()), shared);
        }
        current
    }

    /// Whether the collection that is on still is, at this time.
    fn goes_on(&self, shared: &Shared, now: UnixMillis) -> bool {
        let is_due = now.0 >= self.due_ms.load(Ordering::Relaxed);
        if is_due {
            drop(self.current(shared, now));
        }
        !is_due
    }
}

/// The positions of a data command's keys. Scripts and transactions have none: the commands that they run have.
fn positions<'a>(id: CommandId, words: &'a [&'a [u8]], shared: &'a Shared) -> impl Iterator<Item = usize> {
    let command = &shared.engine.table().row(id).command;
    let specs = if matches!(command.run, Run::Data(_)) { command.keys } else { &[] };
    specs
        .iter()
        .filter(|spec| !spec.usage.contains(KeyUse::NOT_KEY))
        .flat_map(move |spec| spec.positions(words))
}

impl Session {
    /// Looks at those requests of a window that chance has chosen.
    #[cold]
    pub(crate) fn sample_window(
        &self,
        ready: &Ready<'_>,
        requests: usize,
        (meter, now): (&mut Meter, UnixMillis),
        shared: &Shared,
    ) {
        while let Some(mut at) = meter.sampler.take(requests) {
            for (prepared, requests) in ready.runs() {
                if let Some(request) = requests.get(at) {
                    count_use(prepared.id, request.words, (self.db, now), meter, shared);
                    break;
                }
                at -= requests.len();
            }
        }
    }

    /// Adds a command to the collection that is on.
    #[cold]
    pub(crate) fn collect(
        &self,
        called: Called<'_>,
        (nanoseconds, reply_bytes): (u64, usize),
        meter: &mut Meter,
        shared: &Shared,
    ) {
        if !shared.hot_keys.goes_on(shared, now()) {
            return;
        }
        let bytes = match called.by {
            By::Client => (called.request_bytes() + reply_bytes) as u64,
            By::Script => 0,
        };
        let statistics = std::sync::Arc::clone(&meter.statistics);
        let mut collected = lock(&statistics.hot_keys.collected);
        // What runs within another command is a part of that one.
        if called.by == By::Client && !self.transactions.is_running {
            collected.add(nanoseconds, bytes);
        }
        let ratio = shared.hot_keys.ratio.load(Ordering::Relaxed);
        let keys = positions(called.id, called.words, shared).count();
        if keys == 0 || ratio > 1 && meter.sampler.below(ratio) > 0 {
            return;
        }
        let step = keys.div_ceil(KEYS_PER_CALL);
        let first = meter.sampler.below(step as u64) as usize;
        let shares = (keys - first).div_ceil(step) as u64;
        for position in positions(called.id, called.words, shared).skip(first).step_by(step) {
            collected.add_key(self.db, called.words[position], nanoseconds / shares, bytes / shares);
        }
    }
}

/// Looks at a command if chance has chosen it.
#[inline]
pub(crate) fn sample(called: Called<'_>, place: (DbIndex, UnixMillis), meter: &mut Meter, shared: &Shared) {
    if meter.sampler.pass(1) {
        while meter.sampler.take(1).is_some() {
            count_use(called.id, called.words, place, meter, shared);
        }
    }
}

/// Counts a use of one of a command's keys, which stands for all of them.
#[cold]
fn count_use(
    id: CommandId,
    words: &[&[u8]],
    (db, now): (DbIndex, UnixMillis),
    meter: &mut Meter,
    shared: &Shared,
) {
    let (_, counted) = sizes(shared);
    let keys = if counted == 0 { 0 } else { positions(id, words, shared).count() };
    if keys == 0 {
        return;
    }
    let chosen = meter.sampler.below(keys as u64) as usize;
    if let Some(position) = positions(id, words, shared).nth(chosen) {
        let mut live = lock(&meter.statistics.hot_keys.live);
        live.add((db, words[position]), keys as u64, now, counted);
    }
}

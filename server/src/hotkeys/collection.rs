//! What `HOTKEYS START` begins: time and bytes of each command are added to its keys until somebody stops it.
//!
//! Each thread adds to sums of its own, under a lock that nobody else wants but who asks. While a collection is on, all sessions are
//! guarded, and every command is timed alone.

use super::sketch::{Bounds, Sketch};
use crate::info;
use spinel_storage::{DbIndex, UnixMillis};
use std::collections::HashMap;
use std::time::Duration;

/// So many keys of one call are counted; of more, as many by chance.
pub(super) const KEYS_PER_CALL: usize = 16;

/// For each key that is to be told so many are counted, so that those that are told are the right ones.
const COUNTED_PER_TOLD: usize = 16;
/// And no fewer in all.
const COUNTED_MIN: usize = 256;

/// What is collected, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    pub(crate) has_cpu: bool,
    pub(crate) has_net: bool,
    /// How many keys are told.
    pub(crate) keys: usize,
    /// How long it goes on unless it is stopped.
    pub(crate) duration: Option<Duration>,
    /// The keys of one command in so many are counted.
    pub(crate) ratio: u64,
}

impl Options {
    pub(crate) const KEYS_MAX: usize = 64;
    pub(crate) const KEYS: usize = 10;
}

/// A collection that goes on, or has ended and was not forgotten yet.
#[derive(Clone, Copy)]
pub(crate) struct Collection {
    pub(crate) options: Options,
    pub(crate) began: UnixMillis,
    pub(crate) ended: Option<UnixMillis>,
    cpu_before: info::CpuTimes,
    cpu_after: Option<info::CpuTimes>,
}

impl Collection {
    pub(super) fn begin(options: Options, now: UnixMillis) -> Collection {
        Collection { options, began: now, ended: None, cpu_before: info::cpu_times(), cpu_after: None }
    }

    pub(super) fn end(&mut self, now: UnixMillis) {
        (self.ended, self.cpu_after) = (Some(now), Some(info::cpu_times()));
    }

    /// When it is to end, in milliseconds since the epoch.
    pub(super) fn due_ms(&self) -> i64 {
        let duration_ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.options.duration.map_or(i64::MAX, |duration| self.began.0.saturating_add(duration_ms(duration)))
    }

    /// How long it has gone on, in milliseconds.
    pub(crate) fn lasted_ms(&self, now: UnixMillis) -> i64 {
        (self.ended.unwrap_or(now).0 - self.began.0).max(0)
    }

    /// User and system time of the process meanwhile.
    pub(crate) fn cpu(&self) -> info::CpuTimes {
        let after = self.cpu_after.unwrap_or_else(info::cpu_times);
        info::CpuTimes {
            user: after.user.saturating_sub(self.cpu_before.user),
            system: after.system.saturating_sub(self.cpu_before.system),
        }
    }
}

/// What one thread has collected.
#[derive(Default)]
pub(super) struct Collected {
    cpu: Sketch,
    net: Sketch,
    nanoseconds: u64,
    bytes: u64,
}

impl Collected {
    pub(super) fn new(options: &Options) -> Collected {
        let capacity = (options.keys * COUNTED_PER_TOLD).max(COUNTED_MIN);
        let sketch = |is_wanted: bool| Sketch::new(if is_wanted { capacity } else { 0 });
        Collected { cpu: sketch(options.has_cpu), net: sketch(options.has_net), nanoseconds: 0, bytes: 0 }
    }

    /// Adds to what all commands took.
    pub(super) fn add(&mut self, nanoseconds: u64, bytes: u64) {
        self.nanoseconds += nanoseconds;
        self.bytes += bytes;
    }

    /// Adds a key's share of a command.
    pub(super) fn add_key(&mut self, db: DbIndex, key: &[u8], nanoseconds: u64, bytes: u64) {
        self.cpu.add(db, key, nanoseconds);
        self.net.add(db, key, bytes);
    }
}

/// What all threads have collected.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) nanoseconds: u64,
    pub(crate) bytes: u64,
    cpu: HashMap<Vec<u8>, Bounds>,
    net: HashMap<Vec<u8>, Bounds>,
}

impl Sums {
    pub(super) fn add(&mut self, collected: &Collected) {
        self.nanoseconds += collected.nanoseconds;
        self.bytes += collected.bytes;
        for (sums, sketch) in [(&mut self.cpu, &collected.cpu), (&mut self.net, &collected.net)] {
            for (place, bounds) in sketch.counted() {
                sums.entry(place.key.clone()).or_default().add(bounds);
            }
        }
    }

    /// The keys that took most time, with microseconds.
    pub(crate) fn by_cpu(&self, count: usize) -> Vec<(&[u8], u64)> {
        largest(&self.cpu, count, 1000)
    }

    /// The keys that took most bytes.
    pub(crate) fn by_net(&self, count: usize) -> Vec<(&[u8], u64)> {
        largest(&self.net, count, 1)
    }
}

/// The largest sums in a unit, the largest first; without what is less than one.
fn largest(sums: &HashMap<Vec<u8>, Bounds>, count: usize, unit: u64) -> Vec<(&[u8], u64)> {
    let mut all: Vec<(&[u8], u64)> =
        sums.iter().map(|(key, bounds)| (&key[..], bounds.estimate() / unit)).collect();
    all.retain(|(_, sum)| *sum > 0);
    all.sort_unstable_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options { has_cpu: true, has_net: true, keys: 2, duration: None, ratio: 1 };

    #[test]
    fn what_threads_collect_adds_up_by_name() {
        let (mut first, mut second) = (Collected::new(&OPTIONS), Collected::new(&OPTIONS));
        let add = |collected: &mut Collected, db, key: &[u8], nanoseconds, bytes| {
            collected.add(nanoseconds, bytes);
            collected.add_key(DbIndex(db), key, nanoseconds, bytes);
        };
        add(&mut first, 0, b"a", 5000, 10);
        add(&mut first, 0, b"b", 3000, 90);
        add(&mut second, 3, b"a", 2500, 1);
        add(&mut second, 0, b"c", 999, 50);
        let mut sums = Sums::default();
        sums.add(&first);
        sums.add(&second);
        assert_eq!((sums.nanoseconds, sums.bytes), (11_499, 151));
        assert_eq!(sums.by_cpu(10), [(&b"a"[..], 7), (b"b", 3)]);
        assert_eq!(sums.by_net(2), [(&b"b"[..], 90), (b"c", 50)]);
    }

    #[test]
    fn what_is_not_wanted_is_not_counted() {
        let mut collected = Collected::new(&Options { has_net: false, ..OPTIONS });
        collected.add_key(DbIndex(0), b"a", 1000, 1000);
        let mut sums = Sums::default();
        sums.add(&collected);
        assert_eq!((sums.by_cpu(1), sums.by_net(1)), (vec![(&b"a"[..], 1)], vec![]));
    }

    #[test]
    fn a_collection_ends_when_it_is_due() {
        let options = Options { duration: Some(Duration::from_secs(3)), ..OPTIONS };
        let mut collection = Collection::begin(options, UnixMillis(1000));
        assert_eq!((collection.due_ms(), collection.lasted_ms(UnixMillis(1500))), (4000, 500));
        collection.end(UnixMillis(4000));
        assert_eq!(collection.lasted_ms(UnixMillis(9000)), 3000);
        assert_eq!(Collection::begin(OPTIONS, UnixMillis(0)).due_ms(), i64::MAX);
    }
}

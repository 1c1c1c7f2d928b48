//! What the HTTP cache counts for each policy, in each worker.
//!
//! Who serves what is stored doesn't look for its policy: what a policy had fetched has a tag that names it. Each worker counts for
//! itself, so that its lock is free but for who adds up.

use crate::server::Shared;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// When a worker has counted for so many names, which is more than there can be policies at once, it starts again.
const NAMES_MAX: usize = 4_000;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Hits,
    Stale,
    Revalidated,
    Misses,
    Collapsed,
    /// Bytes of bodies that were sent from memory.
    SavedBytes,
    OriginRequests,
    OriginFailures,
    /// How long origins took until their answers began, in all.
    OriginMs,
}

/// All parts, in their order, with the names by which they are told.
const PARTS: [(Part, &str); 9] = [
    (Part::Hits, "hits"),
    (Part::Stale, "stale"),
    (Part::Revalidated, "revalidated"),
    (Part::Misses, "misses"),
    (Part::Collapsed, "collapsed"),
    (Part::SavedBytes, "bytes_saved"),
    (Part::OriginRequests, "origin_requests"),
    (Part::OriginFailures, "origin_failures"),
    (Part::OriginMs, "origin_milliseconds"),
];

/// A number for each part.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally([u64; PARTS.len()]);

/// What happens to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// What is stored answers it, fresh; so many bytes.
    Hit(u64),
    /// What is stored answers it, no longer fresh.
    Stale(u64),
    /// What is stored answers it, as its origin has found it valid.
    Revalidated(u64),
    /// What came answers it.
    Miss,
    /// It waits for what another one fetches.
    Collapsed,
    /// The origin's answer began after so many milliseconds.
    Answered(u64),
    /// The origin gave no answer.
    Failed(u64),
}

impl Event {
    /// What it adds to which parts.
    pub(super) fn amounts(self) -> [(Part, u64); 3] {
        let used = |part: Part, bytes: u64| [(part, 1), (Part::SavedBytes, bytes), (part, 0)];
        let asked = |ms: u64, failures: u64| {
            [(Part::OriginRequests, 1), (Part::OriginMs, ms), (Part::OriginFailures, failures)]
        };
        match self {
            Event::Hit(bytes) => used(Part::Hits, bytes),
            Event::Stale(bytes) => used(Part::Stale, bytes),
            Event::Revalidated(bytes) => used(Part::Revalidated, bytes),
            Event::Miss => used(Part::Misses, 0),
            Event::Collapsed => used(Part::Collapsed, 0),
            Event::Answered(ms) => asked(ms, 0),
            Event::Failed(ms) => asked(ms, 1),
        }
    }
}

impl Tally {
    /// The numbers that a count of each part says.
    pub(super) fn of(count: impl Fn(Part) -> u64) -> Tally {
        Tally(PARTS.map(|(part, _)| count(part)))
    }

    /// The names and numbers that are told.
    pub(crate) fn parts(&self) -> [(&'static str, u64); PARTS.len()] {
        PARTS.map(|(part, name)| (name, self.number(part)))
    }

    /// How long an origin took on average until an answer began.
    pub(crate) fn latency_ms(&self) -> u64 {
        self.number(Part::OriginMs).checked_div(self.number(Part::OriginRequests)).unwrap_or(0)
    }

    fn number(&self, part: Part) -> u64 {
        self.0[part as usize]
    }

    fn note(&mut self, event: Event) {
        for (part, amount) in event.amounts() {
            self.0[part as usize] += amount;
        }
    }

    fn add(&mut self, other: &Tally) {
        for (own, amount) in self.0.iter_mut().zip(other.0) {
            *own += amount;
        }
    }
}

/// What a worker has counted, by the names of policies.
#[derive(Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<Box<[u8]>, Tally>>);

impl Tallies {
    fn by_name(&self) -> MutexGuard<'_, BTreeMap<Box<[u8]>, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what happens to a request of a policy, if it is one's.
    pub(super) fn note(&self, policy: Option<&[u8]>, event: Event) {
        let Some(name) = policy else { return };
        let mut by_name = self.by_name();
        if let Some(tally) = by_name.get_mut(name) {
            return tally.note(event);
        }
        if by_name.len() >= NAMES_MAX {
            by_name.clear();
        }
        by_name.entry(name.into()).or_default().note(event);
    }

    /// Starts all counts again.
    pub(super) fn reset(&self) {
        self.by_name().clear();
    }
}

/// What all workers have counted for a policy.
pub(crate) fn tally_of(shared: &Shared, policy: &[u8]) -> Tally {
    let mut sum = Tally::default();
    for statistics in &shared.statistics {
        if let Some(tally) = statistics.cache.tallies.by_name().get(policy) {
            sum.add(tally);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_counted_by_policy() {
        let tallies = Tallies::default();
        for event in [
            Event::Hit(5),
            Event::Stale(6),
            Event::Revalidated(7),
            Event::Miss,
            Event::Collapsed,
            Event::Answered(30),
            Event::Failed(12),
        ] {
            tallies.note(Some(b"a"), event);
            tallies.note(None, event);
        }
        let mut sum = *tallies.by_name().get(&b"a"[..]).expect("it was counted");
        let expected = [1, 1, 1, 1, 1, 18, 2, 1, 42];
        assert_eq!(sum.parts().map(|(_, number)| number), expected);
        sum.add(&sum.clone());
        assert_eq!(sum.parts().map(|(_, number)| number), expected.map(|number| 2 * number));
        assert_eq!(tallies.by_name().len(), 1);
        let in_order = PARTS.iter().enumerate().all(|(at, (part, _))| *part as usize == at);
        assert!(in_order, "{PARTS:?}");
    }

    #[test]
    fn names_don_t_pile_up() {
        let tallies = Tallies::default();
        (0..NAMES_MAX + 5).for_each(|name| tallies.note(Some(name.to_string().as_bytes()), Event::Miss));
        assert_eq!(tallies.by_name().len(), 5);
    }
}

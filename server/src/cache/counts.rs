//! What the door counts, of each worker.

use super::missed::Missed;
use super::tallies::{Event, Part, Tallies, Tally, tally_of};
use crate::info::Text;
use crate::server::{Shared, now};
use spinel_storage::engine::counters::Counter;

/// The counters of one worker.
#[derive(Default)]
pub(crate) struct Counts {
    /// Requests that came.
    pub(super) requests: Counter,
    /// Those answered with what is stored, fresh.
    pub(super) hits: Counter,
    /// Those answered with what is stored and no longer fresh.
    pub(super) stale: Counter,
    /// Those for which the origin found good what is stored.
    pub(super) revalidated: Counter,
    /// Those for which there was nothing to answer with.
    pub(super) misses: Counter,
    /// Those that no cache answers.
    pub(super) passes: Counter,
    /// Those that read what another one fetches.
    pub(super) collapsed: Counter,
    /// Those that were refused here.
    pub(super) refused: Counter,
    /// Those that purged.
    pub(super) purges: Counter,
    /// Answers that were stored.
    pub(super) stored: Counter,
    /// Requests to origins, and those that came to nothing.
    pub(super) origin_requests: Counter,
    pub(super) origin_failures: Counter,
    /// Those that were sent again.
    pub(super) origin_repeats: Counter,
    /// Bytes of bodies that were sent from memory.
    saved_bytes: Counter,
    /// Milliseconds until answers of origins began, or did not.
    origin_ms: Counter,
    /// The same for each policy.
    pub(super) tallies: Tallies,
    /// Which keys missed.
    pub(super) missed: Missed,
}

/// A counter by its name.
type Named = (&'static str, fn(&Counts) -> &Counter);

const COUNTERS: [Named; 15] = [
    ("cache_requests", |counts| &counts.requests),
    ("cache_hits", |counts| &counts.hits),
    ("cache_stale_hits", |counts| &counts.stale),
    ("cache_revalidated", |counts| &counts.revalidated),
    ("cache_misses", |counts| &counts.misses),
    ("cache_passes", |counts| &counts.passes),
    ("cache_collapsed", |counts| &counts.collapsed),
    ("cache_refused", |counts| &counts.refused),
    ("cache_purges", |counts| &counts.purges),
    ("cache_stored", |counts| &counts.stored),
    ("cache_origin_requests", |counts| &counts.origin_requests),
    ("cache_origin_failures", |counts| &counts.origin_failures),
    ("cache_origin_repeats", |counts| &counts.origin_repeats),
    ("cache_bytes_saved", |counts| &counts.saved_bytes),
    ("cache_origin_milliseconds", |counts| &counts.origin_ms),
];

impl Counts {
    /// Counts what happens to a request, of a policy if it is one's. Requests to origins are counted where they are sent.
    pub(super) fn note(&self, policy: Option<&[u8]>, event: Event) {
        for (part, amount) in event.amounts() {
            // Those are counted with each attempt.
            if !matches!(part, Part::OriginRequests | Part::OriginFailures) {
                self.counter(part).add(amount);
            }
        }
        self.tallies.note(policy, event);
    }

    /// The counter of a part of what is told.
    fn counter(&self, part: Part) -> &Counter {
        match part {
            Part::Hits => &self.hits,
            Part::Stale => &self.stale,
            Part::Revalidated => &self.revalidated,
            Part::Misses => &self.misses,
            Part::Collapsed => &self.collapsed,
            Part::SavedBytes => &self.saved_bytes,
            Part::OriginRequests => &self.origin_requests,
            Part::OriginFailures => &self.origin_failures,
            Part::OriginMs => &self.origin_ms,
        }
    }

    /// Starts all counts again.
    pub(crate) fn reset(&self) {
        for (_, of) in COUNTERS {
            of(self).reset();
        }
        self.tallies.reset();
        self.missed.reset();
    }
}

/// The section of `INFO`.
pub(crate) fn describe(shared: &Shared, text: &mut Text) {
    for (name, of) in COUNTERS {
        text.line(name, shared.sum(|statistics| of(&statistics.cache)));
    }
    let keyspace = shared.engine.keyspace();
    let sums = keyspace.bodies().map(|bodies| bodies.sums()).unwrap_or_default();
    for (name, number) in [
        ("cache_transit_bytes", shared.cache.transit_bytes(&shared.engine)),
        ("cache_disk_bodies", sums.bodies),
        ("cache_disk_bytes", sums.bytes),
        ("cache_disk_waiting_bytes", sums.waiting_bytes),
        ("cache_disk_removals", sums.removals),
        ("cache_disk_evictions", sums.evictions),
        ("cache_disk_errors", sums.errors),
        ("cache_disk_lost", sums.lost),
    ] {
        text.line(name, number);
    }
    let policies = keyspace.policies();
    text.line("cache_locks", keyspace.locked_entries(now()));
    text.line("cache_policies", policies.len());
    text.line("cache_policies_version", policies.version());
    for policy in policies.iter() {
        let parts = tally_of(shared, &policy.name).parts().map(|(name, number)| format!("{name}={number}"));
        let name = String::from_utf8_lossy(&policy.name);
        text.line(format_args!("cache_policy_{name}"), parts.join(","));
    }
}

/// What all workers have counted together.
pub(crate) fn total(shared: &Shared) -> Tally {
    Tally::of(|part| shared.sum(|statistics| statistics.cache.counter(part)))
}

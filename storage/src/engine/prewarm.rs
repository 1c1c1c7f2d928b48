//! What policies keep warm: variants that were used since they came are fetched again before they are no longer fresh.
//!
//! One walk after the other goes over all databases while a policy says `PREWARM`, in short looks, so that nothing has to be kept
//! about a variant. What it finds due is handed to whoever fetches for `CACHE GET` and `CACHE PREWARM`. A variant that takes the
//! place of another has not been used yet: so an origin is asked at most once for each time that somebody uses what came.

use super::Engine;
use super::upkeep::STRIPE;
use crate::keyspace::DbIndex;
use crate::keyspace::prewarming::SoonStale;
use crate::time::UnixMillis;
use spinel_cache::policy::{Policies, name_of};
use spinel_types::http_cache::Variant;

/// A walk begins no sooner than so many milliseconds after the last one began.
const EVERY_MS: i64 = 5_000;
/// Used is what was used in the last hour.
const USED_MS: i64 = 3_600_000;
/// So many keys are looked at before others may have the keyspace for themselves.
const KEYS_PER_LOOK: u64 = 100;
/// In a round so many looks are taken: at ten rounds a second, 200 000 keys.
const LOOKS_PER_ROUND: usize = 200;
/// A round ends when so many variants were handed over, or some more of the same look: some 500 a second.
const VARIANTS_PER_ROUND: usize = 50;

/// Where keeping warm stands.
#[derive(Default, Debug)]
pub struct Prewarming {
    walk: Option<Walk>,
    /// When the last walk began, and how long it took, in milliseconds.
    began: i64,
    took_ms: i64,
}

/// A walk over all databases.
#[derive(Default, Debug)]
struct Walk {
    db: u16,
    cursor: u64,
}

impl Prewarming {
    /// Until when something is due if it is no longer fresh then: two walks from now, so that each variant is met in time.
    fn horizon(&self, now: i64) -> i64 {
        now.saturating_add(2 * self.took_ms.max(EVERY_MS))
    }

    /// The walk that goes on, or another one if it is time for that.
    fn walk(&mut self, now: i64) -> Option<Walk> {
        if let Some(walk) = self.walk.take() {
            return Some(walk);
        }
        if (0..EVERY_MS).contains(&(now - self.began)) {
            return None;
        }
        self.began = now;
        Some(Walk::default())
    }
}

impl Engine {
    /// Goes on having fetched again what policies keep warm, and returns how many variants that were. Call it ten times a second, where
    /// data may be changed; without such policies it costs a look at their list.
    pub fn prewarm(&self, prewarming: &mut Prewarming, now: UnixMillis) -> usize {
        let policies = self.keyspace.policies();
        if !policies.iter().any(|policy| policy.keeping.prewarms) {
            *prewarming = Prewarming::default();
            return 0;
        }
        let Some(mut walk) = prewarming.walk(now.0) else { return 0 };
        let (fresh_until, used_since) = (prewarming.horizon(now.0), now.0.saturating_sub(USED_MS));
        let chosen = SoonStale { fresh_until, used_since, count: usize::MAX };
        let mut found = 0;
        for _ in 0..LOOKS_PER_ROUND {
            if walk.db == self.keyspace.databases() {
                prewarming.took_ms = now.0.saturating_sub(prewarming.began).max(0);
                return found;
            }
            found += self.prewarm_some(&mut walk, &policies, chosen, now);
            if found >= VARIANTS_PER_ROUND {
                break;
            }
        }
        prewarming.walk = Some(walk);
        found
    }

    /// Looks at some keys, and returns how many of their variants were handed over.
    fn prewarm_some(
        &self,
        walk: &mut Walk,
        policies: &Policies,
        chosen: SoonStale,
        now: UnixMillis,
    ) -> usize {
        let (keyspace, db, mut found) = (&self.keyspace, DbIndex(walk.db), 0);
        let is_meant = |variant: &Variant| {
            let policy = name_of(variant.tags()).and_then(|name| policies.find(name));
            variant.used_at() >= variant.stored_at && policy.is_some_and(|policy| policy.keeping.prewarms)
        };
        let _inside = keyspace.gate.shared(STRIPE);
        walk.cursor = keyspace.scan_values(db, walk.cursor, KEYS_PER_LOOK, now, |entry, values| {
            found += keyspace.refresh_soon_stale((entry, values), (db, now), chosen, is_meant);
        });
        if walk.cursor == 0 {
            walk.db += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;
    use crate::time::ManualClock;
    use std::sync::{Arc, Mutex};

    /// A data set on a clock, and the keys that were handed over.
    struct Scene {
        db: Db,
        clock: Arc<ManualClock>,
        told: Arc<Mutex<Vec<String>>>,
        prewarming: Prewarming,
    }

    impl Scene {
        fn new() -> Scene {
            let clock = Arc::new(ManualClock::new(UnixMillis(1_000_000)));
            let (db, told) = (Db::with_clock(Arc::clone(&clock)), Arc::<Mutex<Vec<String>>>::default());
            let ear = Arc::clone(&told);
            assert!(db.engine().keyspace().set_refresher(move |due| {
                ear.lock().unwrap().push(String::from_utf8_lossy(due.place.1).into_owned());
            }));
            Scene { db, clock, told, prewarming: Prewarming::default() }
        }

        fn run(&self, call: &str) {
            self.db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"));
        }

        /// Rounds at a time until a walk has ended; which keys were handed over.
        fn walk(&mut self, seconds: i64) -> Vec<String> {
            let now = UnixMillis(1_000_000 + seconds * 1_000);
            self.clock.set(now);
            let mut count = self.db.engine().prewarm(&mut self.prewarming, now);
            while self.prewarming.walk.is_some() {
                let of_round = self.db.engine().prewarm(&mut self.prewarming, now);
                assert!(of_round < VARIANTS_PER_ROUND + KEYS_PER_LOOK as usize);
                count += of_round;
            }
            let mut keys = std::mem::take(&mut *self.told.lock().unwrap());
            keys.sort();
            assert_eq!(keys.len(), count);
            keys
        }
    }

    #[test]
    fn what_is_used_and_due_of_such_a_policy_is_handed_over() {
        let mut scene = Scene::new();
        scene.run("CACHE.POLICY SET warm PATTERN w* URL http://o/ PREWARM");
        scene.run("CACHE.POLICY SET cold PATTERN c* URL http://o/");
        for (key, policy, ttl) in
            [("soon", "warm", 30), ("late", "warm", 300), ("unused", "warm", 30), ("other", "cold", 30)]
        {
            scene.run(&format!(
                "CACHE.SET {key} body TTL {ttl} REVALIDATE-URL http://o/ TAGS 1 policy:{policy}"
            ));
            if key != "unused" {
                scene.run(&format!("CACHE.GET {key}"));
            }
        }
        scene.run("CACHE.SET untagged body TTL 30 REVALIDATE-URL http://o/");
        scene.run("CACHE.GET untagged");
        scene.run("SET string value");
        assert!(scene.walk(0).is_empty());
        assert_eq!(scene.walk(25), ["soon"]);
        assert!(scene.walk(29).is_empty(), "a walk has begun less than five seconds ago");
        // What has taken its place was not used yet.
        scene.run("CACHE.SET soon body TTL 30 REVALIDATE-URL http://o/ TAGS 1 policy:warm");
        assert!(scene.walk(55).is_empty());
        assert_eq!(scene.walk(295), ["late"]);
        scene.run("CACHE.POLICY SET warm PATTERN w* URL http://o/");
        assert!(scene.walk(299).is_empty());
    }

    #[test]
    fn a_round_has_an_end_and_the_next_one_goes_on() {
        let mut scene = Scene::new();
        scene.run("CACHE.POLICY SET warm PATTERN * URL http://o/ PREWARM");
        for number in 0..3 * VARIANTS_PER_ROUND {
            scene.run(&format!("CACHE.SET {number} body TTL 9 REVALIDATE-URL http://o/ TAGS 1 policy:warm"));
            scene.run(&format!("CACHE.GET {number}"));
        }
        let first = scene.db.engine().prewarm(&mut scene.prewarming, UnixMillis(1_000_000));
        assert!((VARIANTS_PER_ROUND..3 * VARIANTS_PER_ROUND).contains(&first), "{first}");
        scene.told.lock().unwrap().clear();
        assert_eq!(first + scene.walk(0).len(), 3 * VARIANTS_PER_ROUND);
    }
}

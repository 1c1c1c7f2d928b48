//! How large keys are, and which are the largest: what `INFO keysizes` and `MEMORY BIGKEYS` tell.
//!
//! Few keys are looked at when somebody asks. Of many keys, the thread `upkeep` takes a survey, for a millisecond of each
//! hundred, and begins anew when much has changed; so an answer is at most as old as a walk through all keys takes.

use crate::server::Shared;
use spinel_storage::keyspace::survey::{Place, Survey};
use spinel_storage::{DbIndex, UnixMillis};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many keys are looked at when somebody asks.
const FEW_KEYS: usize = 10_000;
/// How long one step may take.
const STEP: Duration = Duration::from_millis(1);
/// Keys that are looked at between two looks at the clock.
const STRIDE: u64 = 64;
/// A survey is begun no sooner after the last one.
const REST_MS: i64 = 10_000;
/// And not before one of so many keys may have changed.
const CHANGED_SHARE: u64 = 50;
/// Whether that is so is looked no sooner after the last time: it takes a lock per shard.
const LOOK_MS: i64 = 1000;

/// What was found last.
#[derive(Default)]
pub(crate) struct LastSurvey(Mutex<Arc<Survey>>);

impl LastSurvey {
    fn get(&self) -> Arc<Survey> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, survey: Survey) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(survey);
    }
}

/// How large keys are: now if there are few, else when they were looked at last.
pub(crate) fn look(shared: &Shared, now: UnixMillis) -> Arc<Survey> {
    if keys(shared) > FEW_KEYS {
        return shared.survey.get();
    }
    let (mut survey, mut place) = (Survey::default(), Some(Place::START));
    while let Some(at) = place {
        place = shared.engine.keyspace().survey(at, FEW_KEYS as u64, now, &mut survey);
    }
    Arc::new(survey)
}

fn keys(shared: &Shared) -> usize {
    let keyspace = shared.engine.keyspace();
    (0..keyspace.databases()).map(|db| keyspace.len(DbIndex(db))).sum()
}

/// Takes one survey after the other.
#[derive(Default)]
pub(crate) struct Surveyor {
    /// The one that goes on.
    walk: Option<(Survey, Place)>,
    /// When the last one ended, and how many changes there had been when it began; none before the first.
    last: Option<(UnixMillis, u64)>,
    /// Changes when the one that goes on began.
    begun_at: u64,
    /// When it was looked last whether there is a reason for another one.
    looked_at: UnixMillis,
}

impl Surveyor {
    /// Goes on for a moment, if there is a reason to.
    pub(crate) fn step(&mut self, shared: &Shared, now: UnixMillis) {
        if self.walk.is_none() && !self.begin(shared, now) {
            return;
        }
        let Some((mut survey, mut place)) = self.walk.take() else { return };
        let started = Instant::now();
        while started.elapsed() < STEP {
            match shared.engine.keyspace().survey(place, STRIDE, now, &mut survey) {
                Some(next) => place = next,
                None => return self.end(shared, survey, now),
            }
        }
        if self.last.is_none() {
            // Better than nothing.
            shared.survey.set(survey.clone());
        }
        self.walk = Some((survey, place));
    }

    /// Begins a survey if the last one is old, and says whether it did.
    fn begin(&mut self, shared: &Shared, now: UnixMillis) -> bool {
        let is_just_after = |then: UnixMillis, rest_ms| (0..rest_ms).contains(&(now.0 - then.0));
        if self.last.is_some_and(|(ended, _)| is_just_after(ended, REST_MS))
            || is_just_after(self.looked_at, LOOK_MS)
        {
            return false;
        }
        self.looked_at = now;
        let (keys, changes) = (keys(shared) as u64, shared.engine.counters().changes);
        let is_old = self.last.is_none_or(|(_, before)| changes.wrapping_sub(before) > keys / CHANGED_SHARE);
        if keys <= FEW_KEYS as u64 || !is_old {
            return false;
        }
        self.begun_at = changes;
        self.walk = Some((Survey::default(), Place::START));
        true
    }

    fn end(&mut self, shared: &Shared, survey: Survey, now: UnixMillis) {
        shared.survey.set(survey);
        self.last = Some((now, self.begun_at));
    }
}

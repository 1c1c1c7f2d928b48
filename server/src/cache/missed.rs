//! Which keys of the HTTP cache missed most, of the last minute or two.
//!
//! Each worker counts in a sketch as that of `HOTKEYS`, so that many keys that miss once cost no memory; a miss costs a request to an
//! origin anyway. Who asks adds up.

use super::store::Place;
use crate::hotkeys::{self, Live};
use crate::server::Shared;
use spinel_storage::UnixMillis;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a window is.
const WINDOW_MS: i64 = 60_000;
/// Keys that a worker counts in a window. A key that has a larger share of all misses than one of so many is among them.
const COUNTED: usize = 256;

/// What a worker has counted.
pub(crate) struct Missed(Mutex<Live>);

impl Default for Missed {
    fn default() -> Missed {
        Missed(Mutex::new(Live::new(WINDOW_MS)))
    }
}

impl Missed {
    /// Counts a request for a key that what is stored did not answer. O([`COUNTED`]).
    pub(super) fn note(&self, place: Place<'_>, now: UnixMillis) {
        self.live().add(place, 1, now, COUNTED);
    }

    /// Starts again.
    pub(super) fn reset(&self) {
        self.live().clear();
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that missed most, with misses in a minute, the one with most of them first.
pub(crate) fn most_missed(shared: &Shared, now: UnixMillis, count: usize) -> Vec<(hotkeys::Place, u64)> {
    let of_threads = shared.statistics.iter().map(|statistics| &statistics.cache.missed);
    hotkeys::most(of_threads.flat_map(|missed| missed.live().rates(now, COUNTED)), 60.0, count)
}

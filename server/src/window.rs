//! Requests that are looked up together before they run, so that several loads from memory are under way
//! at once.
//!
//! A load that misses the caches takes as long as hundreds of instructions, but a dozen of them side by side
//! take hardly longer than one. So a window is filled in three passes: look up each command, lock its shard
//! and ask for its key's bucket; find in each bucket where the entry probably is; ask for the entries. By
//! then the first entries are there, and the commands run.
//!
//! A command that needs more than the shard of one key, or whose shard somebody else has, is the last of its
//! window: it waits for its locks, and nobody may wait while holding shards for later.

use crate::server::Shared;
use spinel_resp::Batch;
use spinel_storage::engine::{HoldIndex, Holds, Prepared, Turn};
use spinel_storage::{DbIndex, Error};

/// The most requests of a window.
pub(crate) const WINDOW: usize = 16;

/// Requests ready to run, and the shards held for them.
pub(crate) struct Window<'w, 'e> {
    words: Vec<&'w [u8]>,
    requests: Vec<Request>,
    pub(crate) holds: Holds<'e>,
}

/// A request of a window.
pub(crate) struct Request {
    words_start: usize,
    words_end: usize,
    pub(crate) prepared: Result<Prepared, Error>,
    /// Its shard, if it was locked ahead.
    pub(crate) hold: Option<HoldIndex>,
}

impl<'w, 'e> Window<'w, 'e> {
    /// Makes an empty window for a batch of this many requests.
    pub(crate) fn for_batch(requests: usize) -> Window<'w, 'e> {
        let capacity = requests.min(WINDOW);
        Window {
            words: Vec::with_capacity(4 * capacity),
            requests: Vec::with_capacity(capacity),
            holds: Holds::with_capacity(capacity),
        }
    }

    /// Fills the window with requests of a batch from `next` on, at least one.
    pub(crate) fn fill(
        &mut self,
        batch: &'w Batch,
        next: usize,
        input: &'w [u8],
        (turn, db): (&Turn<'e>, DbIndex),
        shared: &Shared,
    ) {
        self.words.clear();
        self.requests.clear();
        for index in next..batch.len().min(next + WINDOW) {
            let words_start = self.words.len();
            self.words.extend(batch.request(index, input).iter());
            let prepared = shared.engine.prepare(&self.words[words_start..]);
            let single = prepared.as_ref().ok().filter(|prepared| prepared.is_single());
            let hold = single.and_then(|prepared| turn.hold(prepared, db, &mut self.holds));
            let is_last = hold.is_none();
            self.requests.push(Request { words_start, words_end: self.words.len(), prepared, hold });
            if is_last {
                break;
            }
        }
        if self.requests.len() > 1 {
            self.prefetch();
        }
    }

    fn prefetch(&self) {
        let mut slots = [None; WINDOW];
        for (request, slot) in self.requests.iter().zip(&mut slots) {
            if let (Ok(prepared), Some(hold)) = (&request.prepared, request.hold) {
                *slot = self.holds.guess(hold, prepared).map(|slot| (hold, slot));
            }
        }
        slots.into_iter().flatten().for_each(|(hold, slot)| self.holds.prefetch_entry(hold, slot));
    }

    /// How many requests there are.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// A request with its words, and the holds.
    #[inline]
    pub(crate) fn request(&mut self, index: usize) -> (&Request, &[&'w [u8]], &mut Holds<'e>) {
        let request = &self.requests[index];
        (request, &self.words[request.words_start..request.words_end], &mut self.holds)
    }
}

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

use spinel_resp::Batch;
use spinel_storage::engine::{Engine, Hold, Holds, Prepared, Turn};
use spinel_storage::{DbIndex, Error};

/// The most requests of a window.
const WINDOW: usize = 16;

/// The requests of a batch, with their words as handlers take them.
pub(crate) struct Requests<'w> {
    pub(crate) batch: &'w Batch,
    /// The words of all requests.
    pub(crate) words: &'w [&'w [u8]],
}

impl<'w> Requests<'w> {
    pub(crate) fn len(&self) -> usize {
        self.batch.len()
    }

    /// The words of a request.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> &'w [&'w [u8]] {
        &self.words[self.batch.range(index)]
    }

    /// The words of each request from one on.
    fn from(&self, index: usize) -> impl Iterator<Item = &'w [&'w [u8]]> {
        let (words, mut start) = (self.words, self.batch.range(index).start);
        self.batch.ends(index).map(move |end| &words[std::mem::replace(&mut start, end)..end])
    }
}

/// Requests ready to run, and the shards held for them.
pub(crate) struct Window<'w, 'e> {
    pub(crate) ready: Vec<Ready<'w>>,
    pub(crate) last: Option<Last<'w>>,
    pub(crate) holds: Holds<'e>,
}

/// A request whose shard is held.
pub(crate) struct Ready<'w> {
    pub(crate) words: &'w [&'w [u8]],
    pub(crate) prepared: Prepared,
    pub(crate) hold: Hold,
}

/// A request that has to wait for its locks, or was refused.
pub(crate) struct Last<'w> {
    pub(crate) words: &'w [&'w [u8]],
    pub(crate) prepared: Result<Prepared, Error>,
}

impl<'w, 'e> Window<'w, 'e> {
    /// Makes an empty window for a batch of this many requests.
    pub(crate) fn for_batch(requests: usize) -> Window<'w, 'e> {
        let capacity = requests.min(WINDOW);
        Window { ready: Vec::with_capacity(capacity), last: None, holds: Holds::with_capacity(capacity) }
    }

    /// Fills the window with requests from `next` on, at least one.
    #[inline(never)]
    pub(crate) fn fill(
        &mut self,
        requests: &Requests<'w>,
        next: usize,
        (turn, db): (&Turn<'e>, DbIndex),
        engine: &Engine,
    ) {
        self.ready.clear();
        for words in requests.from(next).take(WINDOW) {
            let prepared = engine.prepare(words);
            let single = prepared.as_ref().ok().filter(|prepared| prepared.is_single());
            let Some((prepared, hold)) =
                single.and_then(|prepared| Some((*prepared, turn.hold(prepared, db, &mut self.holds)?)))
            else {
                self.last = Some(Last { words, prepared });
                break;
            };
            self.ready.push(Ready { words, prepared, hold });
        }
        if self.ready.len() > 1 {
            self.prefetch();
        }
    }

    fn prefetch(&mut self) {
        for request in &mut self.ready {
            self.holds.guess(&mut request.hold, &request.prepared);
        }
        for request in &self.ready {
            self.holds.prefetch_entry(request.hold);
        }
    }

    /// How many requests there are.
    pub(crate) fn len(&self) -> usize {
        self.ready.len() + usize::from(self.last.is_some())
    }
}

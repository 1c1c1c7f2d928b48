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

use crate::replication;
use spinel_resp::Batch;
use spinel_storage::command::Group;
use spinel_storage::command::flags::Flags;
use spinel_storage::engine::{Engine, Familiar, Hold, Holds, Prepared, Turn};
use spinel_storage::{DbIndex, Error};

/// The most requests of a window.
const WINDOW: usize = 16;

/// Words beyond this capacity (256 KiB) are given back after the batch.
const WORDS_KEPT_MAX: usize = 16 * 1024;

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
    pub(crate) ready: Ready<'w>,
    pub(crate) last: Option<Last<'w>>,
    pub(crate) holds: Holds<'e>,
    /// The command prepared last.
    familiar: Familiar,
}

/// Requests whose shards are held, as runs of one command.
#[derive(Default)]
pub(crate) struct Ready<'w> {
    requests: Vec<Request<'w>>,
    runs: Vec<Run>,
}

/// A request whose shard is held.
pub(crate) struct Request<'w> {
    pub(crate) words: &'w [&'w [u8]],
    pub(crate) hold: Hold,
}

/// A command that requests call one after another.
struct Run {
    prepared: Prepared,
    /// Which request is the first; the next run's first is behind the last.
    first: usize,
}

impl<'w> Ready<'w> {
    /// Each command with the requests that call it.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&Prepared, &[Request<'w>])> {
        let ends = self.runs.iter().skip(1).map(|run| run.first).chain([self.requests.len()]);
        let runs = self.runs.iter().zip(ends);
        runs.map(|(run, end)| (&run.prepared, &self.requests[run.first..end]))
            .filter(|(_, requests)| !requests.is_empty())
    }

    /// What follows calls this command.
    fn begin_run(&mut self, prepared: Prepared) {
        self.runs.push(Run { prepared, first: self.requests.len() });
    }

    /// Forgets all, for other requests; the memory stays.
    fn emptied<'v>(mut self) -> Ready<'v> {
        self.runs.clear();
        Ready { requests: emptied(self.requests), runs: self.runs }
    }
}

/// What becomes of commands that change data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writes {
    Run,
    /// The server is a copy that nobody but the primary may change.
    Refused,
}

/// A request that has to wait for its locks, or was refused.
pub(crate) struct Last<'w> {
    pub(crate) words: &'w [&'w [u8]],
    pub(crate) prepared: Result<Prepared, Error>,
}

/// The memory of a window and of the words it is filled with, kept from batch to batch, and the command prepared last:
/// clients of one application call much the same ones.
#[derive(Default)]
pub(crate) struct Shelf {
    words: Vec<&'static [u8]>,
    ready: Ready<'static>,
    holds: Option<Holds<'static>>,
    familiar: Familiar,
}

impl Shelf {
    /// Room for words.
    pub(crate) fn take_words<'w>(&mut self) -> Vec<&'w [u8]> {
        emptied(std::mem::take(&mut self.words))
    }

    /// Keeps the room, unless it is exceptionally large.
    pub(crate) fn keep_words(&mut self, words: Vec<&[u8]>) {
        if words.capacity() <= WORDS_KEPT_MAX {
            self.words = emptied(words);
        }
    }

    pub(crate) fn keep_window(&mut self, window: Window<'_, '_>) {
        self.ready = window.ready.emptied();
        self.holds = Some(Holds::in_place_of(window.holds));
        self.familiar = window.familiar;
    }
}

/// Empties a vector, for elements of the same type with another lifetime: collecting in place keeps the memory.
fn emptied<T, U>(mut vector: Vec<T>) -> Vec<U> {
    vector.clear();
    vector.into_iter().map(|_| unreachable!("it is empty")).collect()
}

impl<'w, 'e> Window<'w, 'e> {
    /// Makes an empty window.
    pub(crate) fn new(shelf: &mut Shelf) -> Window<'w, 'e> {
        Window {
            ready: std::mem::take(&mut shelf.ready).emptied(),
            last: None,
            holds: shelf.holds.take().map(Holds::in_place_of).unwrap_or_default(),
            familiar: std::mem::take(&mut shelf.familiar),
        }
    }

    /// Fills the window with requests from `next` on, at least one.
    #[inline(never)]
    pub(crate) fn fill(
        &mut self,
        requests: &Requests<'w>,
        next: usize,
        (turn, db): (&Turn<'e>, DbIndex),
        (engine, writes): (&Engine, Writes),
    ) {
        self.ready.requests.clear();
        self.ready.runs.clear();
        if writes == Writes::Refused && self.familiar.prepared().is_some_and(|found| is_write(&found, engine))
        {
            self.familiar = Familiar::default();
        }
        if let Some(prepared) = self.familiar.prepared() {
            self.ready.begin_run(prepared);
        }
        for words in requests.from(next).take(WINDOW) {
            if let Some(hash) = engine.hash_again(words, &self.familiar)
                && let Some(hold) = turn.hold(hash, db, &mut self.holds)
            {
                self.ready.requests.push(Request { words, hold });
            } else if !self.add(words, (turn, db), (engine, writes)) {
                break;
            }
        }
        if self.ready.requests.len() > 1 {
            self.holds.prefetch_entries(&mut self.ready.requests, |request| &mut request.hold);
            let rows = engine.table();
            if self.ready.runs().any(|(prepared, _)| rows.row(prepared.id).command.group == Group::HttpCache)
            {
                self.prefetch_far();
            }
        }
    }

    /// Adds a request that may be anything; whether another may follow.
    #[inline(never)]
    fn add(
        &mut self,
        words: &'w [&'w [u8]],
        (turn, db): (&Turn<'e>, DbIndex),
        (engine, writes): (&Engine, Writes),
    ) -> bool {
        let mut prepared = engine.prepare_anew(words, &mut self.familiar);
        if writes == Writes::Refused && prepared.as_ref().is_ok_and(|found| is_write(found, engine)) {
            // What is familiar is not looked at again.
            self.familiar = Familiar::default();
            prepared = Err(replication::READ_ONLY);
        }
        if let Ok(prepared) = prepared
            && let Some(hash) = prepared.key_hash()
            && let Some(hold) = turn.hold(hash, db, &mut self.holds)
        {
            self.ready.begin_run(prepared);
            self.ready.requests.push(Request { words, hold });
            return true;
        }
        self.last = Some(Last { words, prepared });
        false
    }

    /// Asks for what hangs off the entries, at the end of three pointers.
    #[inline(never)]
    fn prefetch_far(&mut self) {
        let mut all = [None; WINDOW];
        for (far, request) in all.iter_mut().zip(&self.ready.requests) {
            *far = self.holds.prefetch_name(request.hold);
        }
        for far in all.iter().flatten() {
            self.holds.prefetch_large(*far);
        }
        for far in all.iter().flatten() {
            self.holds.prefetch_content(*far);
        }
    }
}

/// Whether a command changes data.
fn is_write(prepared: &Prepared, engine: &Engine) -> bool {
    engine.table().row(prepared.id).command.flags.contains(Flags::WRITE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_keeps_its_memory() {
        let mut shelf = Shelf::default();
        let input = b"word".to_vec();
        let mut words = shelf.take_words();
        words.push(&input[..]);
        let place = words.as_ptr().addr();
        shelf.keep_words(words);
        let words = shelf.take_words();
        assert!(words.is_empty());
        assert_eq!((words.as_ptr().addr(), words.capacity() > 0), (place, true));
        shelf.keep_words(Vec::with_capacity(WORDS_KEPT_MAX + 1));
        assert_eq!(shelf.take_words().capacity(), 0);
    }
}

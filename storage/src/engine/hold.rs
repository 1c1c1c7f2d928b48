//! Shards locked ahead for single-key commands that will run soon, so that memory is loaded meanwhile.

use super::execute::Turn;
use super::prepare::KeyHash;
use crate::keyspace::shard::Shard;
use crate::keyspace::{DbIndex, SHARDS, shard_of};
use spinel_types::{Guess, Home, LargeNumber, Look};
use std::sync::MutexGuard;

/// The shards a thread holds for commands to come, all of one database.
pub struct Holds<'e> {
    db: DbIndex,
    /// For each shard which of `shards` it is, counted from 1, or 0.
    places: Box<[u8; SHARDS]>,
    shards: Vec<(usize, MutexGuard<'e, Shard>)>,
}

/// A key is looked for in so many buckets.
const LOOKS: usize = 3;

/// The most shards that are held at once.
const HOLDS_MAX: usize = u8::MAX as usize;

/// Says where a command's key is: in which of the [`Holds`], and where in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    index: u8,
    pub(super) hash: u64,
    home: Home,
    pub(super) guess: Option<Guess>,
}

/// Says what hangs off an entry: in which of the [`Holds`], and what there. It is so until the first of them changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Far {
    index: u8,
    number: LargeNumber,
}

impl Default for Holds<'_> {
    fn default() -> Self {
        Holds { db: DbIndex(0), places: Box::new([0; SHARDS]), shards: Vec::new() }
    }
}

impl<'e> Holds<'e> {
    /// Holds nothing yet, with the memory of who holds nothing any more. O(1).
    pub fn in_place_of(mut other: Holds<'_>) -> Self {
        other.release();
        // Collecting nothing of the same size in place keeps the memory.
        let shards = other.shards.into_iter().map(|_| unreachable!("it was released")).collect();
        Holds { db: DbIndex(0), places: other.places, shards }
    }

    /// Guesses where commands' entries are and asks for them to be loaded. Their buckets, asked for when the holds were taken, should
    /// be in the cache by now.
    #[inline]
    pub fn prefetch_entries<T>(&self, commands: &mut [T], hold_of: impl Fn(&mut T) -> &mut Hold) {
        let mut is_any_behind = false;
        for command in &mut *commands {
            is_any_behind |= self.guess(hold_of(command));
        }
        // What full buckets let pass is in those behind, which were asked for.
        for _ in 1..LOOKS {
            if !std::mem::take(&mut is_any_behind) {
                break;
            }
            for hold in commands.iter_mut().map(&hold_of).filter(|hold| hold.guess.is_none()) {
                is_any_behind |= self.guess(hold);
            }
        }
        for command in commands {
            let hold = hold_of(command);
            if let Some(guess) = hold.guess {
                self.at(*hold).values.table().prefetch_guessed(guess);
            }
        }
    }

    /// Guesses where a command's entry is and asks for its address to be loaded; whether another look may find it.
    #[inline]
    fn guess(&self, hold: &mut Hold) -> bool {
        match self.at(*hold).values.table().guess(hold.home, hold.hash) {
            Look::Found(guess) => hold.guess = Some(guess),
            Look::Behind(home) => {
                hold.home = home;
                return true;
            }
            Look::Nowhere => {}
        }
        false
    }

    /// Says what hangs off an entry, and asks for what names it to be loaded; the entry should be in the cache by now.
    #[inline]
    pub fn prefetch_name(&self, hold: Hold) -> Option<Far> {
        let number = self.at(hold).values.prefetch_name(hold.guess?)?;
        Some(Far { index: hold.index, number })
    }

    /// Asks for what hangs off an entry to be loaded; its [name](Holds::prefetch_name) should be in the cache by now.
    #[inline]
    pub fn prefetch_large(&self, far: Far) {
        self.shards[usize::from(far.index)].1.values.prefetch_large(far.number);
    }

    /// Asks for what [that](Holds::prefetch_large) holds.
    #[inline]
    pub fn prefetch_content(&self, far: Far) {
        self.shards[usize::from(far.index)].1.values.prefetch_content(far.number);
    }

    /// Unlocks all shards. What commands did with them must be recorded by then: see [`Turn::release_holds`].
    pub(super) fn release(&mut self) {
        for (shard, _locked) in self.shards.drain(..) {
            self.places[shard] = 0;
        }
    }

    #[inline]
    fn add(&mut self, shard: usize, locked: MutexGuard<'e, Shard>, db: DbIndex) -> u8 {
        self.db = db;
        self.shards.push((shard, locked));
        self.places[shard] = self.shards.len() as u8;
        self.places[shard]
    }

    #[inline]
    fn at(&self, hold: Hold) -> &Shard {
        &self.shards[usize::from(hold.index)].1
    }

    #[inline]
    pub(super) fn shard(&mut self, hold: Hold) -> &mut Shard {
        &mut self.shards[usize::from(hold.index)].1
    }
}

impl<'e> Turn<'e> {
    /// Locks the shard of a [single](super::Prepared::is_single) command's key ahead of its execution, unless somebody
    /// has it, somebody waits for a key of it, or 255 are held, and asks for the key's bucket to be loaded.
    ///
    /// Several shards may be held at once, because none is waited for. A command without a hold waits for
    /// its locks, so release all holds before one runs. All holds must be for the same database.
    #[expect(clippy::inline_always, reason = "the loop that fills a window is where it runs")]
    #[inline(always)]
    pub fn hold(&self, KeyHash(hash): KeyHash, db: DbIndex, holds: &mut Holds<'e>) -> Option<Hold> {
        debug_assert!(holds.shards.is_empty() || holds.db == db);
        let shard = shard_of(hash);
        let place = match holds.places[shard] {
            0 if holds.shards.len() == HOLDS_MAX => return None,
            // Who waits there must be served before the next command runs.
            0 => holds.add(
                shard,
                self.engine.keyspace.try_lock(db, shard).filter(|shard| !shard.has_waiters())?,
                db,
            ),
            place => place,
        };
        let index = place - 1;
        let home = holds.shards[usize::from(index)].1.values.table().prefetch_bucket(hash);
        Some(Hold { index, hash, home, guess: None })
    }
}

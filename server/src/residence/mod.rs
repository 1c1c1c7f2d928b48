//! Giving memory back that little lies in, so that what is resident stays near what is used.
//!
//! ```text
//! entries ─ pages of 4 KiB ─ mimalloc's pages of 64 or 512 KiB ─ the system
//!    compacting ┘                  relocating ┘
//! ```
//!
//! When sizes of values change with time, pages are left in which little is in use: those that entries lie in, and those
//! that the allocator cuts these from. So entries are moved out of the sparse pages of their shard, and pages
//! that lie where little else does are put elsewhere. All of that is done in small steps, of which each holds one shard for less than a
//! tenth of a millisecond. The upkeep thread does them; while more is resident than is allowed, so do threads whose
//! commands want room.
//!
//! Where little lies is found out by a *survey*: it adds up what lies in each 64 KiB of the allocator's range, some milliseconds
//! for each gigabyte. While memory is short only the sparsest places are emptied before the next survey: a place is given back
//! when the last of what lay there has gone, which is when all shards have been walked through.

mod survey;

use crate::allocator;
use crate::server::Shared;
use spinel_storage::engine::Turn;
use spinel_storage::keyspace::Position;
use spinel_storage::{Executor, UnixMillis};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};
use survey::Survey;

/// How long the upkeep thread works at this at a time, and how often: ten times a second, or at half of its time while more is
/// resident than is good.
const TURN: Duration = Duration::from_millis(10);
/// How long nothing is done after nothing was to do.
const REST: Duration = Duration::from_secs(1);
/// The same while memory is short.
const REST_UNDER_PRESSURE: Duration = Duration::from_millis(100);
/// How much longer than a survey took the rest after it is: usually and while memory is short, and while more is resident than is allowed.
const REST_PER_WORK: u32 = 20;
const REST_PER_WORK_BEYOND: u32 = 4;
/// Sparse pages are emptied when more than this part of a shard's memory is spare: the one usually, the other when memory is
/// short.
const SHARE: usize = 8;
const SHARE_UNDER_PRESSURE: usize = 32;
/// So large a part of what is committed must be to be won.
const GAIN: usize = 64;
/// So large a part of what is committed must have been won before more is looked for without changes.
const WON: usize = 256;
/// While memory is short so large a part of it is moved between two surveys, but not less than so much.
const MOVED: usize = 64;
const MOVED_BYTES_MIN: usize = 4 << 20;
/// Without pressure there is a change for each so many committed bytes before a survey is worth its time.
const BYTES_PER_CHANGE: u64 = 256 << 10;

/// How many changes make little of what was found last still true.
fn changes_needed() -> u64 {
    allocator::committed_bytes() / BYTES_PER_CHANGE
}

/// How short memory is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pressure {
    /// There is no limit, or less is resident.
    None,
    /// Hardly less is resident than is allowed.
    Short,
    /// More is.
    Beyond,
}

/// What is done about memory that little lies in.
pub(crate) struct Residence(Mutex<Mover>);

/// Where the work goes on. Whoever has it does the next step.
struct Mover {
    compacting: Compacting,
    relocating: Relocating,
    /// Changes to data when the last survey began.
    surveyed: Option<u64>,
    /// Whose turn it is if both have something to do.
    compacts_next: bool,
}

struct Compacting {
    next: Position,
    /// Entries moved since the first shard.
    moved: usize,
    /// When it begins again.
    resumes_at: Instant,
    /// Changes to data when nothing was to do in any shard.
    settled: Option<u64>,
}

enum Relocating {
    /// A survey found nothing to do, after it had taken so long.
    Resting {
        since: Instant,
        spent: Duration,
    },
    Surveying {
        survey: Survey,
        next: Position,
        spent: Duration,
    },
    Moving {
        survey: Survey,
        next: Position,
        spent: Duration,
        /// Bytes that were committed when it began.
        committed: usize,
    },
}

impl Residence {
    pub(crate) fn new() -> Residence {
        let now = Instant::now();
        Residence(Mutex::new(Mover {
            compacting: Compacting { next: Position::default(), moved: 0, resumes_at: now, settled: None },
            relocating: Relocating::Resting { since: now, spent: Duration::ZERO },
            surveyed: None,
            compacts_next: true,
        }))
    }

    /// Works for a short while, if there is something to do. Whether there is more.
    pub(crate) fn work(&self, shared: &Shared, executor: &mut Executor, now: UnixMillis) -> bool {
        let (started, mut has_more) = (Instant::now(), shared.persistence.loading().is_none());
        while has_more && started.elapsed() < TURN {
            let turn = executor.begin(now);
            has_more = self.0.lock().unwrap_or_else(PoisonError::into_inner).step(shared, &turn);
        }
        has_more
    }

    /// Does a part of the work for who wants memory, while more is resident than is allowed, for so long at most. The
    /// turn holds no shard.
    pub(crate) fn help(&self, shared: &Shared, turn: &Turn<'_>, time: Duration) {
        let started = Instant::now();
        while shared.memory_limit.pressure() == Pressure::Beyond && started.elapsed() < time {
            match self.0.try_lock() {
                Ok(mut mover) => {
                    if !mover.step(shared, turn) {
                        return;
                    }
                }
                // Somebody else does the next step, if he has a processor to do it on.
                Err(TryLockError::WouldBlock) => thread::yield_now(),
                Err(TryLockError::Poisoned(_)) => return,
            }
        }
    }
}

impl Mover {
    /// Does a step of less than a tenth of a millisecond; whether there was one to do.
    fn step(&mut self, shared: &Shared, turn: &Turn<'_>) -> bool {
        let pressure = shared.memory_limit.pressure();
        self.compacts_next = !self.compacts_next;
        let has_compacted = self.compacts_next && self.compact(shared, turn, pressure);
        has_compacted || self.relocate(shared, turn, pressure) || self.compact(shared, turn, pressure)
    }

    /// Lets entries leave sparse pages, of some shards or until enough of one were moved.
    fn compact(&mut self, shared: &Shared, turn: &Turn<'_>, pressure: Pressure) -> bool {
        /// A shard of which little is spare costs a lock.
        const SHARDS_PER_STEP: usize = 32;
        let it = &mut self.compacting;
        let now = Instant::now();
        if now < it.resumes_at {
            return false;
        }
        let (share, rest) = match pressure {
            Pressure::None => (SHARE, REST),
            Pressure::Short | Pressure::Beyond => (SHARE_UNDER_PRESSURE, REST_UNDER_PRESSURE),
        };
        if it.next == Position::default() && it.settled == Some(changes(shared)) {
            it.resumes_at = now + rest;
            return false;
        }
        for _ in 0..SHARDS_PER_STEP {
            let (moved, next) = turn.compact(it.next, share);
            it.moved += moved;
            it.next = next.unwrap_or_default();
            if next.is_none() {
                let has_settled = std::mem::take(&mut it.moved) == 0;
                it.settled = has_settled.then(|| changes(shared));
                it.resumes_at = now + if has_settled { rest } else { rest / 10 };
                break;
            }
            if moved > 0 {
                break;
            }
        }
        true
    }

    /// Whether a survey is worth its time again.
    fn is_due(&self, shared: &Shared, pressure: Pressure, (since, spent): (Instant, Duration)) -> bool {
        let rest = match pressure {
            Pressure::None => REST.max(spent * REST_PER_WORK),
            Pressure::Short => REST_UNDER_PRESSURE.max(spent * REST_PER_WORK),
            Pressure::Beyond => spent * REST_PER_WORK_BEYOND,
        };
        if since.elapsed() < rest {
            return false;
        }
        let needed = if pressure > Pressure::None { 0 } else { changes_needed() };
        self.surveyed.is_none_or(|before| changes(shared).wrapping_sub(before) > needed)
    }

    /// Does a step of finding out what lies where it shouldn't, or of putting it elsewhere.
    fn relocate(&mut self, shared: &Shared, turn: &Turn<'_>, pressure: Pressure) -> bool {
        let now = Instant::now();
        match &mut self.relocating {
            Relocating::Resting { since, spent } => {
                let rested = (*since, *spent);
                if !self.is_due(shared, pressure, rested) {
                    return false;
                }
                self.surveyed = Some(changes(shared));
                let survey = Survey::new(allocator::slices());
                self.relocating =
                    Relocating::Surveying { survey, next: Position::default(), spent: Duration::ZERO };
            }
            Relocating::Surveying { survey, next, spent } => {
                let following = turn.relocate(*next, |location| survey.add(location), |_| {});
                *spent += now.elapsed();
                if let Some(following) = following {
                    *next = following;
                    return true;
                }
                let committed = allocator::committed_bytes() as usize;
                let moved_max = match pressure {
                    Pressure::None => usize::MAX,
                    Pressure::Short | Pressure::Beyond => (committed / MOVED).max(MOVED_BYTES_MIN),
                };
                let gain = survey.choose(pressure > Pressure::None, moved_max);
                shared.memory_limit.note_gain(shared, gain);
                if gain > committed / GAIN {
                    let (survey, spent) = (std::mem::take(survey), *spent);
                    self.relocating =
                        Relocating::Moving { survey, next: Position::default(), spent, committed };
                } else {
                    self.relocating = Relocating::Resting { since: now, spent: *spent };
                }
            }
            Relocating::Moving { survey, next, spent, committed } => {
                let survey = std::cell::RefCell::new(survey);
                let is_misplaced = |location| survey.borrow().is_sparse(location);
                let moved = |location| survey.borrow_mut().fill(location);
                let following = turn.relocate(*next, is_misplaced, moved);
                *spent += now.elapsed();
                if let Some(following) = following {
                    *next = following;
                    return true;
                }
                let mut spent = *spent;
                if pressure > Pressure::None {
                    // There may be more to be won, which was not chosen. If nothing was won, then only after changes.
                    spent = Duration::ZERO;
                    let won = committed.saturating_sub(allocator::committed_bytes() as usize);
                    self.surveyed = self.surveyed.filter(|_| won < *committed / WON);
                }
                self.relocating = Relocating::Resting { since: now, spent };
            }
        }
        true
    }
}

/// How often data has changed.
fn changes(shared: &Shared) -> u64 {
    let sums = shared.engine.counters();
    sums.changes.wrapping_add(sums.expired).wrapping_add(sums.evicted)
}

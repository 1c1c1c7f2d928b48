//! What sessions look for once per window: one word, so that all of it together costs a load while nothing is the matter.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Something that sessions have to mind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Concern {
    /// Commands are noted that may be of any size and time.
    Notes = 1,
    /// Somebody monitors.
    Monitors = 1 << 1,
    /// Time and bytes of each command are added to its keys.
    Collection = 1 << 2,
    /// A quota of a database may refuse commands.
    Quotas = 1 << 3,
    /// Writes may have to be refused, because too few replicas have them in time.
    LackingReplicas = 1 << 4,
    /// What tells of data is refused, because the link to the primary is down.
    StaleData = 1 << 5,
    /// Replies to writes may have to wait for replicas; of no concern to each command.
    Quorum = 1 << 6,
    /// By how much keys grow may matter, because memory has a limit; of no concern to each command.
    Growth = 1 << 7,
}

/// What there is to be minded; nothing to start with.
pub(crate) struct Attention {
    concerns: AtomicU8,
    /// From how many nanoseconds on a command is noted.
    noted_nanoseconds: AtomicU64,
}

impl Default for Attention {
    fn default() -> Attention {
        Attention { concerns: AtomicU8::new(0), noted_nanoseconds: AtomicU64::new(u64::MAX) }
    }
}

impl Attention {
    /// Lets something be minded, or not any more.
    pub(crate) fn set(&self, concern: Concern, is_minded: bool) {
        if is_minded {
            self.concerns.fetch_or(concern as u8, Ordering::Relaxed);
        } else {
            self.concerns.fetch_and(!(concern as u8), Ordering::Relaxed);
        }
    }

    /// Whether something is to be minded; costs one relaxed load.
    #[inline]
    pub(crate) fn has(&self, concern: Concern) -> bool {
        self.is_any(concern as u8)
    }

    /// Whether every command has to be looked at, for whatever reason; costs one relaxed load.
    #[inline]
    pub(crate) fn is_on_each(&self) -> bool {
        self.is_any(!(Concern::Growth as u8 | Concern::Quorum as u8))
    }

    /// Whether every command is timed alone, because it may be noted or is added to its keys.
    #[inline]
    pub(crate) fn times_each(&self) -> bool {
        self.is_any(Concern::Notes as u8 | Concern::Collection as u8)
    }

    #[inline]
    fn is_any(&self, concerns: u8) -> bool {
        self.concerns.load(Ordering::Relaxed) & concerns != 0
    }

    /// Lets commands be noted from so many nanoseconds on.
    pub(crate) fn note_from(&self, nanoseconds: u64) {
        self.noted_nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    /// From how many nanoseconds on a command is noted.
    #[inline]
    pub(crate) fn noted_nanoseconds(&self) -> u64 {
        self.noted_nanoseconds.load(Ordering::Relaxed)
    }
}

//! Who listens to what commands do.

use crate::command::table::CommandId;
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::keyspace::news::{News, Observed};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Who did something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Author {
    /// The client, by its number; 0 if it was none.
    pub client: u64,
    /// Whether a script of the client did it.
    pub is_script: bool,
}

/// The program around the engine, as it hears what commands did to keys.
pub trait Audience: Send + Sync {
    /// Hears the news of one command.
    ///
    /// The shards of the keys are still locked, so this must be brief, and must not use the engine.
    fn hear(&self, news: &News, author: Author);

    /// Hears which keys a command has read that waited and was run again in the name of its author, if its
    /// [`Setting`](super::Setting) asks for that. The same holds as for [`hear`](Audience::hear).
    fn hear_reads(&self, keys: &[Box<[u8]>], author: Author);
}

/// The program around the engine, as it decides who may do what.
pub trait Doorkeeper: Send + Sync {
    /// Why a command that waited must not run in the name of its author any more, in the database where it waited, if that
    /// is so: its rights may have changed meanwhile.
    fn objects_to(&self, command: CommandId, words: &[&[u8]], place: (DbIndex, Author)) -> Option<Error>;
}

/// What anybody listens for at the moment. Commands look here once each.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// What commands see.
    heard: AtomicU32,
    /// What is wanted, though it may not be heard now.
    wanted: AtomicU32,
    /// Whether the audience hears nothing, whatever it wants.
    is_muted: Mutex<bool>,
}

/// What the audience hears. The rest is for the engine itself.
const FOR_AUDIENCE: Observed =
    Observed::KEYS.with(Observed::EVENTS).with(Observed::MISSES).with(Observed::PARTS);

impl Attention {
    #[inline]
    pub(crate) fn observed(&self) -> Observed {
        Observed::from_bits(self.heard.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, what: Observed, is_wanted: bool) {
        // Held until what is heard is right.
        let is_muted = self.is_muted();
        let heard = if *is_muted { what.bits() & !FOR_AUDIENCE.bits() } else { what.bits() };
        if is_wanted {
            self.wanted.fetch_or(what.bits(), Ordering::SeqCst);
            self.heard.fetch_or(heard, Ordering::SeqCst);
        } else {
            self.wanted.fetch_and(!what.bits(), Ordering::SeqCst);
            self.heard.fetch_and(!what.bits(), Ordering::SeqCst);
        }
    }

    /// Lets the audience hear nothing, or what it wants again.
    pub(crate) fn mute(&self, mutes: bool) {
        let mut is_muted = self.is_muted();
        *is_muted = mutes;
        let wanted = self.wanted.load(Ordering::SeqCst);
        let heard = if mutes { wanted & !FOR_AUDIENCE.bits() } else { wanted };
        self.heard.store(heard, Ordering::SeqCst);
    }

    fn is_muted(&self) -> MutexGuard<'_, bool> {
        self.is_muted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

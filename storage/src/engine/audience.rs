//! Who listens to what commands do.

use crate::keyspace::news::{News, Observed};
use std::sync::atomic::{AtomicU32, Ordering};

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

/// What anybody listens for at the moment. Commands look here once each.
#[derive(Debug, Default)]
pub(crate) struct Attention(AtomicU32);

impl Attention {
    #[inline]
    pub(crate) fn observed(&self) -> Observed {
        Observed::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, what: Observed, is_wanted: bool) {
        if is_wanted {
            self.0.fetch_or(what.bits(), Ordering::SeqCst);
        } else {
            self.0.fetch_and(!what.bits(), Ordering::SeqCst);
        }
    }
}

//! Who listens to what commands do.

use crate::keyspace::news::{News, Observed};
use std::sync::atomic::{AtomicU32, Ordering};

/// The program around the engine, as it hears what commands did to keys.
pub trait Audience: Send + Sync {
    /// Hears the news of one command of the client with this number; 0 if no client caused them.
    ///
    /// The shards of the keys are still locked, so this must be brief, and must not use the engine.
    fn hear(&self, news: &News, client: u64);
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

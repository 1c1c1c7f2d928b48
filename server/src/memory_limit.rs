//! `maxmemory`: while more is in use, commands that may need more are refused.
//!
//! Adding up what is in use takes a lock per shard, so it is not done for each command: the upkeep thread does it ten
//! times a second, and so does every change of the setting. In between, the data set may grow beyond the limit by
//! what is written in a tenth of a second. A command about to be refused looks again, so that what was freed counts
//! at once.

use crate::config::table;
use crate::info;
use crate::server::Shared;
use spinel_storage::Error;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a refused command is told.
pub(crate) const OUT_OF_MEMORY: Error =
    Error::Text("OOM command not allowed when used memory > 'maxmemory'.");

/// Whether more memory was in use than is allowed when it was last measured.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    is_exceeded: AtomicBool,
}

impl MemoryLimit {
    /// What was found last; costs one relaxed load.
    #[inline]
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }
}

/// Adds up what is in use and returns whether it is more than allowed. O(shards).
pub(crate) fn measure(shared: &Shared) -> bool {
    let limit = shared.config.number(table::MAXMEMORY) as u64;
    let is_exceeded = limit > 0 && info::used_bytes(shared) > limit;
    shared.memory_limit.is_exceeded.store(is_exceeded, Ordering::Relaxed);
    is_exceeded
}

//! Walking over a snapshot on several threads, which encode it for one that writes.

use super::error::SaveError;
use super::file::FileOptions;
use crate::UnixMillis;
use crate::engine::snapshot::{Snapshot, SnapshotEntry, SnapshotVisitor};
use crate::keyspace::access::AccessPolicy;
use spinel_persistence::rdb::Marks;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// So much may wait to be written for each thread that makes it.
const WAITING: usize = 4;

/// Encodes what a thread meets on its walk, and hands it over.
pub(super) trait Walker: SnapshotVisitor + Send {
    /// Hands over what is left at the end of the walk; that fails when nobody writes any more.
    fn finish(self) -> ControlFlow<()>;
}

/// Has as many threads walk over a snapshot as there are cores, at most `walkers_max`, and gives what they hand over to
/// `write` on the calling thread, in the order in which it comes. If that fails, the snapshot is given up.
pub(super) fn walk<T: Send, W: Walker>(
    snapshot: &Snapshot,
    walkers_max: usize,
    walker: impl Fn(SyncSender<T>) -> W,
    write: impl FnMut(T) -> io::Result<()>,
) -> Result<(), SaveError> {
    let walkers = thread::available_parallelism().map_or(1, usize::from).min(walkers_max);
    let (sender, made) = sync_channel(walkers * WAITING);
    thread::scope(|scope| {
        for _ in 0..walkers {
            let mut walker = walker(sender.clone());
            scope.spawn(move || {
                // What broke it off is known to who did.
                if snapshot.walk(&mut walker).is_ok() {
                    // Nobody writes any more only when writing has failed.
                    let _ = walker.finish();
                }
            });
        }
        drop(sender);
        made.into_iter().try_for_each(write).inspect_err(|_| snapshot.cancel())
    })?;
    if snapshot.is_cancelled() { Err(SaveError::Cancelled) } else { Ok(()) }
}

/// Hands something over; that fails when nobody writes any more.
#[inline]
pub(super) fn send<T>(to: &SyncSender<T>, made: T) -> ControlFlow<()> {
    match to.send(made) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// What a file says of the use of keys, if it does.
#[derive(Clone, Copy)]
pub(super) struct UsageNotes(Option<(AccessPolicy, UnixMillis)>);

impl UsageNotes {
    pub(super) fn of(snapshot: &Snapshot, options: &FileOptions) -> UsageNotes {
        UsageNotes(options.notes_usage.then(|| (snapshot.access_policy(), options.now)))
    }

    /// What is noted of a key.
    #[inline]
    pub(super) fn marks(self, entry: &SnapshotEntry<'_>) -> Marks {
        Marks {
            expiry_ms: entry.expiry.map(|at| at.0),
            usage: self.0.map(|(access, now)| access.usage(entry.clock, now)),
        }
    }
}

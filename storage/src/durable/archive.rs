//! Writing a snapshot as a `.spldb` file.
//!
//! Threads walk over the snapshot, encode what they meet into parts, compress and sum them up; the calling thread only
//! writes the parts, in the order in which they are done, and notes them for the root.

use super::error::SaveError;
use super::file::{FileOptions, Growing, Purpose, notes};
use crate::UnixMillis;
use crate::engine::snapshot::{Snapshot, SnapshotEntry, SnapshotVisitor};
use crate::keyspace::access::AccessPolicy;
use spinel_persistence::rdb::{Compression, Marks};
use spinel_persistence::spldb::{Assembly, Coding, Part, PartEncoder};
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// So many parts may wait to be written for each thread that makes them.
const PARTS_WAITING: usize = 4;
/// One thread writes what so many make: making parts takes ten to twenty times as long as handing them to the kernel.
const WALKERS_MAX: usize = 16;

/// Writes all of a snapshot to `file`.
pub(super) fn write(
    snapshot: &Snapshot,
    options: &FileOptions,
    purpose: Purpose,
    file: &mut Growing,
) -> Result<(), SaveError> {
    let coding = match options.compression {
        Compression::None => Coding::Stored,
        Compression::Lzf => Coding::Lz4,
    };
    let mut bytes = Vec::new();
    let mut assembly = Assembly::begin(coding, &notes(options, purpose), &mut bytes);
    file.write(&bytes)?;

    let walkers = thread::available_parallelism().map_or(1, usize::from).min(WALKERS_MAX);
    let (sender, parts) = sync_channel(walkers * PARTS_WAITING);
    thread::scope(|scope| {
        for _ in 0..walkers {
            let walker = Walker {
                encoder: PartEncoder::new(coding),
                usage: options.notes_usage.then(|| (snapshot.access_policy(), options.now)),
                parts: sender.clone(),
            };
            scope.spawn(move || walk(snapshot, walker));
        }
        drop(sender);
        let written = parts.into_iter().try_for_each(|part: Part| {
            assembly.add(&part);
            file.write(&part.bytes)
        });
        written.inspect_err(|_: &io::Error| snapshot.cancel())
    })?;
    if snapshot.is_cancelled() {
        return Err(SaveError::Cancelled);
    }

    bytes.clear();
    assembly.end(&mut bytes);
    Ok(file.write(&bytes)?)
}

/// Encodes what a thread meets on its walk.
struct Walker {
    encoder: PartEncoder,
    usage: Option<(AccessPolicy, UnixMillis)>,
    parts: SyncSender<Part>,
}

impl Walker {
    /// Hands a part over, if there is one; that fails when nobody writes any more.
    #[inline]
    fn hand_over(&self, part: Option<Part>) -> ControlFlow<()> {
        match part.map(|part| self.parts.send(part)) {
            None | Some(Ok(())) => ControlFlow::Continue(()),
            Some(Err(_)) => ControlFlow::Break(()),
        }
    }
}

impl SnapshotVisitor for Walker {
    fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
        let of_other_database = self.encoder.select(entry.db.0);
        self.hand_over(of_other_database)?;
        let marks = Marks {
            expiry_ms: entry.expiry.map(|at| at.0),
            usage: self.usage.map(|(access, now)| access.usage(entry.clock, now)),
        };
        let full = self.encoder.key(entry.key, entry.value, marks);
        self.hand_over(full)
    }
}

fn walk(snapshot: &Snapshot, mut walker: Walker) {
    // What broke it off is known to who did.
    if snapshot.walk(&mut walker).is_ok() {
        let rest = walker.encoder.finish();
        // Nobody writes any more only when writing has failed.
        let _ = walker.hand_over(rest);
    }
}

//! Writing a snapshot as a `.spldb` file.
//!
//! Threads walk over the snapshot, encode what they meet into parts, compress and sum them up; the calling thread only
//! writes the parts, in the order in which they are done, and notes them for the root.

use super::error::SaveError;
use super::file::{FileOptions, Growing, Purpose, notes};
use super::walk::{UsageNotes, Walker, send, walk};
use crate::engine::snapshot::{Snapshot, SnapshotEntry, SnapshotVisitor};
use spinel_persistence::rdb::Compression;
use spinel_persistence::spldb::{Assembly, Coding, Part, PartEncoder};
use std::ops::ControlFlow;
use std::sync::mpsc::SyncSender;

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
    let mut assembly = Assembly::begin(coding, &notes(snapshot.policies(), options, purpose), &mut bytes);
    file.write(&bytes)?;

    let walker = |parts| PartWalker {
        encoder: PartEncoder::new(coding),
        usage: UsageNotes::of(snapshot, options),
        parts,
    };
    walk(snapshot, WALKERS_MAX, walker, |part: Part| {
        assembly.add(&part);
        file.write(&part.bytes)
    })?;

    bytes.clear();
    assembly.end(&mut bytes);
    Ok(file.write(&bytes)?)
}

/// Encodes what a thread meets on its walk.
struct PartWalker {
    encoder: PartEncoder,
    usage: UsageNotes,
    parts: SyncSender<Part>,
}

impl PartWalker {
    /// Hands a part over, if there is one; that fails when nobody writes any more.
    #[inline]
    fn hand_over(&self, part: Option<Part>) -> ControlFlow<()> {
        part.map_or(ControlFlow::Continue(()), |part| send(&self.parts, part))
    }
}

impl SnapshotVisitor for PartWalker {
    fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
        let of_other_database = self.encoder.select(entry.db.0);
        self.hand_over(of_other_database)?;
        let full = self.encoder.key(entry.key, entry.value, self.usage.marks(&entry));
        self.hand_over(full)
    }
}

impl Walker for PartWalker {
    fn finish(mut self) -> ControlFlow<()> {
        let rest = self.encoder.finish();
        self.hand_over(rest)
    }
}

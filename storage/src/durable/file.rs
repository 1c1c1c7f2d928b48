//! Writing a snapshot as a file.
//!
//! Threads walk over the snapshot and encode what they meet into pieces; the calling thread writes the pieces as
//! they come. A file is complete under its name or not there at all: it is written under another one, made durable,
//! and renamed.

use super::archive;
use super::error::SaveError;
use super::walk::{UsageNotes, Walker, send, walk};
use crate::commands::http_cache::policy;
use crate::engine::snapshot::{Snapshot, SnapshotEntry, SnapshotVisitor};
use crate::{DbIndex, REDIS_VERSION, UnixMillis};
use spinel_cache::policy::Policies;
use spinel_persistence::StreamPlace;
use spinel_persistence::log::BaseFormat;
use spinel_persistence::rdb::{Checksum, Compression, Encoder};
use spinel_persistence::vfs::{File, Vfs, parent};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::thread;

/// A file is synced whenever it has grown by so many bytes, if it is synced bit by bit.
const SYNC_BYTES: u64 = 4 << 20;
/// A piece is handed over when it has grown to this.
const PIECE_BYTES: usize = 256 << 10;
/// More threads than this would only wait for the one that writes.
const WALKERS_MAX: usize = 4;

/// What the file of a snapshot is written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotFormat {
    /// An RDB file, which Redis and Valkey can load.
    Rdb,
    /// A `.spldb` file, which all cores write and load.
    Spldb,
}

impl SnapshotFormat {
    /// What the base of a log is that is written so.
    pub(super) fn of_base(self) -> BaseFormat {
        match self {
            SnapshotFormat::Rdb => BaseFormat::Rdb,
            SnapshotFormat::Spldb => BaseFormat::Spldb,
        }
    }
}

/// How a snapshot is written, and what the file says beside its keys.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// What it is written as.
    pub format: SnapshotFormat,
    /// Whether long strings are compressed.
    pub compression: Compression,
    /// Whether the file ends in a checksum.
    pub is_checked: bool,
    /// Whether it is synced bit by bit, so that the last sync does not keep the disk busy for long.
    pub is_synced_early: bool,
    /// Whether it says when or how often each key was used: what eviction goes by.
    pub notes_usage: bool,
    /// The time.
    pub now: UnixMillis,
    /// How many bytes the data set takes in memory.
    pub used_bytes: u64,
    /// The code of the function libraries that belong to the data.
    pub libraries: Vec<Vec<u8>>,
    /// Where the data set stands in a stream that servers copy, if it does. The base of a log doesn't say it: what follows it
    /// stands elsewhere.
    pub place: Option<StreamPlace>,
}

impl FileOptions {
    /// An RDB file, compressed, with a checksum, synced bit by bit, and with nothing beside the keys.
    pub fn new(now: UnixMillis) -> FileOptions {
        FileOptions {
            format: SnapshotFormat::Rdb,
            compression: Compression::Lzf,
            is_checked: true,
            is_synced_early: true,
            notes_usage: false,
            now,
            used_bytes: 0,
            libraries: Vec::new(),
            place: None,
        }
    }
}

/// What a file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To be the data set.
    Snapshot,
    /// To be the base of a log.
    LogBase,
}

/// Writes a snapshot to a file that replaces the one of that name, if there is one, when all of it is durable.
///
/// The calling thread must not be inside a turn. If it fails, the snapshot is given up and the old file is still there.
pub fn save(snapshot: &Snapshot, options: &FileOptions, vfs: &dyn Vfs, path: &Path) -> Result<(), SaveError> {
    let temporary = path.with_file_name(format!("temp-{}.rdb", std::process::id()));
    write_whole(snapshot, options, Purpose::Snapshot, vfs, &temporary)?;
    vfs.rename(&temporary, path).inspect_err(|_| {
        // What matters is told: that the name could not be had.
        let _ = vfs.remove(&temporary);
    })?;
    // A name is durable when its folder is.
    Ok(vfs.sync_directory(parent(path))?)
}

/// Makes a directory unless it is there, and makes sure that a crash leaves it there.
pub fn make_directory(vfs: &dyn Vfs, path: &Path) -> io::Result<()> {
    vfs.create_directory(path)?;
    if path.file_name().is_none() {
        // It is in no other that could lose it, or only the operating system knows in which.
        return Ok(());
    }
    match vfs.sync_directory(parent(path)) {
        // Who may not look into the folder has not made the directory.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome,
    }
}

/// Writes all of a snapshot to a file of this name and makes its content durable. If that fails, the snapshot is given up
/// and the file removed.
pub(super) fn write_whole(
    snapshot: &Snapshot,
    options: &FileOptions,
    purpose: Purpose,
    vfs: &dyn Vfs,
    path: &Path,
) -> Result<(), SaveError> {
    let written = vfs.create(path).map_err(SaveError::from).and_then(|file| {
        let mut file = Growing { file, unsynced: 0, is_synced_early: options.is_synced_early };
        match options.format {
            SnapshotFormat::Rdb => {
                write(snapshot, options, (purpose, WALKERS_MAX), &mut |bytes| file.write(&bytes))?;
            }
            SnapshotFormat::Spldb => archive::write(snapshot, options, purpose, &mut file)?,
        }
        Ok(file.file.sync()?)
    });
    written.inspect_err(|_| {
        snapshot.cancel();
        // It may not even have been made.
        let _ = vfs.remove(path);
    })
}

/// A file that is being written.
pub(super) struct Growing {
    file: Box<dyn File>,
    /// How many bytes were written since the last sync.
    unsynced: u64,
    is_synced_early: bool,
}

impl Growing {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unsynced += bytes.len() as u64;
        if self.is_synced_early && self.unsynced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }
}

/// Gives all of a snapshot, as an RDB file, to `write`, bit by bit; for somebody else than a disk.
///
/// It leaves a core to those who are served meanwhile, because they would wait for a walker that was put aside while it held a
/// shard. The calling thread must not be inside a turn. If it fails, the snapshot is given up.
pub fn stream(
    snapshot: &Snapshot,
    options: &FileOptions,
    write: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
) -> Result<(), SaveError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let walkers_max = cores.saturating_sub(1).clamp(1, WALKERS_MAX);
    self::write(snapshot, options, (Purpose::Snapshot, walkers_max), write).inspect_err(|_| snapshot.cancel())
}

/// An RDB file of what belongs to the data but is no key: the function libraries.
pub fn without_keys(options: &FileOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::start(&mut bytes);
    bytes.extend_from_slice(&notes(&Policies::default(), options, Purpose::Snapshot));
    let checksum = Checksum::of(&bytes);
    Encoder::end(options.is_checked.then_some(checksum), &mut bytes);
    bytes
}

/// Gives all of a snapshot to `write`, as an RDB file; at most so many threads walk over it.
fn write(
    snapshot: &Snapshot,
    options: &FileOptions,
    (purpose, walkers_max): (Purpose, usize),
    write: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
) -> Result<(), SaveError> {
    let mut bytes = Vec::new();
    Encoder::start(&mut bytes);
    bytes.extend_from_slice(&notes(snapshot.policies(), options, purpose));
    for size in snapshot.sizes() {
        Encoder::select_db(size.db.0, &mut bytes);
        Encoder::sizes(size.keys as u64, size.expires as u64, &mut bytes);
    }
    let mut checksum = Checksum::of(&bytes);
    write(bytes)?;

    let walker = |pieces| PieceWalker {
        encoder: encoder(options, purpose),
        usage: UsageNotes::of(snapshot, options),
        is_checked: options.is_checked,
        db: None,
        bytes: Vec::with_capacity(PIECE_BYTES),
        pieces,
    };
    walk(snapshot, walkers_max, walker, |piece: Piece| {
        if let Some(of_piece) = piece.checksum {
            checksum = checksum.followed_by(of_piece);
        }
        write(piece.bytes)
    })?;

    let mut bytes = Vec::new();
    Encoder::end(options.is_checked.then_some(checksum), &mut bytes);
    Ok(write(bytes)?)
}

/// What a file says beside its keys: what it is, the policies of HTTP caches, the function libraries.
pub(super) fn notes(policies: &Policies, options: &FileOptions, purpose: Purpose) -> Vec<u8> {
    let (mut bytes, mut encoder) = (Vec::new(), Encoder::new(Compression::None));
    let base = u8::from(purpose == Purpose::LogBase);
    for (name, text) in [
        ("redis-ver", REDIS_VERSION.to_owned()),
        ("redis-bits", usize::BITS.to_string()),
        ("ctime", (options.now.0 / 1000).to_string()),
        ("used-mem", options.used_bytes.to_string()),
        ("aof-base", base.to_string()),
    ] {
        encoder.aux(name.as_bytes(), text.as_bytes(), &mut bytes);
    }
    if let Some(place) = options.place.filter(|_| purpose == Purpose::Snapshot) {
        for (name, text) in place.fields() {
            encoder.aux(name.as_bytes(), text.as_bytes(), &mut bytes);
        }
    }
    for (name, text) in policy::fields(policies) {
        encoder.aux(name, &text, &mut bytes);
    }
    for code in &options.libraries {
        encoder.function(code, &mut bytes);
    }
    bytes
}

/// The base of a log stays with its server, and may name files of it; a snapshot is taken elsewhere, too.
fn encoder(options: &FileOptions, purpose: Purpose) -> Encoder {
    let encoder = Encoder::new(options.compression);
    if purpose == Purpose::LogBase { encoder.for_itself() } else { encoder }
}

/// A part of a file, and its checksum.
struct Piece {
    bytes: Vec<u8>,
    checksum: Option<Checksum>,
}

/// Encodes what a thread meets on its walk.
struct PieceWalker {
    encoder: Encoder,
    usage: UsageNotes,
    is_checked: bool,
    /// The database of the last key in the piece.
    db: Option<DbIndex>,
    bytes: Vec<u8>,
    pieces: SyncSender<Piece>,
}

impl PieceWalker {
    /// Hands the piece over; that fails when nobody writes any more.
    fn hand_over(&mut self) -> ControlFlow<()> {
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(PIECE_BYTES));
        let checksum = self.is_checked.then(|| Checksum::of(&bytes));
        // What comes before the next piece in the file is another thread's.
        self.db = None;
        send(&self.pieces, Piece { bytes, checksum })
    }
}

impl SnapshotVisitor for PieceWalker {
    fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
        if self.db != Some(entry.db) {
            self.db = Some(entry.db);
            Encoder::select_db(entry.db.0, &mut self.bytes);
        }
        self.encoder.key(entry.key, entry.value, self.usage.marks(&entry), &mut self.bytes);
        if self.bytes.len() < PIECE_BYTES { ControlFlow::Continue(()) } else { self.hand_over() }
    }
}

impl Walker for PieceWalker {
    fn finish(mut self) -> ControlFlow<()> {
        if self.bytes.is_empty() { ControlFlow::Continue(()) } else { self.hand_over() }
    }
}

//! Writing a snapshot as an RDB file.
//!
//! Threads walk over the snapshot and encode what they meet into pieces; the calling thread writes the pieces as
//! they come. A file is complete under its name or not there at all: it is written under another one, made durable,
//! and renamed.

use crate::config::table;
use crate::server::{Shared, now};
use crate::version;
use spinel_persistence::rdb::{Checksum, Compression, Encoder, Marks};
use spinel_storage::engine::snapshot::{Snapshot, SnapshotEntry, SnapshotVisitor};
use spinel_storage::keyspace::access::AccessPolicy;
use spinel_storage::{DbIndex, UnixMillis};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// A piece is handed over when it has grown to this.
const PIECE_BYTES: usize = 256 << 10;
/// So many pieces may wait to be written for each thread that makes them.
const PIECES_WAITING: usize = 4;
/// More threads than this would only wait for the one that writes.
const WALKERS_MAX: usize = 4;

/// Why a snapshot was not written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody wants it any more.
    Cancelled,
    /// The file system refused.
    Io(io::Error),
    /// Something else went wrong.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Cancelled => f.write_str("it was cancelled"),
            Failure::Io(error) => error.fmt(f),
            Failure::Other(reason) => f.write_str(reason),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

/// How many keys a snapshot has, nearly.
pub(crate) fn all_keys(snapshot: &Snapshot) -> u64 {
    snapshot.sizes().iter().map(|size| size.keys as u64).sum()
}

/// Writes a snapshot to the file that `dbfilename` names, in the working folder.
pub(crate) fn write_file(shared: &Shared, snapshot: &Snapshot) -> Result<(), Failure> {
    let Some(target) = shared.config.path(table::DBFILENAME) else {
        return Err(io::Error::from(io::ErrorKind::InvalidFilename).into());
    };
    let temporary = PathBuf::from(format!("temp-{}.rdb", std::process::id()));
    write_whole(shared, snapshot, Purpose::Snapshot, &temporary)?;
    fs::rename(&temporary, &target).inspect_err(|_| {
        // What matters is told: that the name could not be had.
        let _ = fs::remove_file(&temporary);
    })?;
    // A name is durable when its folder is.
    File::open(".")?.sync_all()?;
    Ok(())
}

/// What a file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// To be the data set.
    Snapshot,
    /// To be the base of a log.
    LogBase,
}

/// Writes all of a snapshot to a file of this name and makes its content durable. If that fails, the snapshot is given up
/// and the file removed.
pub(crate) fn write_whole(
    shared: &Shared,
    snapshot: &Snapshot,
    purpose: Purpose,
    path: &Path,
) -> Result<(), Failure> {
    let written = File::create(path).map_err(Failure::from).and_then(|file| {
        write(shared, snapshot, purpose, &file)?;
        Ok(file.sync_all()?)
    });
    written.inspect_err(|_| {
        snapshot.cancel();
        // It may not even have been made.
        let _ = fs::remove_file(path);
    })
}

/// Writes all of a snapshot to `file`.
fn write(
    shared: &Shared,
    snapshot: &Snapshot,
    purpose: Purpose,
    mut file: impl Write,
) -> Result<(), Failure> {
    let is_checked = shared.config.is_on(table::RDBCHECKSUM);
    let compression =
        if shared.config.is_on(table::RDBCOMPRESSION) { Compression::Lzf } else { Compression::None };
    let mut bytes = head(shared, purpose);
    let mut checksum = Checksum::of(&bytes);
    file.write_all(&bytes)?;

    let walkers = thread::available_parallelism().map_or(1, usize::from).min(WALKERS_MAX);
    let (sender, pieces) = sync_channel(walkers * PIECES_WAITING);
    thread::scope(|scope| {
        for _ in 0..walkers {
            let walker = Walker {
                encoder: Encoder::new(compression),
                usage: noted_usage(shared),
                is_checked,
                db: None,
                bytes: Vec::with_capacity(PIECE_BYTES),
                pieces: sender.clone(),
            };
            scope.spawn(move || walk(snapshot, walker));
        }
        drop(sender);
        write_pieces(&mut file, &mut checksum, pieces).inspect_err(|_| snapshot.cancel())
    })?;
    if snapshot.is_cancelled() {
        return Err(Failure::Cancelled);
    }

    bytes.clear();
    Encoder::end(is_checked.then_some(checksum), &mut bytes);
    file.write_all(&bytes)?;
    Ok(())
}

/// What stands before the keys: what the file is, the function libraries.
fn head(shared: &Shared, purpose: Purpose) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(Compression::None);
    Encoder::start(&mut bytes);
    let used = crate::info::used_bytes(shared);
    let base = u8::from(purpose == Purpose::LogBase);
    for (name, text) in [
        ("redis-ver", version::REDIS.to_owned()),
        ("redis-bits", usize::BITS.to_string()),
        ("ctime", (now().0 / 1000).to_string()),
        ("used-mem", used.to_string()),
        ("aof-base", base.to_string()),
    ] {
        encoder.aux(name.as_bytes(), text.as_bytes(), &mut bytes);
    }
    for library in shared.scripts.interpreter().libraries() {
        encoder.function(library.code(), &mut bytes);
    }
    bytes
}

/// A part of a file, and its checksum.
struct Piece {
    bytes: Vec<u8>,
    checksum: Option<Checksum>,
}

fn write_pieces(file: &mut impl Write, checksum: &mut Checksum, pieces: Receiver<Piece>) -> io::Result<()> {
    for piece in pieces {
        file.write_all(&piece.bytes)?;
        if let Some(of_piece) = piece.checksum {
            *checksum = checksum.followed_by(of_piece);
        }
    }
    Ok(())
}

/// By what uses of keys are written: what eviction goes by, if it goes by any.
fn noted_usage(shared: &Shared) -> Option<(AccessPolicy, UnixMillis)> {
    let policy = shared.config.show(table::MAXMEMORY_POLICY);
    let is_noted = policy.ends_with(b"-lru") || policy.ends_with(b"-lfu");
    is_noted.then(|| (shared.engine.access_policy(), now()))
}

/// Encodes what a thread meets on its walk.
struct Walker {
    encoder: Encoder,
    usage: Option<(AccessPolicy, UnixMillis)>,
    is_checked: bool,
    /// The database of the last key in the piece.
    db: Option<DbIndex>,
    bytes: Vec<u8>,
    pieces: SyncSender<Piece>,
}

impl Walker {
    /// Hands the piece over; that fails when nobody writes any more.
    fn hand_over(&mut self) -> ControlFlow<()> {
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(PIECE_BYTES));
        let checksum = self.is_checked.then(|| Checksum::of(&bytes));
        // What comes before the next piece in the file is another thread's.
        self.db = None;
        match self.pieces.send(Piece { bytes, checksum }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl SnapshotVisitor for Walker {
    fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
        if self.db != Some(entry.db) {
            self.db = Some(entry.db);
            Encoder::select_db(entry.db.0, &mut self.bytes);
        }
        let marks = Marks {
            expiry_ms: entry.expiry.map(|at| at.0),
            usage: self.usage.map(|(access, now)| access.usage(entry.clock, now)),
        };
        self.encoder.key(entry.key, entry.value, marks, &mut self.bytes);
        if self.bytes.len() < PIECE_BYTES { ControlFlow::Continue(()) } else { self.hand_over() }
    }
}

fn walk(snapshot: &Snapshot, mut walker: Walker) {
    // What broke it off is known to who did.
    if snapshot.walk(&mut walker).is_ok() && !walker.bytes.is_empty() {
        // Nobody writes any more only when writing has failed.
        let _ = walker.hand_over();
    }
}

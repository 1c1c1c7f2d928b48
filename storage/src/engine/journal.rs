//! The one true order of all writes, as RESP commands.
//!
//! ```text
//! chunks  [ … 64 KiB ][ … 64 KiB ] [ open …        end
//!              │  └ a reader reads on here
//!              └ dropped when every reader has it
//! ```
//!
//! Effects are appended while the shards they concern are locked, so two writes to one key stand here in the
//! order in which they happened. Readers (a log on disk, replicas, change streams) attach and read from
//! their own offset; what they take is not copied. Without a reader nothing is recorded, and a write costs one
//! relaxed load here.
//!
//! Taking the lock costs more than writing a line, because the processor waits for what it has stored before. So
//! commands of one thread whose shards stay locked until the last of them has run are gathered (`Gathered`) and appended at once.

use super::audience::Attention;
use super::effect::Line;
use crate::keyspace::DbIndex;
use crate::keyspace::news::Observed;
use spinel_persistence::log::Chunk;
use spinel_resp::encode_words;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A position in the journal in bytes.
pub type Offset = u64;

/// So much memory is for a chunk that is full.
const CHUNK_BYTES: usize = 64 << 10;
/// A chunk with so many bytes is closed: what is gathered at a time still fits into its memory before.
const CHUNK_BYTES_FULL: usize = CHUNK_BYTES - GATHERED_BYTES_MAX - GATHERED_LINE_BYTES_MAX;
/// The first bytes of a chunk get as much memory as the last chunk needed, within these bounds.
const ROOM_BYTES_MIN: usize = 1 << 10;

/// The journal of one engine.
#[derive(Default)]
pub struct Journal {
    attention: Arc<Attention>,
    end: AtomicU64,
    record: Mutex<Record>,
    /// Called by the write that somebody [awaits](Reader::await_write).
    bell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct Record {
    /// Whether somebody awaits the next write.
    is_awaited: bool,
    /// What some reader still lacks, in chunks without a gap.
    chunks: VecDeque<Piece>,
    /// The chunk that is appended to, behind the others.
    open: Vec<u8>,
    /// Offset of the first byte of the open chunk.
    open_start: Offset,
    /// The database the last effect was for.
    db: Option<DbIndex>,
    readers: BTreeMap<u64, Offset>,
    next_reader: u64,
}

/// Some bytes of the journal: whole commands, and whole groups of those that ran as one.
#[derive(Clone, Debug)]
pub struct Piece {
    offset: Offset,
    bytes: Chunk,
}

/// Reads the journal from where it stood when the reader was attached. Detaches when dropped.
pub struct Reader {
    journal: Arc<Journal>,
    id: u64,
    offset: Offset,
}

/// More is not gathered.
const GATHERED_BYTES_MAX: usize = 16 << 10;
/// No line with so many bytes of words is gathered: it would be copied twice.
const GATHERED_LINE_BYTES_MAX: usize = 2 << 10;

/// Lines for one database that are not in the journal yet.
#[derive(Default)]
pub(crate) struct Gathered {
    db: DbIndex,
    bytes: Vec<u8>,
}

impl Gathered {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a line, if there is room for it. If not, what was gathered must be appended before the line is.
    #[inline]
    pub(crate) fn add(&mut self, db: DbIndex, words: &[&[u8]]) -> bool {
        let is_for_this = self.db == db || self.is_empty();
        let line_bytes: usize = words.iter().map(|word| word.len()).sum();
        if !is_for_this || line_bytes > GATHERED_LINE_BYTES_MAX || self.bytes.len() > GATHERED_BYTES_MAX {
            return false;
        }
        self.db = db;
        encode_words(words, &mut self.bytes);
        true
    }
}

impl Piece {
    /// Where its first byte stands in the journal.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Where the first byte behind it stands in the journal.
    pub fn end(&self) -> Offset {
        self.offset + self.len() as Offset
    }

    /// What of it stands at an offset or behind it.
    fn from(&self, offset: Offset) -> Piece {
        let skipped = offset.saturating_sub(self.offset);
        Piece { offset: self.offset + skipped, bytes: self.bytes.clone().behind(skipped as usize) }
    }
}

impl From<Piece> for Chunk {
    fn from(piece: Piece) -> Chunk {
        piece.bytes
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Journal {
    /// Makes an empty journal that says in `attention` whether anybody reads.
    pub(crate) fn new(attention: Arc<Attention>) -> Journal {
        Journal { attention, ..Journal::default() }
    }

    /// Has `ring` called by each write that somebody [awaits](Reader::await_write), on the thread of its command, which still has
    /// its keys locked: it must be quick, and must not use the engine. There can be one; whether there was none yet.
    pub fn set_bell(&self, ring: impl Fn() + Send + Sync + 'static) -> bool {
        self.bell.set(Box::new(ring)).is_ok()
    }

    /// Attaches a reader at the end.
    pub fn attach(self: &Arc<Journal>) -> Reader {
        let mut record = self.record();
        let (id, offset) = (record.next_reader, record.end());
        record.next_reader += 1;
        record.readers.insert(id, offset);
        // The new reader must learn which database follows.
        record.db = None;
        self.attention.set(Observed::JOURNAL, true);
        Reader { journal: Arc::clone(self), id, offset }
    }

    /// Whether anybody reads.
    #[inline]
    pub fn has_readers(&self) -> bool {
        self.attention.observed().has(Observed::JOURNAL)
    }

    /// Where the next byte will stand. Who has seen what a command did finds its effect before this.
    #[inline]
    pub fn end(&self) -> Offset {
        self.end.load(Ordering::Acquire)
    }

    /// Makes what follows intelligible to who reads from here on, and returns where that is.
    pub(crate) fn cut(&self) -> Offset {
        let mut record = self.record();
        record.db = None;
        record.end()
    }

    /// Appends lines that happened in one database at once.
    pub(crate) fn append(&self, db: DbIndex, lines: &[Line]) {
        self.write(|record| {
            record.select(db);
            record.group(lines.len(), |record| lines.iter().for_each(|line| record.line(line)));
        });
    }

    /// Appends what was gathered, of which nothing is left then. Its shards must still be locked.
    pub(crate) fn append_gathered(&self, gathered: &mut Gathered) {
        self.write(|record| {
            record.select(gathered.db);
            record.open.extend_from_slice(&gathered.bytes);
        });
        gathered.bytes.clear();
    }

    /// Appends lines that happened at once, in any databases.
    pub(crate) fn append_group(&self, lines: &[(DbIndex, Line)]) {
        let Some((first, _)) = lines.first() else { return };
        self.write(|record| {
            record.select(*first);
            record.group(lines.len(), |record| {
                for (db, line) in lines {
                    record.select(*db);
                    record.line(line);
                }
            });
        });
    }

    /// Appends one command as it was received.
    pub(crate) fn append_words(&self, db: DbIndex, words: &[&[u8]]) {
        self.write(|record| {
            record.select(db);
            record.line(words);
        });
    }

    fn write(&self, write: impl FnOnce(&mut Record)) {
        let mut record = self.record();
        write(&mut record);
        // The shards are still locked: who sees what this command did sees the new end, too.
        self.end.store(record.end(), Ordering::Release);
        if record.open.len() >= CHUNK_BYTES_FULL {
            record.close();
        }
        if std::mem::take(&mut record.is_awaited) {
            drop(record);
            if let Some(ring) = self.bell.get() {
                ring();
            }
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn end(&self) -> Offset {
        self.open_start + self.open.len() as Offset
    }

    fn line<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        encode_words(words, &mut self.open);
    }

    fn select(&mut self, db: DbIndex) {
        if self.db != Some(db) {
            self.db = Some(db);
            self.line(&[&b"SELECT"[..], db.0.to_string().as_bytes()]);
        }
    }

    /// Lets several lines be written as one group.
    fn group(&mut self, lines: usize, write: impl FnOnce(&mut Record)) {
        let is_group = lines > 1;
        if is_group {
            self.line(&[b"MULTI"]);
        }
        write(self);
        if is_group {
            self.line(&[b"EXEC"]);
        }
    }

    /// Begins a new chunk, so that what there is can be given away.
    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let room = self.open.len().next_power_of_two().clamp(ROOM_BYTES_MIN, CHUNK_BYTES);
        let bytes = std::mem::replace(&mut self.open, Vec::with_capacity(room));
        let chunk = Piece { offset: self.open_start, bytes: bytes.into() };
        self.open_start = chunk.end();
        self.chunks.push_back(chunk);
    }

    /// Drops what every reader has read.
    fn trim(&mut self) {
        let keep_from = self.readers.values().copied().min().unwrap_or(self.end());
        while self.chunks.front().is_some_and(|chunk| chunk.end() <= keep_from) {
            self.chunks.pop_front();
        }
    }
}

impl Reader {
    /// Where the next byte that will be taken stands in the journal.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Takes all bytes since the last call, in their order. They are not copied.
    pub fn take(&mut self) -> Vec<Piece> {
        let mut record = self.journal.record();
        record.close();
        let end = record.end();
        let first = record.chunks.partition_point(|chunk| chunk.end() <= self.offset);
        let pieces = record.chunks.iter().skip(first).map(|chunk| chunk.from(self.offset)).collect();
        self.offset = end;
        record.readers.insert(self.id, end);
        record.trim();
        pieces
    }

    /// Has the next write ring the [bell](Journal::set_bell), unless there is something to be taken already; whether it will.
    pub fn await_write(&self) -> bool {
        let mut record = self.journal.record();
        record.is_awaited = record.end() == self.offset;
        record.is_awaited
    }

    /// Gives all bytes since the last call to a log, and returns the offset reached.
    pub(crate) fn give(&mut self, take: &mut dyn FnMut(Chunk)) -> Offset {
        self.take().into_iter().for_each(|piece| take(piece.bytes));
        self.offset
    }

    /// Appends all bytes since the last call to `bytes` and returns the offset reached.
    pub fn read(&mut self, bytes: &mut Vec<u8>) -> Offset {
        self.take().iter().for_each(|piece| bytes.extend_from_slice(piece));
        self.offset
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut record = self.journal.record();
        record.readers.remove(&self.id);
        if record.readers.is_empty() {
            record.close();
        }
        record.trim();
        self.journal.attention.set(Observed::JOURNAL, !record.readers.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_what_follows_their_attachment() {
        let journal = Arc::new(Journal::default());
        assert!(!journal.has_readers());
        let mut first = journal.attach();
        journal.append_words(DbIndex(0), &[b"SET", b"a", b"1"]);
        let mut second = journal.attach();
        journal.append_words(DbIndex(0), &[b"DEL", b"a"]);
        let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
        first.read(&mut of_first);
        second.read(&mut of_second);
        let select = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
        let (set, del) = ("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n", "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n");
        assert_eq!(String::from_utf8_lossy(&of_first), format!("{select}{set}{select}{del}"));
        assert_eq!(String::from_utf8_lossy(&of_second), format!("{select}{del}"));
        assert_eq!(journal.record().chunks.len(), 0, "all was read");
        drop((first, second));
        assert!(!journal.has_readers());
    }

    #[test]
    fn what_was_gathered_is_for_its_database() {
        let journal = Arc::new(Journal::default());
        let mut reader = journal.attach();
        let mut gathered = Gathered::default();
        assert!(gathered.add(DbIndex(3), &[b"DEL", b"a"]) && gathered.add(DbIndex(3), &[b"DEL", b"b"]));
        assert!(!gathered.add(DbIndex(0), &[b"DEL", b"c"]), "it is of another database");
        journal.append_gathered(&mut gathered);
        assert!(gathered.is_empty() && gathered.add(DbIndex(0), &[b"DEL", b"c"]));
        assert!(!gathered.add(DbIndex(0), &[b"SET", b"k", &[0; GATHERED_LINE_BYTES_MAX]]), "it is long");
        while gathered.add(DbIndex(0), &[b"SET", b"k", &[0; 1000]]) {}
        assert!(gathered.bytes.len() < GATHERED_BYTES_MAX + 2000);
        let mut bytes = Vec::new();
        assert_eq!(reader.read(&mut bytes), journal.end());
        let select = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
        let deletions = "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n";
        assert_eq!(String::from_utf8_lossy(&bytes), format!("{select}{deletions}"));
    }

    /// A command that is `round` in 8 digits, of 100 bytes and more.
    fn append(journal: &Journal, round: u64) {
        journal.append_words(DbIndex(0), &[b"SET", format!("{round:08}").as_bytes(), &[b'v'; 70]]);
    }

    #[test]
    fn readers_at_different_places_get_the_same_bytes_at_their_offsets() {
        let journal = Arc::new(Journal::default());
        let mut whole = Vec::new();
        let mut eager = journal.attach();
        let mut readers: Vec<(Reader, Vec<u8>)> = Vec::new();
        for round in 0..20_000 {
            append(&journal, round);
            if round % 2_500 == 0 {
                eager.read(&mut whole);
                readers.push((journal.attach(), Vec::new()));
            }
            let lazy = (round * 7 % 97) as usize;
            if let Some((reader, bytes)) = readers.get_mut(lazy) {
                let pieces = reader.take();
                assert!(pieces.windows(2).all(|pair| pair[0].end() == pair[1].offset()));
                assert!(pieces.iter().all(|piece| piece.ends_with(b"\r\n") && piece.starts_with(b"*")));
                for piece in pieces {
                    bytes.extend_from_slice(&piece);
                }
            }
        }
        assert_eq!(eager.read(&mut whole), journal.end());
        for (mut reader, mut bytes) in readers {
            assert_eq!(reader.read(&mut bytes), journal.end());
            assert!(whole.ends_with(&bytes), "it read all from where it was attached");
        }
        assert_eq!(whole.len() as Offset, journal.end());
        drop(eager);
        assert_eq!(journal.record().chunks.len(), 0, "nobody reads");
    }

    #[test]
    fn an_awaited_write_rings_once() {
        let journal = Arc::new(Journal::default());
        let rung = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&rung);
        assert!(journal.set_bell(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        let mut reader = journal.attach();
        append(&journal, 1);
        assert!(!reader.await_write(), "there is something already");
        append(&journal, 2);
        assert_eq!(rung.load(Ordering::Relaxed), 0);
        reader.take();
        assert!(reader.await_write());
        append(&journal, 3);
        append(&journal, 4);
        assert_eq!(rung.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_single_reader_owns_what_it_takes() {
        let journal = Arc::new(Journal::default());
        let mut reader = journal.attach();
        (0..2_000).for_each(|round| append(&journal, round));
        let pieces = reader.take();
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.bytes.is_sole()));
        assert!(reader.take().is_empty());
    }
}

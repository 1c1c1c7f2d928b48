//! The one true order of all writes, as RESP commands.
//!
//! Effects are appended while the shards they concern are locked, so two writes to one key stand here in the
//! order in which they happened. Readers (a log on disk, replicas, change streams) attach and read from
//! their own offset; bytes that every reader has read are dropped. Without a reader nothing is recorded, and
//! a write costs one relaxed load here.

use super::audience::Attention;
use super::effect::Line;
use crate::keyspace::DbIndex;
use crate::keyspace::news::Observed;
use spinel_resp::encode_request;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A position in the journal in bytes.
pub type Offset = u64;

/// The journal of one engine.
#[derive(Default)]
pub struct Journal {
    attention: Arc<Attention>,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    /// Offset of the first byte kept.
    start: Offset,
    bytes: Vec<u8>,
    /// The database the last effect was for.
    db: Option<DbIndex>,
    readers: BTreeMap<u64, Offset>,
    next_reader: u64,
}

/// Reads the journal from where it stood when the reader was attached. Detaches when dropped.
pub struct Reader {
    journal: Arc<Journal>,
    id: u64,
}

impl Journal {
    /// Makes an empty journal that says in `attention` whether anybody reads.
    pub(crate) fn new(attention: Arc<Attention>) -> Journal {
        Journal { attention, record: Mutex::default() }
    }

    /// Attaches a reader at the end.
    pub fn attach(self: &Arc<Journal>) -> Reader {
        let mut record = self.record();
        let (id, end) = (record.next_reader, record.end());
        record.next_reader += 1;
        record.readers.insert(id, end);
        // The new reader must learn which database follows.
        record.db = None;
        self.attention.set(Observed::JOURNAL, true);
        Reader { journal: Arc::clone(self), id }
    }

    /// Whether anybody reads.
    #[inline]
    pub fn has_readers(&self) -> bool {
        self.attention.observed().has(Observed::JOURNAL)
    }

    /// Appends lines that happened in one database at once.
    pub(crate) fn append(&self, db: DbIndex, lines: &[Line]) {
        let mut record = self.record();
        record.select(db);
        let is_group = lines.len() > 1;
        if is_group {
            encode_request([b"MULTI"], &mut record.bytes);
        }
        for line in lines {
            encode_request(line, &mut record.bytes);
        }
        if is_group {
            encode_request([b"EXEC"], &mut record.bytes);
        }
    }

    /// Appends lines that happened at once, in any databases.
    pub(crate) fn append_group(&self, lines: &[(DbIndex, Line)]) {
        let Some((first, _)) = lines.first() else { return };
        let mut record = self.record();
        record.select(*first);
        let is_group = lines.len() > 1;
        if is_group {
            encode_request([b"MULTI"], &mut record.bytes);
        }
        for (db, line) in lines {
            record.select(*db);
            encode_request(line, &mut record.bytes);
        }
        if is_group {
            encode_request([b"EXEC"], &mut record.bytes);
        }
    }

    /// Appends one command as it was received.
    pub(crate) fn append_words(&self, db: DbIndex, words: &[&[u8]]) {
        let mut record = self.record();
        record.select(db);
        encode_request(words, &mut record.bytes);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn end(&self) -> Offset {
        self.start + self.bytes.len() as u64
    }

    fn select(&mut self, db: DbIndex) {
        if self.db != Some(db) {
            self.db = Some(db);
            encode_request([&b"SELECT"[..], db.0.to_string().as_bytes()], &mut self.bytes);
        }
    }

    /// Drops what every reader has read.
    fn trim(&mut self) {
        let end = self.end();
        let keep_from = self.readers.values().copied().min().unwrap_or(end);
        self.bytes.drain(..(keep_from - self.start) as usize);
        self.start = keep_from;
    }
}

impl Reader {
    /// Appends all bytes since the last call to `bytes` and returns the offset reached.
    pub fn read(&mut self, bytes: &mut Vec<u8>) -> Offset {
        let mut record = self.journal.record();
        let (start, end) = (record.start, record.end());
        let offset = record.readers.insert(self.id, end).expect("a reader is registered until it is dropped");
        bytes.extend_from_slice(&record.bytes[(offset - start) as usize..]);
        record.trim();
        end
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut record = self.journal.record();
        record.readers.remove(&self.id);
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
        assert_eq!(journal.record().bytes.len(), 0, "all was read");
        drop((first, second));
        assert!(!journal.has_readers());
    }
}

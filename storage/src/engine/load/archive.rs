//! Filling an engine from a `.spldb` file, on all cores.
//!
//! Threads take one part of the file after the other. A part's keys belong to all shards, so its strings wait until all
//! of it is read; then they go into the tables shard by shard. That takes each lock once per part, and the loads of a
//! shard's buckets overlap.

use super::{LoadError, LoadListener, LoadOptions, Loaded, put_collection, vacant};
use crate::engine::Engine;
use crate::keyspace::access::AccessPolicy;
use crate::keyspace::{DbIndex, Keyspace, SHARDS, shard_of};
use spinel_persistence::rdb::{Decoded, Record};
use spinel_persistence::spldb::{Archive, Note, PartEntry, PartReader};
use spinel_types::{Fields, Kind, Marks, OwnedValue, StringEncoding};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// No more strings wait than have room in the caches.
const STRINGS_WAITING: usize = 1 << 14;
/// None waits behind so many bytes of strings.
const BYTES_WAITING: usize = 256 << 10;

/// What the threads share.
struct Load<'l> {
    engine: &'l Engine,
    archive: &'l Archive<'l>,
    options: &'l LoadOptions,
    /// The part that is taken next.
    next: AtomicUsize,
    /// Whether one of them has failed, so that the others need not go on.
    has_failed: AtomicBool,
    keys: AtomicU64,
    expired: AtomicU64,
    /// Bytes of the parts that were read.
    bytes: AtomicU64,
}

/// Loads all of a file.
pub(super) fn load(
    engine: &Engine,
    archive: &Archive<'_>,
    options: &LoadOptions,
    listener: &mut dyn LoadListener,
) -> Result<Loaded, LoadError> {
    let databases = engine.keyspace.databases();
    if let Some(far) = archive.parts().find(|part| part.database >= databases) {
        return Err(LoadError::NoSuchDatabase(far.database.into()));
    }
    for note in archive.notes()? {
        match note {
            Note::Field(name, text) => listener.field(&name, &text),
            Note::Function(code) => listener.function(&code).map_err(LoadError::Function)?,
        }
    }
    let load = Load {
        engine,
        archive,
        options,
        next: AtomicUsize::new(0),
        has_failed: AtomicBool::new(false),
        keys: AtomicU64::new(0),
        expired: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let others = cores.min(archive.parts().len()).saturating_sub(1);
    thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(|| load.take_parts(&mut |_| ()))).collect();
        let mine = load.take_parts(&mut |loaded| listener.progress(loaded));
        // A panic of theirs becomes one of this thread when the scope ends.
        others.into_iter().filter_map(|other| other.join().ok()).fold(mine, Result::and)
    })?;
    Ok(Loaded { bytes: archive.bytes(), ..load.loaded() })
}

impl Load<'_> {
    /// Loads parts until there are no more.
    fn take_parts(&self, progress: &mut dyn FnMut(&Loaded)) -> Result<(), LoadError> {
        let (mut reader, mut filler) = (self.archive.reader(), Filler::new(self.engine));
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = self.archive.part(index) else { return Ok(()) };
            if self.has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let taken = self.take_part(part, index, &mut reader, &mut filler);
            taken.inspect_err(|_| self.has_failed.store(true, Ordering::Relaxed))?;
            progress(&self.loaded());
        }
    }

    fn take_part(
        &self,
        part: &PartEntry,
        index: usize,
        reader: &mut PartReader<'_>,
        filler: &mut Filler<'_>,
    ) -> Result<(), LoadError> {
        let mut expired = 0;
        filler.db = DbIndex(part.database);
        reader.select(index)?;
        while let Some(record) = reader.read()? {
            if self.options.drops(&record.marks) {
                expired += 1;
            } else {
                let clock = filler.policy.of_usage(record.marks.usage, self.options.now);
                filler.put(record, clock)?;
            }
        }
        filler.finish()?;
        self.keys.fetch_add(part.keys - expired, Ordering::Relaxed);
        self.expired.fetch_add(expired, Ordering::Relaxed);
        self.bytes.fetch_add(part.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// What was loaded so far.
    fn loaded(&self) -> Loaded {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Loaded { keys: of(&self.keys), expired: of(&self.expired), empty: 0, bytes: of(&self.bytes) }
    }
}

/// Puts what one thread reads into the tables.
struct Filler<'k> {
    keyspace: &'k Keyspace,
    policy: AccessPolicy,
    db: DbIndex,
    waiting: Vec<WaitingString>,
    /// Keys and values of those that wait, one behind the other.
    bytes: Vec<u8>,
    /// Which of them wait, ordered by their shards.
    order: Vec<u32>,
}

/// A string that is not in its table yet.
#[derive(Clone, Copy)]
struct WaitingString {
    hash: u64,
    stamp: Option<i64>,
    clock: u32,
    /// Where its key begins; its value follows.
    start: u32,
    key_len: u32,
    value_len: u32,
    kind: u8,
}

impl<'k> Filler<'k> {
    fn new(engine: &'k Engine) -> Filler<'k> {
        Filler {
            keyspace: &engine.keyspace,
            policy: engine.access_policy(),
            db: DbIndex(0),
            waiting: Vec::new(),
            bytes: Vec::new(),
            order: Vec::new(),
        }
    }

    #[inline]
    fn put(&mut self, record: Record<'_>, clock: u32) -> Result<(), LoadError> {
        let Record { key, value, marks } = record;
        let stamp = marks.expiry_ms;
        match value {
            Decoded::String(string) => self.put_string(key, string.stored(&mut [0; 8]), stamp, clock),
            Decoded::Collection(value) => self.put_collection(key, value, stamp, clock),
        }
    }

    fn put_collection(
        &mut self,
        key: &[u8],
        value: OwnedValue,
        stamp: Option<i64>,
        clock: u32,
    ) -> Result<(), LoadError> {
        let (hash, parity) = (self.keyspace.hash(key), self.keyspace.saving().parity());
        let mut shard = self.keyspace.lock(self.db, shard_of(hash));
        let values = vacant(&mut shard.values, hash, key)?;
        let expires_in_part = put_collection(values, (hash, key), value, Marks { stamp, clock, parity });
        if stamp.is_some() || expires_in_part {
            self.keyspace.note_expiries(self.db, true);
        }
        Ok(())
    }

    #[inline]
    fn put_string(
        &mut self,
        key: &[u8],
        (encoding, value): (StringEncoding, &[u8]),
        stamp: Option<i64>,
        clock: u32,
    ) -> Result<(), LoadError> {
        let (hash, kind) = (self.keyspace.hash(key), Kind::String(encoding).number());
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        let (key_len, value_len) = (key.len() as u32, value.len() as u32);
        self.waiting.push(WaitingString { hash, stamp, clock, start, key_len, value_len, kind });
        let may_wait = self.waiting.len() < STRINGS_WAITING && self.bytes.len() < BYTES_WAITING;
        if may_wait { Ok(()) } else { self.finish() }
    }

    /// Puts what waits into the tables.
    fn finish(&mut self) -> Result<(), LoadError> {
        let ends = self.sort();
        let mut start = 0;
        for (shard, end) in ends.into_iter().enumerate() {
            if start < end {
                self.fill(shard, start..end)?;
            }
            start = end;
        }
        if self.waiting.iter().any(|string| string.stamp.is_some()) {
            self.keyspace.note_expiries(self.db, true);
        }
        self.waiting.clear();
        self.bytes.clear();
        self.bytes.shrink_to(2 * BYTES_WAITING);
        Ok(())
    }

    /// Orders what waits by shards, and says where each shard's end in that order.
    fn sort(&mut self) -> [usize; SHARDS] {
        let mut ends = [0; SHARDS];
        for string in &self.waiting {
            ends[shard_of(string.hash)] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum - *end;
        }
        // They are where the shards begin now; each string moves that of its shard on, up to the end.
        self.order.clear();
        self.order.resize(self.waiting.len(), 0);
        for (index, string) in self.waiting.iter().enumerate() {
            let place = &mut ends[shard_of(string.hash)];
            self.order[*place] = index as u32;
            *place += 1;
        }
        ends
    }

    /// Puts strings of one shard into its table.
    fn fill(&self, shard: usize, places: std::ops::Range<usize>) -> Result<(), LoadError> {
        let parity = self.keyspace.saving().parity();
        let mut shard = self.keyspace.lock(self.db, shard);
        let strings = || self.order[places.clone()].iter().map(|index| self.waiting[*index as usize]);
        for string in strings() {
            shard.values.table().prefetch_bucket(string.hash);
        }
        for string in strings() {
            let WaitingString { hash, stamp, clock, kind, .. } = string;
            let bytes = &self.bytes[string.start as usize..];
            let (key, behind) = bytes.split_at(string.key_len as usize);
            let value = &behind[..string.value_len as usize];
            let values = vacant(&mut shard.values, hash, key)?;
            values.put_inline(hash, None, key, &Fields { kind, value, stamp, clock, parity });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{ExpiredKeys, LoadListener, LoadOptions};
    use crate::{Db, DbIndex, UnixMillis};
    use spinel_persistence::rdb::{Marks, Verification};
    use spinel_persistence::spldb::{Assembly, Coding, PartEncoder};
    use spinel_persistence::vfs::{Access, SimulatedVfs, Vfs};
    use spinel_types::{Str, Value};
    use std::io::Write;

    struct Nobody;

    impl LoadListener for Nobody {
        fn function(&mut self, _code: &[u8]) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn upkeep_learns_in_which_databases_keys_expire() {
        let (vfs, mut bytes) = (SimulatedVfs::new(1), Vec::new());
        let mut assembly = Assembly::begin(Coding::Lz4, b"", &mut bytes);
        for (database, expiry_ms) in [(0, None), (3, Some(2_000_000))] {
            let mut encoder = PartEncoder::new(Coding::Lz4);
            assert!(encoder.select(database).is_none());
            let marks = Marks { expiry_ms, usage: None };
            assert!(encoder.key(b"k", Value::String(Str::Text(b"v")), marks).is_none());
            let part = encoder.finish().expect("there is a key");
            assembly.add(&part);
            bytes.extend_from_slice(&part.bytes);
        }
        assembly.end(&mut bytes);
        vfs.create("/f".as_ref()).and_then(|mut file| file.write_all(&bytes)).expect("there is room");
        let file = vfs.open("/f".as_ref(), Access::Read).expect("it was just made");

        let (db, now) = (Db::memory(), UnixMillis(1_000_000));
        let options = LoadOptions { now, expired: ExpiredKeys::Drop, verification: Verification::On };
        db.engine().load_file(&*file, &options, &mut Nobody).expect("it is sound");
        let has_expiries = |number| db.engine().keyspace().has_expiries(DbIndex(number));
        assert_eq!((has_expiries(0), has_expiries(3)), (false, true));
    }
}

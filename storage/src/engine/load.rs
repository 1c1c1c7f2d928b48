//! Filling an engine from a snapshot file, before it serves anybody.
//!
//! Keys go straight into the tables: nobody is inside, so that there is nothing to lock, to record or to tell per key.

mod archive;

use super::Engine;
use crate::keyspace::shard::Shard;
use crate::keyspace::{DbIndex, Keyspace, SHARDS, shard_of};
use crate::time::UnixMillis;
use spinel_persistence::rdb::{self, Decoded, Item, ReadError, Reader, Record, Verification};
use spinel_persistence::spldb::{self, Archive};
use spinel_persistence::vfs::{File, Stream};
use spinel_types::{Fields, Kind, Marks, OwnedValue, StringEncoding, Values};
use std::fmt;
use std::io::Read;
use std::sync::MutexGuard;

/// What happens to keys whose time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpiredKeys {
    /// They are left out.
    Drop,
    /// They are loaded: a log that follows may read them.
    Keep,
}

/// How a file is loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// The time, by which keys have expired and access clocks are set.
    pub now: UnixMillis,
    /// What happens to expired keys.
    pub expired: ExpiredKeys,
    /// Whether the checksum must be right.
    pub verification: Verification,
}

impl LoadOptions {
    /// Whether a key is left out because its time has come.
    #[inline]
    fn drops(&self, marks: &rdb::Marks) -> bool {
        self.expired == ExpiredKeys::Drop && marks.expiry_ms.is_some_and(|expiry| expiry <= self.now.0)
    }
}

/// Who hears of what is no key while a file is loaded.
pub trait LoadListener {
    /// The code of a function library; an error stops the load.
    fn function(&mut self, code: &[u8]) -> Result<(), String>;

    /// A field about the file.
    fn field(&mut self, name: &[u8], text: &[u8]) {
        let _ = (name, text);
    }

    /// Data of a module that is passed over.
    fn passed_module(&mut self, name: &str) {
        let _ = name;
    }

    /// How far the load is, now and then.
    fn progress(&mut self, loaded: &Loaded) {
        let _ = loaded;
    }
}

/// What was loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loaded {
    /// Keys that are there now.
    pub keys: u64,
    /// Keys that were left out because they had expired.
    pub expired: u64,
    /// Keys that were left out because nothing was in them.
    pub empty: u64,
    /// Bytes read; at the end, those of the file.
    pub bytes: u64,
}

/// Why a file can't be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// It can't be read.
    Read(ReadError),
    /// It has keys of a database of this number, and there are fewer.
    NoSuchDatabase(u64),
    /// It has this key twice.
    Duplicate(Vec<u8>),
    /// A function library is refused, with this reason.
    Function(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Read(error) => error.fmt(out),
            LoadError::NoSuchDatabase(number) => {
                write!(out, "there are keys of database {number}, and fewer databases are set up")
            }
            LoadError::Duplicate(key) => write!(out, "the key '{}' stands twice", key.escape_ascii()),
            LoadError::Function(reason) => write!(out, "a function library is refused: {reason}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> LoadError {
        LoadError::Read(error)
    }
}

/// Keys between two reports of progress.
const KEYS_PER_REPORT: u64 = 1 << 14;

impl Engine {
    /// Loads a snapshot file into the databases, which should be empty. Nobody else is let in meanwhile. If it
    /// fails, all databases are left empty. O(size of the file).
    ///
    /// A file that ends before `source` leaves the rest unread, or read: [`Loaded::bytes`] says where it ended.
    pub fn load(
        &self,
        source: impl Read,
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        self.load_alone(|| Load::new(self, source, options, listener).and_then(Load::run))
    }

    /// As [`load`](Engine::load), of a file whose format is known by what it starts with: an RDB file or one of our own,
    /// which is loaded by all cores.
    pub fn load_file(
        &self,
        file: &dyn File,
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        if !spldb::is_archive(file)? {
            return self.load(Stream::new(file, 0), options, listener);
        }
        self.load_alone(|| {
            let archive = Archive::open(file, &self.keyspace.forms(), options.verification)?;
            archive::load(self, &archive, options, listener)
        })
    }

    fn load_alone(&self, load: impl FnOnce() -> Result<Loaded, LoadError>) -> Result<Loaded, LoadError> {
        let _gate = self.keyspace.gate.exclusive();
        let result = load();
        if result.is_err() {
            for db in 0..self.keyspace.databases() {
                self.keyspace.empty(DbIndex(db), &mut Vec::new());
            }
        }
        result
    }
}

/// A load that is going on.
struct Load<'l, 's> {
    engine: &'l Engine,
    reader: Reader<'s>,
    options: &'l LoadOptions,
    listener: &'l mut dyn LoadListener,
    loaded: Loaded,
}

impl<'l, 's> Load<'l, 's> {
    fn new(
        engine: &'l Engine,
        source: impl Read + 's,
        options: &'l LoadOptions,
        listener: &'l mut dyn LoadListener,
    ) -> Result<Load<'l, 's>, LoadError> {
        let reader = Reader::new(source, &engine.keyspace.forms(), options.verification)?;
        Ok(Load { engine, reader, options, listener, loaded: Loaded::default() })
    }

    fn run(mut self) -> Result<Loaded, LoadError> {
        let engine = self.engine;
        let mut target = Target::new(&engine.keyspace, DbIndex(0));
        while let Some(item) = self.reader.read()? {
            match item {
                Item::Key(record) => {
                    if self.options.drops(&record.marks) {
                        self.loaded.expired += 1;
                    } else {
                        let clock = engine.access_policy().of_usage(record.marks.usage, self.options.now);
                        target.put(record, clock)?;
                        self.loaded.keys += 1;
                    }
                }
                Item::SelectDb(number) => {
                    let db = i64::try_from(number).ok().and_then(|number| engine.keyspace.db(number));
                    let db = db.ok_or(LoadError::NoSuchDatabase(number))?;
                    target.finish()?;
                    drop(target);
                    target = Target::new(&engine.keyspace, db);
                }
                Item::Function(code) => self.listener.function(code).map_err(LoadError::Function)?,
                Item::Aux(name, text) => self.listener.field(name, text),
                Item::ModuleAux(name) => self.listener.passed_module(&name),
                Item::Empty(_) => self.loaded.empty += 1,
                Item::Sizes { .. } => {}
            }
            self.report();
        }
        target.finish()?;
        self.loaded.bytes = self.reader.offset();
        Ok(self.loaded)
    }

    #[inline]
    fn report(&mut self) {
        if self.loaded.keys.is_multiple_of(KEYS_PER_REPORT) {
            self.loaded.bytes = self.reader.offset();
            self.listener.progress(&self.loaded);
        }
    }
}

/// So many strings wait together while their buckets come into the cache: one load after the other would take most of
/// the time.
const STRINGS_WAITING: usize = 32;
/// None waits behind so many bytes of strings.
const BYTES_WAITING: usize = 16 << 10;

/// A database that is being filled, all of whose shards are held.
struct Target<'k> {
    keyspace: &'k Keyspace,
    db: DbIndex,
    shards: Vec<MutexGuard<'k, Shard>>,
    waiting: Vec<WaitingString>,
    /// Keys and values of those that wait, one behind the other.
    bytes: Vec<u8>,
}

/// A string that is not in its table yet.
struct WaitingString {
    hash: u64,
    key_len: usize,
    value_len: usize,
    kind: u8,
    stamp: Option<i64>,
    clock: u32,
}

impl<'k> Target<'k> {
    fn new(keyspace: &'k Keyspace, db: DbIndex) -> Target<'k> {
        let shards = (0..SHARDS).map(|shard| keyspace.lock(db, shard)).collect();
        Target { keyspace, db, shards, waiting: Vec::with_capacity(STRINGS_WAITING), bytes: Vec::new() }
    }

    #[inline]
    fn put(&mut self, record: Record<'_>, clock: u32) -> Result<(), LoadError> {
        let Record { key, value, marks } = record;
        let stamp = marks.expiry_ms;
        match value {
            Decoded::String(string) => self.put_string(key, string.stored(&mut [0; 8]), stamp, clock),
            Decoded::Collection(value) => {
                let hash = self.keyspace.hash(key);
                let values = vacant(&mut self.shards[shard_of(hash)].values, hash, key)?;
                let parity = self.keyspace.saving().parity();
                let expires_in_part =
                    put_collection(values, (hash, key), value, Marks { stamp, clock, parity });
                self.note_expiry(stamp.is_some() || expires_in_part);
                Ok(())
            }
        }
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
        self.shards[shard_of(hash)].values.table().prefetch_bucket(hash);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        let (key_len, value_len) = (key.len(), value.len());
        self.waiting.push(WaitingString { hash, key_len, value_len, kind, stamp, clock });
        let may_wait = self.waiting.len() < STRINGS_WAITING && self.bytes.len() < BYTES_WAITING;
        if may_wait { Ok(()) } else { self.finish() }
    }

    /// Puts what waits into the tables.
    fn finish(&mut self) -> Result<(), LoadError> {
        let parity = self.keyspace.saving().parity();
        let mut expires = false;
        let mut rest = &self.bytes[..];
        for string in self.waiting.drain(..) {
            let (key, behind) = rest.split_at(string.key_len);
            let (value, behind) = behind.split_at(string.value_len);
            rest = behind;
            let WaitingString { hash, kind, stamp, clock, .. } = string;
            let values = vacant(&mut self.shards[shard_of(hash)].values, hash, key)?;
            values.put_inline(hash, None, key, &Fields { kind, value, stamp, clock, parity });
            expires |= stamp.is_some();
        }
        self.bytes.clear();
        self.bytes.shrink_to(2 * BYTES_WAITING);
        self.note_expiry(expires);
        Ok(())
    }

    fn note_expiry(&self, expires: bool) {
        if expires {
            self.keyspace.note_expiries(self.db, true);
        }
    }
}

/// The values to which a key belongs, which must not have it yet.
#[inline]
fn vacant<'v>(values: &'v mut Values, hash: u64, key: &[u8]) -> Result<&'v mut Values, LoadError> {
    if values.table().find(hash, key).is_some() {
        return Err(LoadError::Duplicate(key.to_vec()));
    }
    Ok(values)
}

/// Puts a collection; whether a member of it expires.
fn put_collection(values: &mut Values, (hash, key): (u64, &[u8]), value: OwnedValue, marks: Marks) -> bool {
    let (slot, _) = values.put(hash, None, key, value, marks);
    values.expires_in_part(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;
    use crate::time::ManualClock;
    use spinel_persistence::rdb::{Checksum, Compression, Encoder};
    use spinel_types::{Str, Value};

    const NOW: UnixMillis = UnixMillis(1_000_000);

    #[derive(Default)]
    struct Heard {
        functions: Vec<Vec<u8>>,
        fields: Vec<(Vec<u8>, Vec<u8>)>,
    }

    impl LoadListener for Heard {
        fn function(&mut self, code: &[u8]) -> Result<(), String> {
            self.functions.push(code.to_vec());
            if code == b"bad" { Err("it is bad".to_owned()) } else { Ok(()) }
        }

        fn field(&mut self, name: &[u8], text: &[u8]) {
            self.fields.push((name.to_vec(), text.to_vec()));
        }
    }

    fn with_end(mut file: Vec<u8>) -> Vec<u8> {
        let sum = Checksum::of(&file);
        Encoder::end(Some(sum), &mut file);
        file
    }

    /// A file of all keys of an engine.
    fn saved(db: &Db) -> Vec<u8> {
        let (mut file, mut encoder) = (Vec::new(), Encoder::new(Compression::Lzf));
        Encoder::start(&mut file);
        encoder.aux(b"redis-ver", b"8.0.0", &mut file);
        let policy = db.engine().access_policy();
        for number in 0..16 {
            Encoder::select_db(number, &mut file);
            db.engine().keyspace().for_each(DbIndex(number), UnixMillis(0), |entry, values| {
                let marks = spinel_persistence::rdb::Marks {
                    expiry_ms: entry.stamp(),
                    usage: Some(policy.usage(entry.clock(), NOW)),
                };
                encoder.key(entry.key(), Value::of(entry, values), marks, &mut file);
            });
        }
        with_end(file)
    }

    fn options(expired: ExpiredKeys) -> LoadOptions {
        LoadOptions { now: NOW, expired, verification: Verification::On }
    }

    fn filled() -> Db {
        let db = Db::with_clock(ManualClock::new(NOW));
        for call in [
            "SET s v",
            "SET n 12345 EX 9",
            "SET gone v PXAT 1000001",
            "RPUSH l a b c",
            "SADD i 1 2 3",
            "SADD s2 a b",
            "SEXPIRE s2 100 MEMBERS 1 a",
            "HSET h f v",
            "HSET h2 f v g w",
            "HEXPIRE h2 100 FIELDS 1 f",
            "ZADD z 1 a 2 b",
            "XADD x 1-1 f v",
            "XGROUP CREATE x g 0",
            "XREADGROUP GROUP g c STREAMS x >",
        ] {
            db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"));
        }
        db.select(3).unwrap().execute(["SET", "other", "v"]).unwrap();
        db
    }

    fn digest(db: &Db) -> crate::Value {
        db.execute(["DEBUG", "DIGEST"]).unwrap()
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let db = filled();
        let file = saved(&db);
        let copy = Db::with_clock(ManualClock::new(NOW));
        let mut heard = Heard::default();
        let loaded = copy.engine().load(&*file, &options(ExpiredKeys::Drop), &mut heard).unwrap();
        assert_eq!(loaded, Loaded { keys: 11, expired: 0, empty: 0, bytes: file.len() as u64 });
        assert_eq!(digest(&copy), digest(&db));
        assert_eq!(heard.fields, [(b"redis-ver".to_vec(), b"8.0.0".to_vec())]);
        let due = copy.execute(["STTL", "s2", "MEMBERS", "1", "a"]).unwrap();
        assert_eq!(due, crate::Value::Array(vec![crate::Value::Integer(100)]));
        assert!(copy.engine().keyspace().has_expiries(DbIndex(0)), "upkeep will look at it");
    }

    #[test]
    fn expired_keys_are_dropped_or_kept() {
        let file = saved(&filled());
        for (expired, keys) in [(ExpiredKeys::Drop, 9), (ExpiredKeys::Keep, 11)] {
            let copy = Db::with_clock(ManualClock::new(UnixMillis(0)));
            let late = LoadOptions { now: UnixMillis(NOW.0 + 20_000), ..options(expired) };
            let loaded = copy.engine().load(&*file, &late, &mut Heard::default()).unwrap();
            assert_eq!((loaded.keys, loaded.expired), (keys, 11 - keys));
        }
    }

    #[test]
    fn nothing_is_left_of_a_load_that_failed() {
        let file = saved(&filled());
        let copy = Db::with_clock(ManualClock::new(NOW));
        let failure = |file: &[u8]| {
            let error =
                copy.engine().load(file, &options(ExpiredKeys::Drop), &mut Heard::default()).unwrap_err();
            let databases = (0..16).map(|db| copy.engine().keyspace().len(DbIndex(db)));
            assert_eq!(databases.sum::<usize>(), 0, "{error}");
            error.to_string()
        };
        for cut in (0..file.len()).step_by(7) {
            failure(&file[..cut]);
        }
        let mut start = Vec::new();
        Encoder::start(&mut start);
        let (mut encoder, value) = (Encoder::new(Compression::None), Value::String(Str::Integer(1)));
        let mut twice = start.clone();
        for _ in 0..2 {
            encoder.key(b"k", value, spinel_persistence::rdb::Marks::default(), &mut twice);
        }
        assert_eq!(failure(&with_end(twice)), "the key 'k' stands twice");
        let mut far = start.clone();
        Encoder::select_db(16, &mut far);
        assert!(failure(&with_end(far)).contains("database 16"));
        let mut function = start.clone();
        encoder.function(b"bad", &mut function);
        assert!(failure(&with_end(function)).contains("it is bad"));
    }
}

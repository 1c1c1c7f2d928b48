//! Filling an engine from a snapshot file, before it serves anybody.
//!
//! Keys go straight into the tables: nobody is inside, so that there is nothing to lock, to record or to tell per key.

mod archive;
mod batch;
mod crew;
mod error;

use super::Engine;
use crate::commands::http_cache::policy;
use crate::keyspace::{DbIndex, Keyspace, SHARDS};
use crate::time::UnixMillis;
use batch::Batch;
use crew::Crew;
pub use error::LoadError;
use spinel_persistence::rdb::{self, Item, ReadError, Reader, Verification};
use spinel_persistence::spldb::{self, Archive};
use spinel_persistence::vfs::{File, Stream};
use std::io::Read;
use std::thread;

/// What happens to keys whose time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpiredKeys {
    /// They are left out.
    Drop,
    /// They are loaded: a log that follows may read them.
    Keep,
}

/// What happens to the keys that are there before a file is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PresentKeys {
    /// There are none. If the file can't be loaded, there are none afterwards.
    None,
    /// They stay, and the file must not have them, too. If it can't be loaded, what was loaded until then stays.
    Refuse,
    /// As [`PresentKeys::Refuse`], but those of the file take their place.
    Replace,
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
    /// What happens to keys that are there.
    pub present: PresentKeys,
}

impl LoadOptions {
    /// Whether a key is left out because its time has come.
    #[inline]
    fn drops(&self, marks: &rdb::Marks) -> bool {
        self.expired == ExpiredKeys::Drop && marks.expiry_ms.is_some_and(|expiry| expiry <= self.now.0)
    }

    /// Keeps expired keys if the listener wants them.
    fn heed(&mut self, listener: &dyn LoadListener) {
        if listener.keeps_expired() {
            self.expired = ExpiredKeys::Keep;
        }
    }

    /// How many of these keys will be there for sure, of which some expire.
    fn staying(&self, keys: u64, expiring: u64) -> u64 {
        match self.expired {
            ExpiredKeys::Drop => keys.saturating_sub(expiring),
            ExpiredKeys::Keep => keys,
        }
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

    /// Whether expired keys stay, after what was heard of the file so far, though the options leave them out.
    fn keeps_expired(&self) -> bool {
        false
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

/// Keys between two reports of progress.
const KEYS_PER_REPORT: u64 = 1 << 14;

impl Engine {
    /// Loads a snapshot file into the databases. Nobody else is let in meanwhile. O(size of the file).
    ///
    /// A file that ends before `source` leaves the rest unread, or read: [`Loaded::bytes`] says where it ended.
    pub fn load(
        &self,
        source: impl Read,
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        let _alone = self.keyspace.gate.exclusive();
        self.fill((source, Room::of_file(0)), options, listener)
    }

    /// As [`load`](Engine::load), of a file whose format is known by what it starts with: an RDB file or one of our own,
    /// which is loaded by all cores.
    pub fn load_file(
        &self,
        file: &dyn File,
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        let _alone = self.keyspace.gate.exclusive();
        self.fill_from(file, options, listener)
    }

    /// Loads a file whose format is known by what it starts with. The caller has the keyspace for himself.
    pub(super) fn fill_from(
        &self,
        file: &dyn File,
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        if !spldb::is_archive(file)? {
            let bytes = file.len().map_err(|error| ReadError { offset: 0, fault: error.into() })?;
            return self.fill((Stream::new(file, 0), Room::of_file(bytes)), options, listener);
        }
        let archive = Archive::open(file, &self.keyspace.forms(), options.verification)?;
        archive::load(self, &archive, options, listener).inspect_err(|_| self.give_up(options))
    }

    fn fill(
        &self,
        source: (impl Read, Room),
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        let load = Load::new(self, source, options, listener);
        load.and_then(Load::run).inspect_err(|_| self.give_up(options))
    }

    /// Leaves nothing of a file that can't be loaded, if nothing was there before.
    fn give_up(&self, options: &LoadOptions) {
        if options.present == PresentKeys::None {
            self.empty_all();
        }
    }
}

/// For how many keys room may be made before they come. What a file announces is not believed beyond what it could hold.
struct Room {
    keys: u64,
}

impl Room {
    /// The shortest key of an RDB file: the type of the value, and two lengths.
    const KEY_BYTES_MIN: u64 = 3;

    /// For what a file of so many bytes may hold.
    fn of_file(bytes: u64) -> Room {
        Room { keys: bytes / Room::KEY_BYTES_MIN }
    }

    /// Makes room in a database for keys that are announced, so that its tables need not grow.
    fn make(&mut self, keyspace: &Keyspace, db: DbIndex, keys: u64) {
        let granted = keys.min(self.keys);
        self.keys -= granted;
        let per_shard = usize::try_from(granted).unwrap_or(usize::MAX) / SHARDS;
        for shard in 0..SHARDS {
            keyspace.lock(db, shard).values.make_room(per_shard);
        }
    }
}

/// A load that is going on.
struct Load<'l, 's> {
    engine: &'l Engine,
    reader: Reader<'s>,
    options: LoadOptions,
    listener: &'l mut dyn LoadListener,
    loaded: Loaded,
    room: Room,
}

impl<'l, 's> Load<'l, 's> {
    fn new(
        engine: &'l Engine,
        (source, room): (impl Read + 's, Room),
        options: &'l LoadOptions,
        listener: &'l mut dyn LoadListener,
    ) -> Result<Load<'l, 's>, LoadError> {
        let reader = Reader::new(source, &engine.keyspace.forms(), options.verification)?;
        let (options, loaded) = (*options, Loaded::default());
        Ok(Load { engine, reader, options, listener, loaded, room })
    }

    fn run(self) -> Result<Loaded, LoadError> {
        let keyspace = &self.engine.keyspace;
        let present = self.options.present;
        thread::scope(|scope| self.read(Crew::new(scope, (keyspace, present))))
    }

    /// Reads all, and has it put into the tables.
    fn read(mut self, mut crew: Crew<'_, '_>) -> Result<Loaded, LoadError> {
        let keyspace = &self.engine.keyspace;
        let policy = self.engine.access_policy();
        let mut batch = Batch::new(DbIndex(0));
        while let Some(item) = self.reader.read()? {
            match item {
                Item::Key(record) if self.options.drops(&record.marks) => self.loaded.expired += 1,
                Item::Key(record) => {
                    let clock = policy.of_usage(record.marks.usage, self.options.now);
                    batch.add(record, clock, keyspace);
                    self.loaded.keys += 1;
                    if batch.is_full() {
                        batch = crew.put(batch)?;
                    }
                    self.report();
                }
                Item::SelectDb(number) => {
                    let db = i64::try_from(number).ok().and_then(|number| keyspace.db(number));
                    let db = db.ok_or(LoadError::NoSuchDatabase(number))?;
                    if db != batch.db && !batch.is_empty() {
                        batch = crew.put(batch)?;
                    }
                    batch.db = db;
                }
                Item::Function(code) => self.listener.function(code).map_err(LoadError::Function)?,
                Item::Aux(name, text) => {
                    policy::hear(keyspace, name, text).map_err(LoadError::Policy)?;
                    self.listener.field(name, text);
                    self.options.heed(&*self.listener);
                }
                Item::ModuleAux(name) => self.listener.passed_module(&name),
                Item::Empty(_) => self.loaded.empty += 1,
                Item::Sizes { keys, expiring } => {
                    self.room.make(keyspace, batch.db, self.options.staying(keys, expiring));
                }
            }
        }
        crew.finish(batch)?;
        self.loaded.bytes = self.reader.offset();
        Ok(self.loaded)
    }

    /// Says how far it is now and then; where every key takes its time, after each.
    #[inline]
    fn report(&mut self) {
        let delay = &self.engine.delays.load;
        if delay.is_set() || self.loaded.keys.is_multiple_of(KEYS_PER_REPORT) {
            self.loaded.bytes = self.reader.offset();
            self.listener.progress(&self.loaded);
            delay.wait(|| false);
        }
    }
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
        LoadOptions { now: NOW, expired, verification: Verification::On, present: PresentKeys::None }
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

    #[test]
    fn many_keys_are_loaded_and_one_that_stands_twice_is_found() {
        const KEYS: u32 = 30_000;
        let db = Db::with_clock(ManualClock::new(NOW));
        for number in 0..KEYS {
            db.execute(["SET", &format!("k{number}"), &format!("value {number}")]).unwrap();
            if number % 10 == 0 {
                db.select(1).unwrap().execute(["RPUSH", &format!("l{number}"), "a", "b"]).unwrap();
            }
        }
        let mut file = saved(&db);
        let load = |file: &[u8]| {
            let copy = Db::with_clock(ManualClock::new(NOW));
            let loaded = copy.engine().load(file, &options(ExpiredKeys::Drop), &mut Heard::default());
            (loaded, digest(&copy))
        };
        let (loaded, found) = load(&file);
        assert_eq!((loaded.unwrap().keys, found), (u64::from(KEYS + KEYS / 10), digest(&db)));

        // The end is a byte and the checksum.
        file.truncate(file.len() - 9);
        Encoder::select_db(0, &mut file);
        let (mut encoder, value) = (Encoder::new(Compression::None), Value::String(Str::Integer(1)));
        encoder.key(b"k0", value, spinel_persistence::rdb::Marks::default(), &mut file);
        let (loaded, found) = load(&with_end(file));
        assert_eq!(loaded.unwrap_err().to_string(), "the key 'k0' stands twice");
        assert_eq!(found, digest(&Db::memory()), "nothing is left");
    }

    #[test]
    fn what_is_announced_is_believed_no_further_than_the_file_could_hold() {
        let db = Db::with_clock(ManualClock::new(NOW));
        let mut room = Room::of_file(30_000);
        room.make(db.engine().keyspace(), DbIndex(0), u64::MAX);
        let index_bytes = db.engine().keyspace().table_statistics(DbIndex(0)).index_bytes;
        assert!((10_000..300_000).contains(&index_bytes), "{index_bytes}");
        assert_eq!(room.keys, 0);
        room.make(db.engine().keyspace(), DbIndex(1), 1_000);
        assert_eq!(db.engine().keyspace().table_statistics(DbIndex(1)).index_bytes, 0);
    }
}

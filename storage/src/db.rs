//! The engine inside your own program.

use crate::command::table::CommandTable;
use crate::commands;
use crate::engine::{Engine, EngineOptions, Executor, Outcome, Setting};
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::time::{Clock, UnixMillis};
use spinel_resp::{Protocol, ReplyWriter, Value};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A data set in this process. Cheap to clone; all clones share the data, and any thread may use them.
#[derive(Clone)]
pub struct Db {
    shared: Arc<SharedDb>,
    db: DbIndex,
}

struct SharedDb {
    engine: Arc<Engine>,
    clock: Box<dyn Clock>,
    /// Executors not in use at the moment, so that threads don't wait for each other.
    executors: Mutex<Vec<Executor>>,
}

/// When [`Db::set`] writes, and how long the value lives.
#[derive(Clone, Debug, Default)]
pub struct SetOptions {
    /// The key is removed at this time.
    pub expires_at: Option<UnixMillis>,
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Db {
    /// Makes an empty data set that lives as long as its handles.
    pub fn memory() -> Db {
        Db::with_clock(SystemClock)
    }

    /// Makes an empty data set that takes the time from `clock`.
    pub fn with_clock(clock: impl Clock + 'static) -> Db {
        let options = EngineOptions { databases: 16, seed: (random_word(), random_word()) };
        let rows: Vec<_> = commands::all().collect();
        let engine = Arc::new(Engine::new(&options, CommandTable::new(&rows)));
        let shared = SharedDb { engine, clock: Box::new(clock), executors: Mutex::default() };
        Db { shared: Arc::new(shared), db: DbIndex(0) }
    }

    /// A handle to another database of the same data set.
    pub fn select(&self, number: u16) -> Result<Db, Error> {
        let db = self.shared.engine.keyspace().db(number.into()).ok_or(Error::DbIndexOutOfRange)?;
        Ok(Db { shared: Arc::clone(&self.shared), db })
    }

    /// The engine: journal, statistics, upkeep.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.shared.engine
    }

    /// Runs any data command and returns its reply in RESP3 terms.
    pub fn execute<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> Result<Value, Error> {
        let words: Vec<W> = words.into_iter().collect();
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let prepared = self.shared.engine.prepare(&words)?;
        let mut reply = ReplyWriter::new(Protocol::Resp3);
        let mut executor = self.take_executor();
        let setting = Setting { db: self.db, is_untouching: false, allows_guarded: true };
        let outcome = executor.begin(self.shared.clock.now()).execute(&prepared, setting, &words, &mut reply);
        self.executors().push(executor);
        match outcome {
            Outcome::Done => {
                let decoded =
                    spinel_resp::decode(reply.bytes()).expect("a handler writes well-formed replies");
                Ok(decoded.expect("a handler writes a whole reply").0)
            }
            Outcome::Failed(error) => Err(error),
            Outcome::ForHost => Err(Error::Text("ERR this command needs a server")),
        }
    }

    /// The string value of a key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        match self.execute([b"GET", key.as_ref()])? {
            Value::Bulk(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// Sets the string value of a key.
    pub fn set(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: &SetOptions,
    ) -> Result<(), Error> {
        let mut words = vec![b"SET".to_vec(), key.as_ref().to_vec(), value.as_ref().to_vec()];
        if let Some(UnixMillis(at)) = options.expires_at {
            words.extend([b"PXAT".to_vec(), at.to_string().into_bytes()]);
        }
        self.execute(words).map(drop)
    }

    fn executors(&self) -> std::sync::MutexGuard<'_, Vec<Executor>> {
        self.shared.executors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_executor(&self) -> Executor {
        let waiting = self.executors().pop();
        waiting.unwrap_or_else(|| Executor::new(Arc::clone(&self.shared.engine), random_word()))
    }
}

/// A random word from the standard library's hash seeds, which come from the operating system.
fn random_word() -> u64 {
    RandomState::new().build_hasher().finish()
}

//! The engine inside your own program.

mod calls;
mod options;
mod scan;

use crate::command::table::CommandTable;
use crate::commands;
use crate::engine::wait::Waiter;
use crate::engine::{Engine, EngineOptions, Executor, Outcome, Patience, Setting};
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::system::{SystemClock, random_word};
use crate::time::Clock;
use spinel_resp::{Protocol, ReplyWriter, Value};
use std::sync::{Arc, Mutex, PoisonError};

pub use options::{SetCondition, SetExpiry, SetOptions, TimeToLive};
pub use scan::Scan;

/// Keys that one [`Db::tick`] removes at most, or few more: about a millisecond's work.
pub const TICK_KEYS_MAX: usize = 10_000;

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
    ///
    /// A blocking command stops the thread until another one brings what it waits for, or its time is up.
    ///
    /// ```
    /// use spinel_storage::{Db, Value};
    ///
    /// let db = Db::memory();
    /// let worker = std::thread::spawn({
    ///     let db = db.clone();
    ///     move || db.execute(["BLPOP", "jobs", "0"])
    /// });
    /// db.execute(["RPUSH", "jobs", "one"])?;
    /// let job = worker.join().expect("it got its job")?;
    /// assert_eq!(job, Value::Array(vec![Value::Bulk(b"jobs".to_vec()), Value::Bulk(b"one".to_vec())]));
    /// # Ok::<(), spinel_storage::Error>(())
    /// ```
    pub fn execute<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> Result<Value, Error> {
        self.run(words, Patience::Waits)
    }

    /// As [`Db::execute`], but a blocking command that finds nothing replies so at once.
    pub fn execute_now<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> Result<Value, Error> {
        self.run(words, Patience::None)
    }

    fn run<W: AsRef<[u8]>>(
        &self,
        words: impl IntoIterator<Item = W>,
        patience: Patience,
    ) -> Result<Value, Error> {
        let words: Vec<W> = words.into_iter().collect();
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let prepared = self.shared.engine.prepare(&words)?;
        let mut reply = ReplyWriter::new(Protocol::Resp3);
        let mut executor = self.take_executor();
        let setting = Setting { db: self.db, allows_guarded: true, patience, ..Setting::default() };
        let outcome = executor.begin(self.shared.clock.now()).execute(&prepared, setting, &words, &mut reply);
        self.executors().push(executor);
        match outcome {
            Outcome::Done => Ok(decode(reply.bytes())),
            Outcome::Failed(error) => Err(error),
            Outcome::ForHost => Err(Error::Text("ERR this command needs a server")),
            Outcome::Waiting(waiter) => self.wait(&waiter),
        }
    }

    /// Waits on the calling thread until somebody serves the waiter, or its time is up.
    fn wait(&self, waiter: &Arc<Waiter>) -> Result<Value, Error> {
        let served = waiter.block().or_else(|| {
            waiter.give_up();
            let mut executor = self.take_executor();
            let served = executor.begin(self.shared.clock.now()).leave(waiter);
            self.executors().push(executor);
            served
        });
        let served = served.expect("it was served, or gave up");
        served.failure.map_or_else(|| Ok(decode(&served.reply)), Err)
    }

    /// Removes keys that have expired, and returns how many; at most about [`TICK_KEYS_MAX`].
    ///
    /// Expired keys are invisible in any case; this gives their memory back. Call it some ten times a second,
    /// and again at once while it returns many. A call with nothing to do costs a lock per shard.
    ///
    /// ```
    /// use spinel_storage::time::ManualClock;
    /// use spinel_storage::{Db, SetOptions, UnixMillis};
    /// use std::sync::Arc;
    ///
    /// let clock = Arc::new(ManualClock::new(UnixMillis(0)));
    /// let db = Db::with_clock(Arc::clone(&clock));
    /// db.set("short", "lived", &SetOptions::default().expires_at(UnixMillis(1000)))?;
    /// clock.set(UnixMillis(2000));
    /// assert_eq!((db.get("short")?, db.len()), (None, 0));
    /// db.set("short", "lived", &SetOptions::default().expires_at(UnixMillis(3000)))?;
    /// clock.set(UnixMillis(3000));
    /// assert_eq!((db.tick(), db.len()), (1, 0));
    /// # Ok::<(), spinel_storage::Error>(())
    /// ```
    pub fn tick(&self) -> usize {
        let now = self.shared.clock.now();
        let removed = self.shared.engine.expire_round(now, TICK_KEYS_MAX);
        let mut executor = self.take_executor();
        executor.begin(now).serve_overdue();
        self.executors().push(executor);
        removed
    }

    /// The number of this handle's database.
    pub fn index(&self) -> DbIndex {
        self.db
    }

    fn executors(&self) -> std::sync::MutexGuard<'_, Vec<Executor>> {
        self.shared.executors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_executor(&self) -> Executor {
        let waiting = self.executors().pop();
        waiting.unwrap_or_else(|| Executor::new(Arc::clone(&self.shared.engine), random_word()))
    }
}

/// The value of a reply that the engine wrote.
fn decode(reply: &[u8]) -> Value {
    let decoded = spinel_resp::decode(reply).expect("a handler writes well-formed replies");
    decoded.expect("a handler writes a whole reply").0
}

//! The engine inside your own program.

mod calls;
mod disk;
mod durable;
mod open;
mod options;
mod scan;

use crate::command::flags::Flags;
use crate::command::table::CommandTable;
use crate::commands;
use crate::engine::wait::Waiter;
use crate::engine::{Engine, EngineOptions, Executor, Outcome, Patience, Setting};
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::lock;
use crate::system::{SystemClock, random_word};
use crate::time::Clock;
use disk::Disk;
use spinel_persistence::vfs::{RealVfs, Vfs};
use spinel_resp::{Protocol, ReplyWriter, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

pub use open::{Durability, OpenOptions, Recovery};
pub use options::{SetCondition, SetExpiry, SetOptions, TimeToLive};
pub use scan::Scan;

/// Keys that one [`Db::tick`] removes at most, or few more: about a millisecond's work.
pub const TICK_KEYS_MAX: usize = 10_000;

/// A data set in this process. Cheap to clone; all clones share the data, and any thread may use them.
#[derive(Clone)]
pub struct Db {
    shared: Arc<SharedDb>,
    index: DbIndex,
    durability: Durability,
}

struct SharedDb {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    /// Executors not in use at the moment, so that threads don't wait for each other.
    executors: Mutex<Vec<Executor>>,
    /// The files, unless the data set lives in memory alone.
    disk: Option<Disk>,
    /// Where copies are written.
    vfs: Arc<dyn Vfs>,
    /// Held while a whole copy is written: there is one snapshot at a time.
    copying: Mutex<()>,
    /// Whether the files are closed, so that nothing may be written any more.
    is_closed: AtomicBool,
    /// Calls that are stopped until somebody brings what they wait for.
    waiting: Mutex<Vec<Arc<Waiter>>>,
}

impl SharedDb {
    fn new(engine: Arc<Engine>, clock: Arc<dyn Clock>) -> SharedDb {
        SharedDb {
            engine,
            clock,
            executors: Mutex::default(),
            disk: None,
            vfs: Arc::new(RealVfs),
            copying: Mutex::default(),
            is_closed: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }
}

/// An empty engine that has all data commands.
fn engine(databases: u16) -> Arc<Engine> {
    let options = EngineOptions { databases: databases.max(1), seed: (random_word(), random_word()) };
    let rows: Vec<_> = commands::all().collect();
    Arc::new(Engine::new(&options, CommandTable::new(&rows)))
}

impl Db {
    /// Makes an empty data set that lives as long as its handles.
    pub fn memory() -> Db {
        Db::with_clock(SystemClock)
    }

    /// Makes an empty data set that takes the time from `clock`.
    pub fn with_clock(clock: impl Clock + 'static) -> Db {
        let shared = SharedDb::new(engine(16), Arc::new(clock));
        Db { shared: Arc::new(shared), index: DbIndex(0), durability: Durability::None }
    }

    /// A handle to another database of the same data set.
    pub fn select(&self, number: u16) -> Result<Db, Error> {
        let index = self.shared.engine.keyspace().db(number.into()).ok_or(Error::DbIndexOutOfRange)?;
        Ok(Db { index, ..self.clone() })
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
        self.settled(self.run(words, Patience::Waits))
    }

    /// As [`Db::execute`], but a blocking command that finds nothing replies so at once.
    pub fn execute_now<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> Result<Value, Error> {
        self.settled(self.run(words, Patience::None))
    }

    /// Waits for what the handle promises of a call that has run.
    fn settled(&self, result: Result<Value, Error>) -> Result<Value, Error> {
        let outcome = self.shared.disk.as_ref().map_or(Ok(()), |disk| disk.settle(self.durability));
        // Why a call failed says more than that it can't be told for sure.
        result.and_then(|value| outcome.map(|()| value))
    }

    /// Why a command that writes must not run, if it must not. Who asks inside a turn has the last word: who closes the data
    /// set waits until all are out.
    fn refusal(&self) -> Option<Error> {
        if self.shared.is_closed.load(Ordering::SeqCst) {
            return Some(Error::Closed);
        }
        self.shared.disk.as_ref().and_then(Disk::refusal)
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
        let setting = Setting { db: self.index, allows_guarded: true, patience, ..Setting::default() };
        let writes = self.shared.engine.table().row(prepared.id).command.flags.contains(Flags::WRITE);
        let mut turn = executor.begin(self.shared.clock.now());
        let refusal = if writes { self.refusal() } else { None };
        let outcome = match refusal {
            Some(refusal) => Outcome::Failed(refusal),
            None => turn.execute(&prepared, setting, &words, &mut reply),
        };
        drop(turn);
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
        lock(&self.shared.waiting).push(Arc::clone(waiter));
        if self.shared.is_closed.load(Ordering::SeqCst) {
            // Who closed the data set may not have seen it.
            waiter.fail(Error::Closed);
        }
        let served = waiter.block().or_else(|| {
            waiter.give_up();
            let mut executor = self.take_executor();
            let served = executor.begin(self.shared.clock.now()).leave(waiter);
            self.executors().push(executor);
            served
        });
        lock(&self.shared.waiting).retain(|other| !Arc::ptr_eq(other, waiter));
        let served = served.expect("it was served, or gave up");
        served.failure.map_or_else(|| Ok(decode(&served.reply)), Err)
    }

    /// Removes keys that have expired, and returns how many; at most about [`TICK_KEYS_MAX`]. Entries of HTTP caches that
    /// were purged go, too.
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
        if self.shared.is_closed.load(Ordering::Relaxed) {
            return 0;
        }
        let now = self.shared.clock.now();
        let removed = self.shared.engine.expire_round(now, TICK_KEYS_MAX);
        self.shared.engine.finish_purges();
        let mut executor = self.take_executor();
        executor.begin(now).serve_overdue();
        self.executors().push(executor);
        removed
    }

    /// The number of this handle's database.
    pub fn index(&self) -> DbIndex {
        self.index
    }

    fn executors(&self) -> MutexGuard<'_, Vec<Executor>> {
        lock(&self.shared.executors)
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

//! The files of a [`Db`](super::Db): opening, waiting for the disk, and whole copies.

use super::open::{Durability, OpenOptions, Recovery};
use crate::Executor;
use crate::durable::{
    FileOptions, Following, HostReplay, Log, LogEvent, LogPlace, OpenError, ReplayHost, SaveError, load_file,
    make_directory,
};
use crate::engine::{Closed, Engine, ExpiredKeys, LoadListener, LoadOptions, Loaded, PresentKeys};
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::lock;
use crate::system::random_word;
use crate::time::UnixMillis;
use spinel_persistence::log::{SyncPolicy, SyncedTo, TailCut};
use spinel_persistence::rdb::Verification;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The files of an open data set.
pub(super) struct Disk {
    log: Arc<Log>,
    /// Function libraries, which only a server can run. They are kept as they are.
    libraries: Vec<Vec<u8>>,
    recovery: Recovery,
}

impl Disk {
    /// Loads what is there into an empty engine, and begins a log if there is none.
    pub(super) fn open(engine: &Arc<Engine>, dir: &Path, options: &OpenOptions) -> Result<Disk, OpenError> {
        make_directory(&*options.vfs, dir)?;
        let cut = Arc::new(Mutex::new(None));
        let note = {
            let cut = Arc::clone(&cut);
            move |event: LogEvent<'_>| {
                if let LogEvent::Cut(found) = event {
                    *lock(&cut) = Some(TailCut::clone(found));
                }
            }
        };
        let place = LogPlace { vfs: Arc::clone(&options.vfs), names: options.names(dir) };
        let log = Log::new(Arc::clone(engine), Arc::clone(&options.clock), place, Box::new(note));
        log.set_policy(policy(options.durability));
        let mut host = Host::default();
        let closed = engine.close();
        let loaded = log.load(&closed, options.reading, Verification::On, random_word(), &mut host)?;
        let is_new = loaded.is_none();
        let loaded = match loaded {
            Some(loaded) => loaded,
            None => load_snapshot(&closed, &dir.join(&options.snapshot_file), options, &mut host)?,
        };
        drop(closed);
        let recovery = Recovery { loaded, cut: lock(&cut).take(), passed_modules: host.passed_modules };
        let disk = Disk { log, libraries: host.libraries, recovery };
        if is_new {
            let mut executor = Executor::new(Arc::clone(engine), random_word());
            let begun = disk.rewrite(&mut executor, options.clock.now());
            begun.map_err(OpenError::Begin)?;
        }
        Ok(disk)
    }

    /// What was found.
    pub(super) fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Gives handles what they promise.
    pub(super) fn promise(&self, durability: Durability) {
        if durability == Durability::EverySecond {
            self.log.sync_every_second();
        }
    }

    /// Why commands that write must not run, if they must not.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.log.failure().map(|failure| Error::NotDurable(failure.to_string()))
    }

    /// Waits for what a handle promises of calls that have run.
    pub(super) fn settle(&self, durability: Durability) -> Result<(), Error> {
        let barrier = self.log.barrier_if(durability == Durability::Always);
        if barrier.is_some() && self.log.is_strict() {
            self.log.sync_here();
        } else {
            self.log.wake();
        }
        let outcome = barrier.map_or(Ok(()), SyncedTo::wait);
        outcome.map_err(|failure| Error::NotDurable(failure.to_string()))
    }

    /// How large the files of the log are, in bytes.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.sizes().current
    }

    /// How a file of this data set is written.
    pub(super) fn file_options(&self, engine: &Engine, now: UnixMillis) -> FileOptions {
        FileOptions { libraries: self.libraries.clone(), ..file_options(engine, now) }
    }

    /// Writes the log anew.
    pub(super) fn rewrite(&self, executor: &mut Executor, now: UnixMillis) -> Result<(), SaveError> {
        let rewrite = self.log.begin_rewrite(executor, Following::Logged)?;
        rewrite.write(&self.file_options(executor.engine(), now))
    }

    /// Writes the rest and closes the files.
    pub(super) fn close(&self) -> Result<(), SaveError> {
        Ok(self.log.stop()?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Who wants to know how it ends closes the data set.
        let _ = self.close();
    }
}

/// How a file is written of a data set that has nothing but data.
pub(super) fn file_options(engine: &Engine, now: UnixMillis) -> FileOptions {
    let keyspace = engine.keyspace();
    let databases = (0..keyspace.databases()).map(|number| keyspace.statistics(DbIndex(number)));
    let used_bytes = databases.map(|database| database.memory_bytes as u64).sum();
    FileOptions { used_bytes, ..FileOptions::new(now) }
}

fn policy(durability: Durability) -> SyncPolicy {
    match durability {
        Durability::Always => SyncPolicy::Always,
        Durability::EverySecond => SyncPolicy::EverySecond,
        Durability::None => SyncPolicy::No,
    }
}

/// Loads the snapshot that a log is to begin with, if there is one.
fn load_snapshot(
    closed: &Closed,
    path: &Path,
    options: &OpenOptions,
    host: &mut Host,
) -> Result<Loaded, OpenError> {
    let load = LoadOptions {
        now: options.clock.now(),
        expired: ExpiredKeys::Drop,
        verification: Verification::On,
        present: PresentKeys::None,
    };
    Ok(load_file(closed, (&*options.vfs, path), &load, host)?.unwrap_or_default())
}

/// Keeps what belongs to a data set and is no data.
#[derive(Default)]
struct Host {
    libraries: Vec<Vec<u8>>,
    passed_modules: Vec<String>,
}

impl LoadListener for Host {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        self.libraries.push(code.to_vec());
        Ok(())
    }

    fn passed_module(&mut self, name: &str) {
        self.passed_modules.push(name.to_owned());
    }
}

impl ReplayHost for Host {
    fn run(&mut self, call: HostReplay<'_, '_>) -> Result<(), OpenError> {
        Err(OpenError::UnknownCommand(String::from_utf8_lossy(call.words[0]).into_owned()))
    }
}

//! DEBUG RELOAD and DEBUG LOADAOF: the data set goes to its files and comes back from them.
//!
//! The thread `saver` does it, with the keyspace closed: so what is loaded is what was there, and nothing of what is
//! half there is seen. As long as it saves, others wait; as long as it loads, they are told so.

use super::load::{load_snapshot_file, replay};
use super::{Kind, Order, Persistence, Work, files, place, saver};
use crate::config::table;
use crate::config::value::Value;
use crate::log;
use crate::server::Shared;
use spinel_persistence::log::Until;
use spinel_persistence::vfs::RealVfs;
use spinel_storage::durable::{OpenError, SaveError, read_log};
use spinel_storage::engine::{Closed, Loaded};
use spinel_storage::system::{SystemClock, random_word};
use spinel_storage::{Clock, Error};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long to wait for what is written until it is looked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

const BAD_SNAPSHOT: Error = Error::Text("ERR Error trying to load the RDB dump, check server logs.");
const BAD_LOG: Error = Error::Text("ERR Error trying to load the AOF files, check server logs.");
const NOT_SAVED: Error = Error::Text("ERR");

/// What is to be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reload {
    /// A snapshot.
    Snapshot {
        /// Whether it is made before; otherwise the one that is there counts.
        saves: bool,
    },
    /// The log.
    Log,
}

/// Hears how it ended.
pub(super) type ReloadAnswer = Box<dyn FnOnce(Result<(), Error>) + Send>;

impl Persistence {
    /// Loads the data set anew, after all that is being written.
    pub(crate) fn reload(&self, reload: Reload, answer: impl FnOnce(Result<(), Error>) + Send + 'static) {
        // The saver ends when the server does.
        let _ = self.orders.send(Order::Reload { reload, answer: Box::new(answer) });
    }
}

/// Loads the data set anew; later if something else is to be written first.
pub(super) fn run(shared: &Shared, reload: Reload, answer: ReloadAnswer) {
    let persistence = &shared.persistence;
    if !persistence.reserve(Work::Reload) {
        thread::sleep(LOOK_AGAIN);
        // As above.
        let _ = persistence.orders.send(Order::Reload { reload, answer });
        return;
    }
    let outcome = match reload {
        Reload::Snapshot { saves } => reload_snapshot(shared, saves),
        Reload::Log => reload_log(shared),
    };
    persistence.state().end();
    answer(outcome);
}

fn reload_snapshot(shared: &Shared, saves: bool) -> Result<(), Error> {
    let (config, closed) = (&shared.config, shared.engine.close());
    if saves {
        save(shared, &closed).map_err(|error| {
            log::warning(&format!("The data set is not reloaded, as it can't be saved: {error}"));
            NOT_SAVED
        })?;
    }
    let path = if saves { place::snapshot(config, place::format(config)) } else { place::newest(config) };
    let Some(path) = path.filter(|path| path.is_file()) else {
        log::warning("The data set is not reloaded: there is no file.");
        return Err(BAD_SNAPSHOT);
    };
    fill(shared, closed, |closed| {
        let loaded = load_snapshot_file(shared, closed, &path)?;
        Ok(loaded.unwrap_or_default())
    })
    .map_err(|error| {
        log::warning(&format!("{} can't be loaded: {error}", path.display()));
        BAD_SNAPSHOT
    })?;
    if !saves && config.is_on(table::APPENDONLY) {
        // It has nothing of what was loaded.
        shared.persistence.schedule(Kind::Rewrite);
    }
    log::notice("DB reloaded by DEBUG RELOAD");
    Ok(())
}

fn save(shared: &Shared, closed: &Closed) -> Result<(), SaveError> {
    let snapshot = closed.begin_snapshot()?;
    let changes = shared.engine.counters().changes;
    let written = saver::write(shared, &snapshot);
    // Given up or not, it ends while the keyspace is closed.
    shared.persistence.forget_snapshot();
    drop(snapshot);
    if written.is_ok() {
        shared.persistence.note_saved(changes);
    }
    written
}

fn reload_log(shared: &Shared) -> Result<(), Error> {
    let (config, log) = (&shared.config, &shared.persistence.log);
    let closed = shared.engine.close();
    if !files::names(config).manifest().is_file() {
        log::warning("The append only file is not loaded: there is none.");
        return Err(BAD_LOG);
    }
    let is_kept = log.is_on();
    log.stop().map_err(|error| {
        log::warning(&format!("The append only file could not be closed: {error}"));
        BAD_LOG
    })?;
    let outcome = fill(shared, closed, |closed| {
        replay((shared, closed), Until::End, |options, verification, host| {
            if is_kept {
                let loaded = log.load(closed, options, verification, random_word(), host)?;
                return Ok(loaded.unwrap_or_default());
            }
            let given = (verification, SystemClock.now(), random_word());
            let place = (Arc::new(RealVfs) as _, files::names(config));
            read_log(closed, place, options, given, host).map(|(loaded, _)| loaded)
        })
    });
    outcome.map_err(|error| {
        log::warning(&format!("The append only file can't be loaded: {error}"));
        BAD_LOG
    })?;
    log::notice("Append Only File loaded by DEBUG LOADAOF");
    Ok(())
}

/// Turns the log off: it must not be written anew of what is left in memory.
fn keep_log(shared: &Shared) {
    if shared.config.is_on(table::APPENDONLY) {
        log::warning("appendonly is off now, so that the append only file stays as it is.");
        shared.config.store(table::APPENDONLY, &Value::Number(0));
    }
    shared.persistence.state().is_rewrite_scheduled = false;
}

/// Loads into the closed keyspace, and opens it. After a failure it is empty.
fn fill(
    shared: &Shared,
    closed: Closed,
    load: impl FnOnce(&Closed) -> Result<Loaded, OpenError>,
) -> Result<(), OpenError> {
    let persistence = &shared.persistence;
    persistence.begin_loading();
    closed.empty();
    if let Err(error) = shared.scripts.interpreter().flush_libraries() {
        log::warning(&format!("Function libraries stay: {}", String::from_utf8_lossy(error.text())));
    }
    shared.scripts.sums();
    let outcome = load(&closed);
    match &outcome {
        Ok(loaded) => persistence.note_loaded(*loaded),
        Err(_) => keep_log(shared),
    }
    persistence.end_loading();
    closed.tell_emptied();
    drop(closed);
    shared.pubsub.end_round();
    outcome.map(|_| ())
}

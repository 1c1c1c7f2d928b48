//! DEBUG RELOAD and DEBUG LOADAOF: the data set goes to its files and comes back from them.
//!
//! The thread `saver` does it, with the keyspace closed: so what is loaded is what was there, and nothing of what is
//! half there is seen. As long as it saves, others wait; as long as it loads, they are told so.

use super::load::{load_snapshot_file, replay};
use super::{Kind, LOOK_AGAIN, Order, Persistence, Work, files, place, saver};
use crate::config::table;
use crate::config::value::Value;
use crate::log;
use crate::server::Shared;
use spinel_persistence::log::Until;
use spinel_persistence::vfs::RealVfs;
use spinel_storage::durable::{OpenError, SaveError, read_log};
use spinel_storage::engine::{Closed, ExpiredKeys, Loaded, PresentKeys};
use spinel_storage::system::{SystemClock, random_word};
use spinel_storage::{Clock, Error};
use std::sync::Arc;
use std::thread;

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
        /// Whether nothing of what is there stays.
        empties: bool,
        /// What happens to a key that is there and in the snapshot.
        present: PresentKeys,
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
    let bodies = shared.engine.keyspace().bodies();
    if let Some(bodies) = bodies {
        // What is about to be forgotten is named in what is loaded.
        bodies.begin_loading();
    }
    let outcome = match reload {
        Reload::Snapshot { saves, empties, present } => reload_snapshot(shared, saves, (empties, present)),
        Reload::Log => reload_log(shared),
    };
    if let Some(bodies) = bodies {
        bodies.end_loading();
    }
    persistence.end();
    answer(outcome);
}

fn reload_snapshot(
    shared: &Shared,
    saves: bool,
    (empties, present): (bool, PresentKeys),
) -> Result<(), Error> {
    let (config, closed) = (&shared.config, shared.engine.close());
    if saves {
        save(shared, &closed).map_err(|error| {
            log::warning!("The data set is not reloaded, as it can't be saved: {error}");
            NOT_SAVED
        })?;
    }
    let path = if saves { place::snapshot(config, place::format(config)) } else { place::newest(config) };
    let Some(path) = path.filter(|path| path.is_file()) else {
        log::warning!("The data set is not reloaded: there is no file.");
        return Err(BAD_SNAPSHOT);
    };
    fill(shared, closed, empties.then_some(Emptying::Waits), |closed| {
        let given = (ExpiredKeys::Drop, present);
        let loaded = load_snapshot_file((shared, closed), &path, given, None)?;
        Ok(loaded.unwrap_or_default())
    })
    .map_err(|error| {
        log::warning!("{} can't be loaded: {error}", path.display());
        if empties {
            keep_log(shared);
        }
        BAD_SNAPSHOT
    })?;
    let is_new = !saves || !empties;
    if is_new && config.is_on(table::APPENDONLY) {
        // It has nothing of what was loaded.
        shared.persistence.schedule(Kind::Rewrite);
    }
    log::notice!("DB reloaded by DEBUG RELOAD");
    Ok(())
}

fn save(shared: &Shared, closed: &Closed) -> Result<(), SaveError> {
    let snapshot = closed.begin_snapshot()?;
    let changes = shared.engine.counters().changes;
    let written = saver::write(shared, &snapshot, shared.replication.place());
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
        log::warning!("The append only file is not loaded: there is none.");
        return Err(BAD_LOG);
    }
    let is_kept = log.is_on();
    log.stop().map_err(|error| {
        log::warning!("The append only file could not be closed: {error}");
        BAD_LOG
    })?;
    let outcome = fill(shared, closed, Some(Emptying::Waits), |closed| {
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
        log::warning!("The append only file can't be loaded: {error}");
        keep_log(shared);
        BAD_LOG
    })?;
    log::notice!("Append Only File loaded by DEBUG LOADAOF");
    Ok(())
}

/// Turns the log off: it must not be written anew of what is left in memory.
fn keep_log(shared: &Shared) {
    if shared.config.is_on(table::APPENDONLY) {
        log::warning!("appendonly is off now, so that the append only file stays as it is.");
        shared.config.store(table::APPENDONLY, &Value::Number(0));
    }
    shared.persistence.state().is_rewrite_scheduled = false;
}

/// Who gives back the memory of what was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Emptying {
    /// The caller.
    Waits,
    /// Another thread.
    Goes,
}

/// Loads into the closed keyspace, and opens it. If that is emptied before, it is empty after a failure, too.
pub(super) fn fill(
    shared: &Shared,
    closed: Closed,
    empties: Option<Emptying>,
    load: impl FnOnce(&Closed) -> Result<Loaded, OpenError>,
) -> Result<(), OpenError> {
    let persistence = &shared.persistence;
    persistence.begin_loading();
    if let Some(emptying) = empties {
        empty(shared, &closed, emptying);
    }
    let outcome = load(&closed);
    if let Ok(loaded) = &outcome {
        persistence.note_loaded(*loaded);
    }
    persistence.end_loading();
    // Whoever knows of a key asks again.
    closed.tell_emptied();
    drop(closed);
    shared.pubsub.end_round();
    outcome.map(|_| ())
}

fn empty(shared: &Shared, closed: &Closed, emptying: Emptying) {
    match emptying {
        Emptying::Waits => closed.empty(),
        Emptying::Goes => closed.empty_lazily(),
    }
    if let Err(error) = shared.scripts.interpreter().flush_libraries() {
        log::warning!("Function libraries stay: {}", String::from_utf8_lossy(error.text()));
    }
    shared.scripts.sums();
}

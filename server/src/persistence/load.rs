//! Loading what is on disk when the server starts.

use super::{Kind, Request, files, leftovers, place};
use crate::clients::Peer;
use crate::commands::scripting::load_library;
use crate::config::table;
use crate::log;
use crate::server::{Shared, now};
use crate::session::{Output, Session};
use crate::statistics::{Meter, Statistics};
use spinel_persistence::log::{ReadOptions, Until};
use spinel_persistence::rdb::Verification;
use spinel_persistence::vfs::RealVfs;
use spinel_persistence::{StreamFields, StreamPlace};
use spinel_storage::Executor;
use spinel_storage::durable::{Following, HostReplay, OpenError, Purpose, ReplayHost, load_file};
use spinel_storage::engine::{Closed, ExpiredKeys, LoadListener, LoadOptions, Loaded, PresentKeys};
use spinel_storage::system::random_word;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What is not larger is loaded in a moment, for which who comes may wait; others are told that a data set is loaded.
const BRIEF_BYTES: u64 = 2 << 20;

/// Loads the log if there is to be one, else the snapshot, and opens the keyspace. The error says why the server can't
/// start; then nobody is let in.
pub(crate) fn load(shared: &Arc<Shared>, closed: Closed) -> Result<(), String> {
    let outcome = load_all(shared, &closed);
    let (loaded, place) = match outcome {
        Ok(loaded) => loaded,
        Err(error) => {
            // The process is about to end: until then there is no data set to be seen.
            std::mem::forget(closed);
            return Err(error);
        }
    };
    shared.persistence.note_loaded(loaded);
    shared.persistence.end_loading();
    if let Some(place) = place {
        shared.replication.restore(place, shared);
    }
    drop(closed);
    if let Some(bodies) = shared.engine.keyspace().bodies() {
        bodies.end_loading();
    }
    leftovers::remove(&shared.config);
    Ok(())
}

/// What was loaded, and where in a stream it stands, if that is known.
type Placed = (Loaded, Option<StreamPlace>);

fn load_all(shared: &Arc<Shared>, closed: &Closed) -> Result<Placed, String> {
    let keeps_log = shared.config.is_on(table::APPENDONLY);
    let logged = if keeps_log { load_log(shared, closed).map_err(|error| error.to_string())? } else { None };
    match logged {
        Some(loaded) => Ok(loaded),
        // Who turns the log on with a snapshot at hand doesn't want to start from nothing.
        None => load_snapshot(shared, closed),
    }
}

/// Begins a log if there is to be one and there was none.
pub(crate) fn begin_log(shared: &Arc<Shared>) {
    let persistence = &shared.persistence;
    if shared.config.is_on(table::APPENDONLY) && !persistence.log.is_on() {
        let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
        let request = Request::unanswered(Kind::Rewrite);
        if persistence.begin(shared, &mut executor.begin(now()), request).is_err() {
            persistence.schedule(Kind::Rewrite);
        }
    }
}

/// Makes the log what it was once. The error says why it can't be.
pub(crate) fn restore(shared: &Arc<Shared>, until: Until) -> Result<(), String> {
    let log = &shared.persistence.log;
    let closed = shared.engine.close();
    let read = replay((shared, &closed), until, |options, verification, host| {
        log.read(&closed, options, verification, random_word(), host)
    });
    drop(closed);
    let offset = read.map_err(|error| error.to_string())?.ok_or("There is no log to go back in.")?;
    let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
    let rewrite = log.begin_rewrite(&mut executor, Following::Unlogged);
    let rewrite = rewrite.map_err(|error| error.to_string())?;
    rewrite.write(&files::options(shared, Purpose::LogBase)).map_err(|error| error.to_string())?;
    log::notice!("The append only file is now what it was at offset {offset}.");
    Ok(())
}

/// Loads the log and goes on with it; none if there is no log yet.
fn load_log(shared: &Arc<Shared>, closed: &Closed) -> Result<Option<Placed>, OpenError> {
    let started = Instant::now();
    let loaded = replay((shared, closed), Until::End, |options, verification, host| {
        let loaded = shared.persistence.log.load(closed, options, verification, random_word(), host)?;
        Ok(loaded.map(|loaded| (loaded, host.place)))
    })?;
    if loaded.is_some() {
        log::notice!("DB loaded from append only file: {:.3} seconds", started.elapsed().as_secs_f64());
    }
    Ok(loaded)
}

/// Has a log read as the settings say, by `read`.
pub(super) fn replay<T>(
    (shared, closed): (&Shared, &Closed),
    until: Until,
    read: impl FnOnce(ReadOptions, Verification, &mut Host<'_>) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let config = &shared.config;
    let options = ReadOptions {
        load_truncated: config.is_on(table::AOF_LOAD_TRUNCATED),
        corrupt_tail_bytes_max: config.number(table::AOF_LOAD_CORRUPT_TAIL_MAX_SIZE).unsigned_abs(),
        until,
        ..ReadOptions::default()
    };
    let mut host = Host::new(shared, closed);
    let outcome = read(options, files::verification(config), &mut host);
    host.leave();
    outcome
}

/// Loads a snapshot as the settings say; nothing if there is none. Who wants to go on in the stream where it stands gives `fields`,
/// and gets what has expired, too, if it stands somewhere.
pub(super) fn load_snapshot_file(
    (shared, closed): (&Shared, &Closed),
    path: &Path,
    (expired, present): (ExpiredKeys, PresentKeys),
    fields: Option<&mut StreamFields>,
) -> Result<Option<Loaded>, OpenError> {
    let verification = files::verification(&shared.config);
    let options = LoadOptions { now: now(), expired, verification, present };
    let goes_on = fields.is_some();
    let mut listener = Listener { shared, closed, fields: StreamFields::default(), goes_on };
    listener.begin(fs::metadata(path).map_or(0, |metadata| metadata.len()));
    let loaded = load_file(closed, (&RealVfs, path), &options, &mut listener);
    if let Some(fields) = fields {
        *fields = listener.fields;
    }
    loaded
}

fn load_snapshot(shared: &Shared, closed: &Closed) -> Result<Placed, String> {
    let Some(path) = place::newest(&shared.config) else { return Ok(Placed::default()) };
    let started = Instant::now();
    // What has expired the primary removes, if there is one.
    let expired = if shared.upstream.is_replica() { ExpiredKeys::Keep } else { ExpiredKeys::Drop };
    let mut fields = StreamFields::default();
    let loaded = load_snapshot_file((shared, closed), &path, (expired, PresentKeys::None), Some(&mut fields));
    let loaded = loaded.map_err(|error| {
        format!("Terminating server after rdb file reading failure. {}: {error}", path.display())
    })?;
    if loaded.is_some() {
        log::notice!("DB loaded from disk: {:.3} seconds", started.elapsed().as_secs_f64());
    }
    Ok((loaded.unwrap_or_default(), fields.place()))
}

/// Takes what is no key.
struct Listener<'s> {
    shared: &'s Shared,
    closed: &'s Closed,
    /// What a snapshot says of where it stands.
    fields: StreamFields,
    /// Whether somebody goes on there.
    goes_on: bool,
}

impl Listener<'_> {
    /// Notes how much there is to be read.
    fn begin(&mut self, total_bytes: u64) {
        self.shared.persistence.note_loading(|loading| loading.total_bytes = total_bytes);
        if total_bytes > BRIEF_BYTES || self.shared.engine.delays().load.is_set() {
            self.closed.turn_away();
        }
    }
}

impl LoadListener for Listener<'_> {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        load_library(self.shared, code)
    }

    fn passed_module(&mut self, name: &str) {
        log::warning!("Data of the module {name} is left out.");
    }

    fn field(&mut self, name: &[u8], text: &[u8]) {
        self.fields.hear(name, text);
        self.shared.persistence.note_field(name, text);
    }

    fn keeps_expired(&self) -> bool {
        // Who goes on in the stream has them, and is told when they go.
        self.goes_on && self.fields.place().is_some()
    }

    fn progress(&mut self, loaded: &Loaded) {
        self.shared.persistence.note_loading(|loading| loading.bytes = loaded.bytes);
        self.shared.persistence.note_loaded(*loaded);
    }
}

/// Runs what is no data command while a log is replayed, as a client would.
pub(super) struct Host<'s> {
    listener: Listener<'s>,
    /// Where the log says that the data set stands.
    place: Option<StreamPlace>,
    session: Session,
    meter: Meter,
}

impl<'s> Host<'s> {
    fn new(shared: &'s Shared, closed: &'s Closed) -> Host<'s> {
        let peer = Peer { address: Box::default(), local: Box::default(), descriptor: -1, worker: 0 };
        Host {
            listener: Listener { shared, closed, fields: StreamFields::default(), goes_on: false },
            place: None,
            session: Session::new(shared.clients.enter(peer, shared.acl.server(), now()), true, shared),
            meter: Meter::new(Arc::new(Statistics::new(shared.engine.table())), Arc::default()),
        }
    }

    /// Ends what it did as a client.
    fn leave(self) {
        self.listener.shared.clients.leave(&self.session.client, &self.listener.shared.engine);
    }
}

impl LoadListener for Host<'_> {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        self.listener.function(code)
    }

    fn passed_module(&mut self, name: &str) {
        self.listener.passed_module(name);
    }

    fn field(&mut self, name: &[u8], text: &[u8]) {
        self.listener.field(name, text);
    }

    fn progress(&mut self, loaded: &Loaded) {
        self.listener.progress(loaded);
    }
}

impl ReplayHost for Host<'_> {
    fn run(&mut self, call: HostReplay<'_, '_>) -> Result<(), OpenError> {
        let HostReplay { id, words, turn, reply } = call;
        let output = Output { reply, meter: &mut self.meter };
        self.session.execute_host(id, words, (turn, None), self.listener.shared, output);
        Ok(())
    }

    fn stands_at(&mut self, place: StreamPlace) {
        self.place = Some(place);
    }

    fn advance(&mut self, read: u64, total: u64) {
        self.listener.begin(total);
        self.listener.shared.persistence.note_loading(|loading| loading.bytes = read);
    }
}

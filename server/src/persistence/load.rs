//! Loading what is on disk when the server starts.

use super::{Kind, Request, append_only};
use crate::commands::scripting::load_library;
use crate::config::table;
use crate::log;
use crate::server::{Shared, now};
use spinel_persistence::rdb::Verification;
use spinel_storage::Executor;
use spinel_storage::engine::{ExpiredKeys, LoadListener, LoadOptions, Loaded};
use spinel_storage::system::random_word;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Loads the log if there is to be one, else the snapshot. The error says why the server can't start.
pub(crate) fn load(shared: &Arc<Shared>) -> Result<(), String> {
    let keeps_log = shared.config.is_on(table::APPENDONLY);
    let loaded = if keeps_log { append_only::load(shared)? } else { None };
    let loaded = match loaded {
        Some(loaded) => loaded,
        // Who turns the log on with a snapshot at hand doesn't want to start from nothing.
        None => load_snapshot(shared)?,
    };
    shared.persistence.state().loaded = loaded;
    Ok(())
}

/// Begins a log if there is to be one and there was none.
pub(crate) fn begin_log(shared: &Arc<Shared>) {
    let persistence = &shared.persistence;
    if shared.config.is_on(table::APPENDONLY) && !persistence.append_only.is_on() {
        let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
        let request = Request::unanswered(Kind::Rewrite);
        if persistence.begin(shared, &mut executor.begin(now()), request).is_err() {
            persistence.schedule(Kind::Rewrite);
        }
    }
}

fn load_snapshot(shared: &Arc<Shared>) -> Result<Loaded, String> {
    let Some(path) = shared.config.path(table::DBFILENAME) else { return Ok(Loaded::default()) };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::default()),
        Err(error) => return Err(refusal(&path, &error.to_string())),
    };
    let started = Instant::now();
    let loaded = load_rdb(shared, &mut file, ExpiredKeys::Drop).map_err(|error| refusal(&path, &error))?;
    log::notice(&format!("DB loaded from disk: {:.3} seconds", started.elapsed().as_secs_f64()));
    Ok(loaded)
}

fn refusal(path: &Path, reason: &str) -> String {
    format!("Terminating server after rdb file reading failure. {}: {reason}", path.display())
}

/// Loads an RDB file.
pub(super) fn load_rdb(shared: &Shared, source: impl Read, expired: ExpiredKeys) -> Result<Loaded, String> {
    let is_checked = shared.config.is_on(table::RDBCHECKSUM);
    let verification = if is_checked { Verification::On } else { Verification::Off };
    let options = LoadOptions { now: now(), expired, verification };
    shared.engine.load(source, &options, &mut Listener { shared }).map_err(|error| error.to_string())
}

/// Takes what is no key.
struct Listener<'s> {
    shared: &'s Shared,
}

impl LoadListener for Listener<'_> {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        load_library(self.shared, code)
    }

    fn passed_module(&mut self, name: &str) {
        log::warning(&format!("Data of the module {name} is left out."));
    }
}

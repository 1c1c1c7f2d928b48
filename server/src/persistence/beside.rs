//! Loading the snapshot of a primary beside the data set that is there, which is served until the other is whole
//! (`repl-diskless-load swapdb`).

use super::Persistence;
use super::files;
use crate::commands::scripting::replace_libraries;
use crate::log;
use crate::server::{Shared, now};
use spinel_persistence::StreamFields;
use spinel_persistence::vfs::RealVfs;
use spinel_storage::durable::load_file;
use spinel_storage::engine::{Closed, ExpiredKeys, LoadListener, LoadOptions, Loaded, PresentKeys};
use std::fs;
use std::path::Path;

/// Loads a snapshot, and lets it take the place of the data set that is there, all at once. If that fails, everything is as it was.
/// The error is for operators. Nothing else must be written meanwhile.
pub(super) fn take_over(shared: &Shared, path: &Path) -> Result<StreamFields, String> {
    let spare = shared.engine.spare();
    shared.persistence.begin_loading_beside();
    let outcome = load(shared, &spare, path).and_then(|(loaded, incomer)| {
        exchange(shared, &spare, &incomer.libraries)?;
        shared.persistence.note_loaded(loaded);
        Ok(incomer.fields)
    });
    shared.persistence.end_loading();
    outcome
}

/// Loads it into a second keyspace.
fn load<'s>(shared: &'s Shared, spare: &Closed, path: &Path) -> Result<(Loaded, Incomer<'s>), String> {
    let options = LoadOptions {
        now: now(),
        expired: ExpiredKeys::Keep,
        verification: files::verification(&shared.config),
        present: PresentKeys::None,
    };
    let persistence = &shared.persistence;
    let mut incomer = Incomer { persistence, fields: StreamFields::default(), libraries: Vec::new() };
    let total_bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    persistence.note_loading(|loading| loading.total_bytes = total_bytes);
    let loaded = load_file(spare, (&RealVfs, path), &options, &mut incomer);
    Ok((loaded.map_err(|error| error.to_string())?.unwrap_or_default(), incomer))
}

/// Exchanges the data sets, with all that belongs to them.
fn exchange(shared: &Shared, spare: &Closed, libraries: &[Vec<u8>]) -> Result<(), String> {
    log::notice!("MASTER <-> REPLICA sync: Swapping active DB with loaded DB");
    let persistence = &shared.persistence;
    let closed = shared.engine.close();
    let outcome = persistence
        .log
        .stop()
        .map_err(|error| format!("the append only file could not be closed: {error}"))
        .and_then(|()| replace_libraries(shared, libraries))
        .and_then(|()| {
            closed.exchange(spare).map_err(|_| "another snapshot is being made".to_owned())?;
            // Whoever knows of a key asks again.
            closed.tell_emptied();
            Ok(())
        });
    drop(closed);
    shared.pubsub.end_round();
    // It goes on with the data set that there is now.
    persistence.switch_log(&shared.config);
    outcome
}

/// What comes with the keys.
struct Incomer<'s> {
    persistence: &'s Persistence,
    /// What the snapshot says of where it stands.
    fields: StreamFields,
    libraries: Vec<Vec<u8>>,
}

impl LoadListener for Incomer<'_> {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        self.libraries.push(code.to_vec());
        Ok(())
    }

    fn passed_module(&mut self, name: &str) {
        log::warning!("Data of the module {name} is left out.");
    }

    fn field(&mut self, name: &[u8], text: &[u8]) {
        self.fields.hear(name, text);
        self.persistence.note_field(name, text);
    }

    fn progress(&mut self, loaded: &Loaded) {
        self.persistence.note_loading(|loading| loading.bytes = loaded.bytes);
        self.persistence.note_loaded(*loaded);
    }
}

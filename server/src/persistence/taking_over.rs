//! Taking over the data set of a primary: its snapshot comes in the place of what is there.
//!
//! The thread `saver` does it, as it loads a data set anew ([`reload`](super::reload)).

use super::load::load_snapshot_file;
use super::reload::{Emptying, fill};
use super::{LOOK_AGAIN, Order, Persistence, Work, beside};
use crate::config::table;
use crate::server::Shared;
use spinel_persistence::StreamFields;
use spinel_storage::DbIndex;
use spinel_storage::engine::{ExpiredKeys, PresentKeys};
use std::path::{Path, PathBuf};
use std::thread;

/// What `repl-diskless-load` names third.
const SWAPDB: i64 = 2;

/// The database that the stream has selected behind the snapshot; the error is for operators.
pub(crate) type TakenOver = Result<DbIndex, String>;

/// Hears how it ended.
pub(super) type Answer = Box<dyn FnOnce(TakenOver) + Send>;

impl Persistence {
    /// Loads a snapshot instead of what is there. What is being written, which nobody needs any more, ends before.
    pub(crate) fn take_over(&self, path: &Path, answer: impl FnOnce(TakenOver) + Send + 'static) {
        // The saver ends when the server does.
        let _ = self.orders.send(Order::TakeOver { path: path.to_owned(), answer: Box::new(answer) });
    }
}

/// Does it; later if something else is being written.
pub(super) fn run(shared: &Shared, path: PathBuf, answer: Answer) {
    let persistence = &shared.persistence;
    if !persistence.reserve(Work::Reload) {
        persistence.cancel();
        thread::sleep(LOOK_AGAIN);
        // As above.
        let _ = persistence.orders.send(Order::TakeOver { path, answer });
        return;
    }
    let outcome = take_over(shared, &path);
    persistence.end();
    answer(outcome);
}

fn take_over(shared: &Shared, path: &Path) -> TakenOver {
    let is_beside = shared.config.number(table::REPL_DISKLESS_LOAD) == SWAPDB;
    let fields = if is_beside { beside::take_over(shared, path)? } else { take_place(shared, path)? };
    // Servers that copy others tell in which database their stream goes on; others select one.
    let db = fields.db().and_then(|db| shared.engine.keyspace().db(db.into()));
    Ok(db.unwrap_or(DbIndex(0)))
}

/// Loads a snapshot into the keyspace, which is emptied before, and not served until all is there.
fn take_place(shared: &Shared, path: &Path) -> Result<StreamFields, String> {
    let log = &shared.persistence.log;
    let closed = shared.engine.close();
    // The log is of another data set. It stays as it is until one of this is whole.
    log.stop().map_err(|error| format!("the append only file could not be closed: {error}"))?;
    let mut fields = StreamFields::default();
    let is_lazy = shared.config.is_on(table::REPLICA_LAZY_FLUSH);
    let emptying = if is_lazy { Emptying::Goes } else { Emptying::Waits };
    let outcome = fill(shared, closed, Some(emptying), |closed| {
        let given = (ExpiredKeys::Keep, PresentKeys::None);
        Ok(load_snapshot_file((shared, closed), path, given, Some(&mut fields))?.unwrap_or_default())
    });
    shared.persistence.switch_log(&shared.config);
    outcome.map_err(|error| error.to_string())?;
    Ok(fields)
}
